"""Generalised divisive normalisation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PEDESTAL = 2.0**-18
"""Keeps the square root differentiable at zero."""


class GDN(nn.Module):
    """x / sqrt(β + Σ γ x²) over channels, or times the root for the inverse. (B, C, H, W) to the same.

    β ≥ 1e-6 and γ ≥ 0 hold by construction: both are squares of what is learned.

    Source: Ballé, Laparra & Simoncelli 2016; the inverse as in Ballé et al. 2017, eq. 9.
    """

    def __init__(self, channels: int, *, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.root_beta = nn.Parameter(torch.ones(channels))
        self.root_gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + PEDESTAL))

    def forward(self, x: Tensor) -> Tensor:
        beta = self.root_beta.square().clamp_min(1e-6)
        gamma = (self.root_gamma.square() - PEDESTAL).clamp_min(0)
        norm = torch.sqrt(F.conv2d(x.float().square(), gamma[:, :, None, None], beta))
        return x * norm if self.inverse else x / norm
