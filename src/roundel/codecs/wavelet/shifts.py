"""Which shift of its scale indices makes a group shortest: what nets say of scales is right for most pictures only."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.places import FLAG_TABLES, SECOND, SHIFT_MAX, SHIFT_TABLE, SHIFTED
from roundel.coding import Tables
from roundel.coding.dependent import Path

REACH = 40
"""Larger symbols count as so large."""
SYMBOLS = 2 * REACH + 1
SAMPLE, BLOCK = 4096, 16
"""The shift is found by so many values at least, where there are as many, in blocks of neighbours."""
BEYOND_BITS = 6.0
"""Of an escape, besides its slot, about."""
WORTH = 0.002
"""A shift that saves a smaller part of the bits is not worth that the encoder decides anew."""


def sample(table: NDArray[np.int32]) -> NDArray[np.intp]:
    """Which values to find the shift by: of a few thousand all, else blocks here and there.

    Args:
        table: (N,) of all; those of table 0, which no shift moves, are left out.
    """
    at = np.flatnonzero(table)
    apart = max(at.size // SAMPLE, 1)
    return at[np.arange(at.size) // BLOCK % apart == 0]


def best_shift(path: Path, table: NDArray[np.int32], tables: Tables) -> int:
    """The shift under which values take the fewest bits, its own included; 0 where that saves next to nothing.

    Args:
        path: (N,) values as they are coded. table: (N,) the tables of their scale indices and skews.
    """
    odd = path.odd.astype(np.int32)
    symbols = (path.values + odd * np.sign(path.values)) // 2
    slots = (table + FLAG_TABLES * odd) * SYMBOLS + np.clip(symbols, -REACH, REACH) + REACH
    counts = np.bincount(slots, minlength=2 * FLAG_TABLES * SYMBOLS)
    found = np.flatnonzero(counts)
    row, symbol = np.divmod(found, SYMBOLS)
    odd, own = np.divmod(row, FLAG_TABLES)
    bits, shifts = shift_bits(tables)
    cost = bits[odd, SHIFTED[:, own], symbol] @ counts[found] + shifts
    return int(cost.argmin()) - SHIFT_MAX if cost.min() < (1 - WORTH) * cost[SHIFT_MAX] else 0


@lru_cache(maxsize=4)
def shift_bits(tables: Tables) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(2, FLAG_TABLES, SYMBOLS) bits of symbols in the tables of both quantisers, and those of each shift."""
    symbols = np.arange(-REACH, REACH + 1)
    table = np.stack([np.arange(FLAG_TABLES), SECOND + np.arange(FLAG_TABLES)])[:, :, None]
    last = tables.sizes[table] - 1
    slots = symbols - tables.offsets[table]
    beyond = (slots < 0) | (slots >= last)
    bits = tables.prices[tables.starts[table] + np.where(beyond, last, slots)] + BEYOND_BITS * beyond
    return bits, bits[0, SHIFT_TABLE, REACH - SHIFT_MAX : REACH + SHIFT_MAX + 1]
