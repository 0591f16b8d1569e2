"""The coder: million symbols a second, in C and plain, and bytes over the ideal, for Gaussians of 40 scales."""

from collections.abc import Iterator

import numpy as np

from benchmarks.timing import fastest_s
from roundel.coding import Tables, compiled, cost_bits, plain
from roundel.training.entropy.gaussian import gaussian_tables


def rows() -> Iterator[str]:
    scales = np.geomspace(0.11, 256, 64)
    tables, rng = gaussian_tables(scales), np.random.default_rng(0)
    native = compiled.native()
    kinds = [("C", compiled, (native,))] if native else []
    kinds.append(("plain", plain, ()))
    columns = "  ".join(f"{name + ' encode':>12}  {'decode':>6}" for name, _, _ in kinds)
    yield f"{'symbols':>9}  {'bytes':>8}  {'over ideal':>10}  {columns}"
    for count in (100, 1000, 10_000, 100_000, 1_000_000):
        index = rng.integers(0, 40, count).astype(np.int32)
        symbols = np.round(rng.normal(size=count) * scales[index]).astype(np.int32)
        cells = []
        for _, module, arguments in kinds:
            data = _encoded(module, arguments, symbols, index, tables)
            writing = fastest_s(lambda m=module, a=arguments, s=symbols, i=index: _encoded(m, a, s, i, tables))
            reading = fastest_s(lambda m=module, a=arguments, d=data, i=index: m.Reader(d, *a).take(i, tables))
            cells.append(f"{count / writing / 1e6:12.1f}  {count / reading / 1e6:6.1f}")
        over = len(data) - cost_bits(symbols, index, tables) / 8
        yield f"{count:9}  {len(data):8}  {over:10.2f}  {'  '.join(cells)}"


def _encoded(module, arguments, symbols, index, tables: Tables) -> bytes:
    writer = module.Writer(*arguments)
    writer.put(symbols, index, tables)
    return writer.close()
