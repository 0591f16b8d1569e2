"""Two-component logistic mixtures of one mean, on a grid of scales, tails and fractional means, as tables.

A sample's distribution is (1 − w)·L(m, s) + w·L(m, 4s). Nets give integers: m in sixteenths, ln s and the logit of w
in 1/64. `codecs.pyramid.distribution` finds a table's index; probabilities exist only when tables are made, at export.
"""

import numpy as np
import torch
from torch import Tensor

from roundel.codecs.pyramid.distribution import (
    FRACTION_BITS,
    LOG_SCALE_RANGE,
    LOG_UNIT,
    SCALE_SHIFT,
    TAIL_RANGE,
    TAIL_SHIFT,
    TAILS,
)
from roundel.coding import Tables
from roundel.training.entropy.logistic import logistic_pmf

TAIL_RATIO = 4.0
"""Scale of the wide component relative to the narrow one."""
ESCAPE_MASS = 2.0**-14
REACH_MAX = 511


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
