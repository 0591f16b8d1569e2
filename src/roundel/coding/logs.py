"""Logarithms and powers of two in whole numbers, from a table of one octave; docs/format.md, "Seen colours"."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT = 256
LOG2 = np.floor(UNIT * np.log2(1 + np.arange(UNIT) / UNIT) + 0.5).astype(np.int64)
EXP2 = np.floor(UNIT * np.exp2(np.arange(UNIT) / UNIT) + 0.5).astype(np.int64)


def log2(x: NDArray[Any]) -> NDArray[np.int64]:
    """log2 of integers ≥ 1, in 1/256: the place of the highest bit, and a table for the eight bits after it."""
    wide = x.astype(np.int64)
    place = np.frexp(wide.astype(np.float64))[1].astype(np.int64) - 1
    after = np.where(place >= 8, wide >> np.maximum(place - 8, 0), wide << np.maximum(8 - place, 0))
    return place * UNIT + LOG2[after & (UNIT - 1)]


def power(log: NDArray[np.int64]) -> NDArray[np.int64]:
    """64 · 2^(log / 256), rounded down."""
    v = log + 6 * UNIT
    return (EXP2[v & (UNIT - 1)] << (v >> 8)) >> 8
