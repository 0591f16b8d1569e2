"""Two-component logistic mixtures of one mean, on a grid of scales, tails and fractional means, as tables.

A sample's distribution is (1 − w)·L(m, s) + w·L(m, 4s). Nets give integers: m in sixteenths, ln s and the logit of w
in 1/64. Table indices follow by shifts and clamps alone; probabilities exist only when tables are made, at export.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.coding import Tables
from roundel.training.entropy.logistic import logistic_pmf

LOG_SCALE_RANGE = (-3.0, 4.125)
"""ln of the narrow component's scale, in samples."""
TAIL_RANGE = (-5.0, 2.0)
"""Logit of the wide component's weight."""
TAIL_RATIO = 4.0
"""Scale of the wide component relative to the narrow one."""
MEAN_BITS = 4
"""Means come in 2^-MEAN_BITS of a sample."""
LOG_UNIT = 64
"""Logarithms and logits come in 1/LOG_UNIT."""
SCALES = 58
TAILS = 8
SCALE_SHIFT = 3
TAIL_SHIFT = 6
ESCAPE_MASS = 2.0**-14
REACH_MAX = 511


def fraction_bits() -> NDArray[np.int32]:
    """(SCALES,) log2 of the number of fractional means that each scale has tables for: sharp peaks need many."""
    scale = np.exp(LOG_SCALE_RANGE[0] + np.arange(SCALES) / 8)
    return np.select([scale < 0.3, scale < 1.5, scale < 5, scale < 16], [4, 3, 2, 1], 0).astype(np.int32)


FRACTION_BITS = fraction_bits()
FIRST = np.cumsum(np.append(0, TAILS << FRACTION_BITS)).astype(np.int32)
"""First table of each scale; within a scale tables go by tail weight, then fraction."""


def mixture_tables() -> Tables:
    """All tables, then two of equally likely values for samples that nothing predicts: −128..127 and −255..255."""
    pmfs, offsets, escapes = [], [], []
    for i, bits in enumerate(FRACTION_BITS.tolist()):
        scale = float(np.exp(LOG_SCALE_RANGE[0] + i * 2**SCALE_SHIFT / LOG_UNIT))
        for j in range(TAILS):
            weight = 1 / (1 + np.exp(-(TAIL_RANGE[0] + j * 2**TAIL_SHIFT / LOG_UNIT)))
            far = scale * TAIL_RATIO * np.log(max(2 * weight / ESCAPE_MASS, 1))
            reach = int(min(np.ceil(max(far, scale * np.log(2 / ESCAPE_MASS))), REACH_MAX))
            for k in range(1 << bits):
                mean = k / (1 << bits)
                narrow = logistic_pmf(scale, mean, -reach, reach + 1)
                wide = logistic_pmf(scale * TAIL_RATIO, mean, -reach, reach + 1)
                pmf = (1 - weight) * narrow + weight * wide
                pmfs.append(pmf)
                offsets.append(-reach)
                escapes.append(max(1 - pmf.sum(), 2.0**-18))
    for first, last in ((-128, 127), (-255, 255)):
        pmfs.append(np.ones(last - first + 1))
        offsets.append(first)
        escapes.append(2.0**-20)
    return Tables.from_pmfs(pmfs, offsets, escapes)


UNIFORM_LUMA = int(FIRST[-1])
UNIFORM_CHROMA = UNIFORM_LUMA + 1


def mixture_index(
    mean: NDArray[np.int32], log_scale: NDArray[np.int32], tail: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Table and centre of each sample, by integer arithmetic; the symbol to code is sample − centre.

    Args:
        mean: in 2^-MEAN_BITS. log_scale, tail: in 1/LOG_UNIT; values out of range are clamped. All int32, one shape.
    """
    low, half = int(LOG_SCALE_RANGE[0] * LOG_UNIT), 1 << SCALE_SHIFT >> 1
    i = np.clip((log_scale - low + half) >> SCALE_SHIFT, 0, SCALES - 1)
    low, half = int(TAIL_RANGE[0] * LOG_UNIT), 1 << TAIL_SHIFT >> 1
    j = np.clip((tail - low + half) >> TAIL_SHIFT, 0, TAILS - 1)
    bits = FRACTION_BITS[i]
    drop = MEAN_BITS - bits
    nearest = (mean + ((1 << drop) >> 1)) >> drop
    centre = nearest >> bits
    return FIRST[i] + (j << bits) + (nearest - (centre << bits)), centre


def mixture_bits(error: Tensor, log_scale: Tensor, tail: Tensor) -> Tensor:
    """Bits of samples whose distance from the mean is `error`, under logistics of scales s and 4s of one mean.

    Args:
        error: samples less mean. log_scale: ln s. tail: logit of the wide component's weight. All of one shape.

    Source: a discretised logistic mixture (Salimans et al. 2017) with one mean, so that tables are few.
    """
    inverse, d = torch.exp(-log_scale), error.abs()
    near, far = (0.5 - d) * inverse, (-0.5 - d) * inverse
    narrow = torch.sigmoid(near) - torch.sigmoid(far)
    wide = torch.sigmoid(near / TAIL_RATIO) - torch.sigmoid(far / TAIL_RATIO)
    return -torch.log2(torch.lerp(narrow, wide, torch.sigmoid(tail)) + 1e-7)
