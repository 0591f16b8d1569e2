"""Quantisers in a Python file of the user's own."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from roundel.errors import ModelError


def class_in(file: Path, name: str) -> Any:
    """What a Python file defines under a name; the file is run once a process.

    Raises:
        ModelError: the file is missing or fails, or has no such name.
    """
    module = _module(file.resolve())
    if not hasattr(module, name):
        raise ModelError(f"{file}: has no {name}")
    return getattr(module, name)


@cache
def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"roundel_own_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ModelError(f"{file}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a file of the user's own raises
        raise ModelError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from error
    return module
