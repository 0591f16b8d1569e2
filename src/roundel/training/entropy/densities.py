"""Bits of integer bins under continuous densities: the differentiable estimates that training minimises."""

import math

import torch
from torch import Tensor

FLOOR = 2.0**-30
"""Smallest probability of a bin, so that a hopeless symbol costs 30 bits instead of infinity."""


def gaussian_bits(v: Tensor, scale: Tensor) -> Tensor:
    """−log2 of the mass that N(0, scale²) puts on [v − ½, v + ½]; v may be fractional (noise). Same shape as v.

    Source: Ballé et al. 2018, eq. 10, evaluated in the tail where differences of Φ are accurate.
    """
    a = -v.abs()
    inverse = 1.0 / (scale * math.sqrt(2))
    mass = 0.5 * (torch.erfc((-a - 0.5) * inverse) - torch.erfc((-a + 0.5) * inverse))
    return -torch.log2(mass.clamp_min(FLOOR))
