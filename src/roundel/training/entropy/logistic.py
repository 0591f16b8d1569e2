"""Discretised logistics on a grid of scales and fractional means, as integer tables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.coding import Tables

TAIL_MASS = 2.0**-16


def logistic_pmf(scale: float, mean: float, first: int, last: int) -> NDArray[np.float64]:
    """P(round(X) = k) for k = first .. last and X logistic; (last − first + 1,), summing to 1 less the tails."""
    edges = (np.arange(first, last + 2) - 0.5 - mean) / scale
    # The cdf is (1 + tanh(x/2))/2; beyond |x| ≈ 37 differences vanish, far below the 2^-24 that every slot gets.
    return np.diff(np.tanh(edges / 2)) / 2


def logistic_tables(
    scales: Sequence[float] | NDArray[np.floating],
    fractions: Sequence[int] | NDArray[np.integer],
    tail_mass: float = TAIL_MASS,
) -> Tables:
    """For each scale s and j = 0 .. fractions[s] − 1 a table of the logistic with mean j / fractions[s].

    Loss of a grid against exact means, bits per symbol: scale 0.1–0.3: 2 fractions .090, 4 .023, 8 .0065; scale 1–4:
    2 .0043, 4 .0030. So small scales want 8 or 16 fractions, large ones 2. For export only.

    Args:
        scales: (S,) logistic scales, in units of one symbol.
        fractions: (S,) how many means per scale, powers of two.
        tail_mass: probability of an escape.

    Returns:
        sum(fractions) tables in order of scale, then mean; `logistic_index` finds them.
    """
    pmfs, offsets = [], []
    for scale, count in zip(scales, fractions, strict=True):
        reach = int(np.ceil(float(scale) * np.log(2 / tail_mass)))
        for j in range(int(count)):
            pmfs.append(logistic_pmf(float(scale), j / int(count), -reach, reach + 1))
            offsets.append(-reach)
    return Tables.from_pmfs(pmfs, offsets, tail_mass)


def logistic_index(
    scale_index: NDArray[np.integer], mean: NDArray[np.integer], unit_log2: int, fractions: NDArray[np.integer]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Table and centre for integer scales and means: integer arithmetic only, so that every machine agrees.

    The symbol to code with the table is value − centre.

    Args:
        scale_index: (N,) in [0, S).
        mean: (N,) in units of 2**-unit_log2 of a symbol.
        unit_log2: fractional bits of `mean`; every count in `fractions` is at most 2**unit_log2.
        fractions: (S,) as given to `logistic_tables`.

    Returns:
        table index (N,) int32 and centre (N,) int32: the grid's mean nearest to `mean` is centre + j / fractions.
    """
    fractions = np.asarray(fractions, np.int32)
    fraction_log2 = np.round(np.log2(fractions)).astype(np.int32)  # powers of two: exact
    base = np.concatenate([[0], np.cumsum(fractions)[:-1]]).astype(np.int32)
    drop = (unit_log2 - fraction_log2)[scale_index]
    nearest = (np.asarray(mean, np.int32) + ((1 << drop) >> 1)) >> drop
    bits = fraction_log2[scale_index]
    centre = nearest >> bits
    return base[scale_index] + (nearest - (centre << bits)), centre
