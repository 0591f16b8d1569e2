"""Integers to real numbers for continuous flows: a point of each pixel's cell, and how likely it was to be drawn.

A picture costs at most log q(z | x) − log p(z) for any z drawn from q within the cells of x, on average.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.lab.flow_steps import STEP, squeeze, unsqueeze
from roundel.lab.mixture_coupling import MixtureCoupling


class Uniform(nn.Module):
    """Any point of a cell alike."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) multiples of STEP to points at most half a STEP away, and their log density (B,)."""
        log_density = torch.full_like(x[:, 0, 0, 0], -x[0].numel() * math.log(STEP))
        return x + (torch.rand_like(x) - 0.5) * STEP, log_density


class Variational(nn.Module):
    """A learned density over the cell, given the picture: noise through couplings, then a logistic.

    It starts as the uniform one. Source: Ho et al. 2019, section 3.1, whose noise is normal where this is logistic.
    """

    def __init__(self, couplings: int, depth: int, width: int, mixtures: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(
            MixtureCoupling(12, depth, width, mixtures, context=12, centre=0.0, unit=1.0) for _ in range(couplings)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Uniform`; H and W even."""
        share = torch.rand_like(x).clamp(1e-6, 1 - 1e-6)
        noise = torch.logit(share)
        log_density = log_slope(noise).flatten(1).sum(1)
        z, context = squeeze(noise), (squeeze(x) - 0.5) / 0.25
        for coupling in self.couplings:
            z, volume = coupling(z.roll(6, 1), context)
            log_density = log_density - volume
        z = unsqueeze(z)
        log_density = log_density - log_slope(z).flatten(1).sum(1) - x[0].numel() * math.log(STEP)
        return x + (torch.sigmoid(z) - 0.5) * STEP, log_density


def log_slope(z: Tensor) -> Tensor:
    """Logarithm of the derivative of the logistic function, which is the density of logistic noise, too."""
    return F.logsigmoid(z) + F.logsigmoid(-z)
