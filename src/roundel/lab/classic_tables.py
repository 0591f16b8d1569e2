"""Integer tables for the densities of the literature's models: Gaussians on a grid, and what was learned.

Tables are integers, but which one a latent uses is computed with floats: good on one machine, for measuring.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from roundel import coding
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.entropy.logistic import logistic_index
from roundel.training.quantizers import Bits

SCALES = np.geomspace(0.11, 256.0, 96)
UNIT_LOG2 = 6
"""Means count in 64ths of a step; no table needs more fractions."""
TAIL_MASS = 2.0**-16
REACH = 255
"""Symbols of learned densities that tables hold at most, on both sides of zero."""


class Call(NamedTuple):
    """What the coder needs beside the symbols: `symbol − centre` is coded under the table that `place` names."""

    place: np.ndarray
    centre: np.ndarray
    tables: coding.Tables


class Bank(NamedTuple):
    """Tables of Gaussians on the grid `SCALES`, each at some fractions of a step."""

    tables: coding.Tables
    fractions: np.ndarray


@lru_cache(maxsize=2)
def gaussians(*, centred: bool) -> Bank:
    """Tables of means 0, or of as many fractional means as lose under 0.001 bits a symbol."""
    counts = 2 ** np.ceil(np.log2(8 / SCALES)).clip(0, UNIT_LOG2).astype(int)
    fractions = np.ones_like(counts) if centred else counts
    pmfs, offsets = [], []
    for scale, count in zip(SCALES, fractions, strict=True):
        reach = math.ceil(4.6 * float(scale)) + 1  # two-sided tail below 2⁻¹⁶, as the escape has it
        for j in range(int(count)):
            place = torch.arange(-reach, reach + 2, dtype=torch.float64) - j / int(count)
            pmfs.append(torch.exp2(-gaussian_bits(place, torch.tensor(float(scale)).double())).numpy())
            offsets.append(-reach)
    return Bank(coding.Tables.from_pmfs(pmfs, offsets, TAIL_MASS), fractions)


def gaussian_call(mean: Tensor, scale: Tensor) -> Call:
    """Tables of Gaussian symbols of these means and scales, each of any one shape; both sides compute the very same."""
    means = mean.flatten().double().numpy()
    bank = gaussians(centred=bool(np.abs(means).max() < 2.0**-10))
    place = np.log(scale.flatten().double().numpy() / SCALES[0]) / np.log(SCALES[1] / SCALES[0])
    grid = np.floor(place + 0.5).clip(0, len(SCALES) - 1).astype(np.int32)
    steps = np.floor(means * 2**UNIT_LOG2 + 0.5).astype(np.int32)
    return Call(*logistic_index(grid, steps, UNIT_LOG2, bank.fractions), bank.tables)


@torch.no_grad()
def learned(bits: Bits, channels: int) -> coding.Tables:
    """One table for each channel's learned density, which `bits` is the cost under, (1, C, 1, N) to the same."""
    at = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    mass = torch.exp2(-bits(at.expand(1, channels, 1, -1))).double()[0, :, 0].numpy()
    pmfs, offsets, escapes = [], [], []
    for row in mass:
        below = np.cumsum(row)
        first = int(np.searchsorted(below, TAIL_MASS / 2))
        last = max(first, int(np.searchsorted(below, below[-1] - TAIL_MASS / 2)))
        pmfs.append(row[first : last + 1])
        offsets.append(first - REACH)
        escapes.append(min(max(1 - pmfs[-1].sum(), TAIL_MASS), 0.5))
    return coding.Tables.from_pmfs(pmfs, offsets, escapes)
