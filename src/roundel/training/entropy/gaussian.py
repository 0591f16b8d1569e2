"""Zero-mean Gaussians as integer tables."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.coding import Tables

TAIL_MASS = 2.0**-16
"""Probability left to escapes. Real latents have heavier tails than the model, so it is more than a Gaussian's own."""


def gaussian_pmf(scale: float, reach: int) -> NDArray[np.float64]:
    """P(round(X) = k) for k = −reach .. reach and X normal with this standard deviation.

    Returns:
        (2·reach + 1,) probabilities; they sum to 1 less the tails.
    """
    edges = (np.arange(reach + 1) + 0.5) / (scale * math.sqrt(2))
    tail = np.array([0.5 * math.erfc(edge) for edge in edges])  # P(X > k + ½): accurate far out, unlike 1 − cdf
    side = tail[:-1] - tail[1:]
    return np.concatenate([side[::-1], [1 - 2 * tail[0]], side])


def gaussian_tables(scales: Sequence[float] | NDArray[np.floating], tail_mass: float = TAIL_MASS) -> Tables:
    """One table per scale, over the symbols that hold all but `tail_mass` of the probability (at least −1, 0, 1).

    For export only: the tables are stored as integers and never rebuilt when a model is loaded.

    Args:
        scales: (T,) standard deviations, in units of one symbol.
        tail_mass: probability of an escape.
    """
    pmfs = [gaussian_pmf(float(s), _reach(float(s), tail_mass)) for s in scales]
    return Tables.from_pmfs(pmfs, [-(p.size // 2) for p in pmfs], tail_mass)


def _reach(scale: float, tail_mass: float) -> int:
    """Smallest k ≥ 1 with P(|X| > k + ½) ≤ tail_mass."""
    reach = 1
    while math.erfc((reach + 0.5) / (scale * math.sqrt(2))) > tail_mass:
        reach += 1
    return reach
