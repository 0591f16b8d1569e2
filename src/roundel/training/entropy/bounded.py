"""Logistic distributions on the codes 0 … L − 1 whose ends take what lies beyond, on a grid of means and scales."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.coding import Tables

MEANS = 4
"""Means of a code come in 1/MEANS."""
SCALES = 20
SCALE_FIRST = 0.1
SCALE_STEPS = 3
"""Scales are SCALE_FIRST · 2^(i / SCALE_STEPS), i < SCALES: to 8."""
SCALE_START = 12
"""Index of the scale that nets start from."""
FLOOR = 2.0**-10
"""Part of the probability that all codes share equally."""
ESCAPE_MASS = 2.0**-20
"""Codes are never outside their table."""


def table_count(levels: int) -> int:
    """Tables of a channel with so many levels."""
    return (MEANS * (levels - 1) + 1) * SCALES


def scale_of(index: Tensor) -> Tensor:
    """Scale in codes of a scale index."""
    return SCALE_FIRST * torch.exp2(index / SCALE_STEPS)


def bounded_bits(v: Tensor, codes: Tensor, levels: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """−log2 of the probability of codes; differentiable in v, which stands where the codes stand.

    Args:
        v: codes, or codes with the gradient of where the latents lie. codes: integers in [0, levels).
        levels: broadcasts. mean: of the logistic, in codes. scale: of the logistic.
    """
    low = torch.where(codes <= 0, 0.0, torch.sigmoid((v - 0.5 - mean) / scale))
    high = torch.where(codes >= levels - 1, 1.0, torch.sigmoid((v + 0.5 - mean) / scale))
    return -torch.log2((1 - FLOOR) * (high - low).clamp_min(0) + FLOOR / levels)


def bounded_tables(levels: int) -> list[NDArray[np.float64]]:
    """Probabilities of all tables of a channel, by mean, then by scale."""
    edges = np.arange(levels - 1) + 0.5
    pmfs = []
    for mean in range(MEANS * (levels - 1) + 1):
        for index in range(SCALES):
            scale = SCALE_FIRST * 2.0 ** (index / SCALE_STEPS)
            cumulative = 0.5 + 0.5 * np.tanh((edges - mean / MEANS) / (2 * scale))
            pmf = np.diff(np.concatenate([[0.0], cumulative, [1.0]]))
            pmfs.append((1 - FLOOR) * np.maximum(pmf, 0) + FLOOR / levels)
    return pmfs


def first_tables(levels: tuple[int, ...]) -> dict[int, int]:
    """The first table of each number of levels that occurs."""
    kinds = sorted(set(levels))
    starts = np.cumsum([0] + [table_count(n) for n in kinds]).tolist()
    return dict(zip(kinds, starts, strict=False))


def tables_for(levels: tuple[int, ...]) -> Tables:
    """A family of tables for each number of levels that occurs, smaller ones first."""
    pmfs = [pmf for n in sorted(set(levels)) for pmf in bounded_tables(n)]
    return Tables.from_pmfs(pmfs, [0] * len(pmfs), ESCAPE_MASS)
