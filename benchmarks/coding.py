"""The coder: million symbols a second and bytes over the ideal, for Gaussians of 40 scales."""

from collections.abc import Iterator

import numpy as np

from benchmarks.timing import fastest_s
from roundel.coding import cost_bits, decode, encode
from roundel.training.entropy.gaussian import gaussian_tables


def rows() -> Iterator[str]:
    scales = np.geomspace(0.11, 256, 64)
    tables, rng = gaussian_tables(scales), np.random.default_rng(0)
    yield f"{'symbols':>9}  {'bytes':>8}  {'over ideal':>10}  encode  decode"
    for count in (100, 1000, 10_000, 100_000, 1_000_000):
        index = rng.integers(0, 40, count)
        symbols = np.round(rng.normal(size=count) * scales[index]).astype(np.int32)
        data = encode(symbols, index, tables)
        writing = fastest_s(lambda s=symbols, i=index: encode(s, i, tables))
        reading = fastest_s(lambda d=data, i=index: decode(d, i, tables))
        over = len(data) - cost_bits(symbols, index, tables) / 8
        yield f"{count:9}  {len(data):8}  {over:10.2f}  {count / writing / 1e6:6.1f}  {count / reading / 1e6:6.1f}"
