"""What encoding a picture would cost, from a few of its tiles."""

import math
import time
from typing import NamedTuple

from roundel.encoding import Encoding

MOST_TILES = 128
FEWEST_TILES = 8
BUDGET_S = 20.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_INDEX_BYTES = 4
"""Of a pass of a tile, about."""


class Estimate(NamedTuple):
    """What was found. Args: error_bytes: standard error, 0 where all tiles were coded. elapsed_s: on one thread."""

    tiles: int
    sampled: int
    file_bytes: int
    error_bytes: int
    elapsed_s: float


def estimate(encoding: Encoding, quality: int, *, budget_s: float = BUDGET_S) -> Estimate:
    """Code tiles from all over a picture, and extrapolate.

    Args:
        quality: as `Encoding.at`. budget_s: no further tile after so many seconds, if there are some already.
    """
    tiles = encoding.grid.tiles
    bits, areas = [], []
    start = time.perf_counter()
    for index in _spread(tiles):
        rect = encoding.grid.tile(index)
        bits.append(sum(map(len, encoding.tile(quality, index).passes)))
        areas.append(rect.height * rect.width)
        if len(bits) >= FEWEST_TILES and time.perf_counter() - start > budget_s:
            break
    took = time.perf_counter() - start
    share = encoding.grid.height * encoding.grid.width / sum(areas)
    rest = tiles * encoding.codec.model.passes * _INDEX_BYTES + encoding.boxes_bytes(quality)
    error = 0.0
    if len(bits) < tiles:
        mean = sum(bits) / sum(areas)
        spread = sum((size - mean * area) ** 2 for size, area in zip(bits, areas, strict=True)) / max(1, len(bits) - 1)
        error = tiles * math.sqrt(spread / len(bits) * (1 - len(bits) / tiles))
    return Estimate(tiles, len(bits), round(sum(bits) * share) + rest, round(error), took * share)


def _spread(tiles: int) -> list[int]:
    """Different tiles, far from each other, in an order of which every beginning is spread as well."""
    if tiles <= MOST_TILES:
        return list(range(tiles))
    return list(dict.fromkeys(int(number * _GOLDEN % 1 * tiles) for number in range(MOST_TILES)))
