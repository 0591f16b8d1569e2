"""FSQ whose bound spreads normal latents evenly over the levels (iFSQ)."""

import torch
from torch import Tensor

from roundel.training.quantizers.codes import along_channels, check_input
from roundel.training.quantizers.fsq import FSQ

SLOPE = 1.6
"""σ(1.6·u) is close to the distribution function of a standard normal u: uniform where u is normal."""
DECAY = 0.99
"""Of the moving mean and variance."""
INSIDE = 1e-6
"""How far, relatively, saturated latents stay from the ends."""


class UniformFSQ(FSQ):
    """FSQ on σ(1.6·u), u the latent less its mean and over its spread, cut into L equal parts.

    Where latents are normal, all levels of a dimension are used alike. A slope alone would be taken up by the layer
    before, so latents are standardised by moving averages; the printed one line leaves that to the encoder, and gives
    the outermost levels half a part.

    Args:
        levels: (D,) each ≥ 2.

    Source: Lin et al. 2026 (iFSQ, arXiv 2601.17124) for the bound; standardisation and equal parts are ours.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, levels: tuple[int, ...] | list[int]) -> None:
        super().__init__(levels)
        self.register_buffer("mean", torch.zeros(self.dims, dtype=torch.float32))
        self.register_buffer("variance", torch.ones(self.dims, dtype=torch.float32))
        self.register_buffer("batches", torch.zeros((), dtype=torch.float32))

    def position(self, z: Tensor) -> Tensor:
        """z (B, D, ...) to (−½, L − ½); in training the moving averages follow."""
        z = check_input(z, self)
        if self.training:
            self._follow(z.detach())
        u = (z - along_channels(self.mean, z)) / along_channels(self.variance, z).clamp_min(1e-12).sqrt()
        count = along_channels(torch.tensor(self.levels, device=z.device), z)
        return count * ((1 - 2 * INSIDE) * torch.sigmoid(SLOPE * u) + INSIDE) - 0.5

    @torch.no_grad()
    def _follow(self, z: Tensor) -> None:
        """One step of the averages; the first batch is taken as it is."""
        flat = z.transpose(0, 1).flatten(1)
        weight = torch.clamp(1 / (self.batches + 1), min=1 - DECAY)
        self.mean.lerp_(flat.mean(1), weight)
        self.variance.lerp_((flat - self.mean[:, None]).square().mean(1), weight)
        self.batches += 1
