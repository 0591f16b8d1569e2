"""From what the nets say of a sample to the table that codes it: shifts and clamps of integers, and nothing else.

A sample's distribution is a mixture (1 − w)·L(m, s) + w·L(m, 4s) of logistics of one mean. Nets give m in sixteenths
of a sample, ln s and the logit of w in 1/64. `training.entropy.mixture` makes the tables of that grid.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.coding import compiled

LOG_SCALE_RANGE = (-3.0, 4.125)
"""ln of the narrow component's scale, in samples."""
TAIL_RANGE = (-5.0, 2.0)
"""Logit of the wide component's weight."""
MEAN_BITS = 4
"""Means come in 2^-MEAN_BITS of a sample."""
LOG_UNIT = 64
"""Logarithms and logits come in 1/LOG_UNIT."""
SCALES = 58
TAILS = 8
SCALE_SHIFT = 3
TAIL_SHIFT = 6
FRACTION_BITS = np.repeat([4, 3, 2, 1, 0], [15, 13, 9, 10, 11]).astype(np.int32)
"""(SCALES,) log2 of the number of fractional means that each scale has tables for: sharp peaks need many."""
FIRST = np.cumsum(np.append(0, TAILS << FRACTION_BITS)).astype(np.int32)
"""First table of each scale; within a scale tables go by tail weight, then fraction."""
UNIFORM_LUMA = int(FIRST[-1])
"""Table of equally likely values −128 .. 127, for samples that nothing predicts."""
UNIFORM_CHROMA = UNIFORM_LUMA + 1
"""The same of −255 .. 255."""


def mixture_index(
    mean: NDArray[np.int32], log_scale: NDArray[np.int32], tail: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Table and centre of each sample; the symbol to code is sample − centre.

    Args:
        mean: in 2^-MEAN_BITS. log_scale, tail: in 1/LOG_UNIT; values out of range are clamped. All int32, one shape.

    Returns:
        Index and centre, int32 of that shape.
    """
    if native := compiled.native():
        arrays = [np.ascontiguousarray(a, np.int32) for a in (mean, log_scale, tail)]
        found = np.empty(mean.shape, np.int32), np.empty(mean.shape, np.int32)
        native.mixture(*arrays, *found)
        return found
    return plain_mixture_index(mean, log_scale, tail)


def plain_mixture_index(
    mean: NDArray[np.int32], log_scale: NDArray[np.int32], tail: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`mixture_index` where the C core is not built, and its oracle."""
    return table_of(*steps_of(log_scale, tail), mean)


def steps_of(log_scale: NDArray[Any], tail: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Places of scales, 0 … SCALES − 1, and of tail weights, 0 … TAILS − 1, on the tables' grid."""
    low, half = int(LOG_SCALE_RANGE[0] * LOG_UNIT), 1 << SCALE_SHIFT >> 1
    i = np.clip((log_scale - low + half) >> SCALE_SHIFT, 0, SCALES - 1)
    low, half = int(TAIL_RANGE[0] * LOG_UNIT), 1 << TAIL_SHIFT >> 1
    return i, np.clip((tail - low + half) >> TAIL_SHIFT, 0, TAILS - 1)


def table_of(scale: NDArray[Any], tail: NDArray[Any], mean: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Table and centre of places on the grid with these means, in 2^-MEAN_BITS."""
    bits = FRACTION_BITS[scale]
    drop = MEAN_BITS - bits
    nearest = (mean + ((1 << drop) >> 1)) >> drop
    centre = nearest >> bits
    return FIRST[scale] + (tail << bits) + (nearest - (centre << bits)), centre
