"""Prints the rows of every benchmark; names on the command line choose some."""

import importlib
import pkgutil
import sys

import benchmarks

for module in sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__)):
    if module.startswith("_") or (sys.argv[1:] and module not in sys.argv[1:]):
        continue
    rows = getattr(importlib.import_module(f"benchmarks.{module}"), "rows", None)
    if rows is not None:
        print(f"## {module}", flush=True)
        for row in rows():
            print(row, flush=True)
