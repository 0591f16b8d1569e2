"""Bit-Swap's hierarchy of latents in a Markov chain, a likelihood and the model of `bits_back`.

Above the picture x stand latents z₁ … z_L of half its sides. Each has a posterior given what is below it, q(z₁ | x),
q(z₂ | z₁) …, and explains it, p(x | z₁), p(z₁ | z₂) …; the prior of z_L is a standard logistic. All are logistics.
Source: Kingma, Abbeel and Ho 2019, section 3 and appendix; their nets are larger and have weight normalisation.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.lab.flow_steps import LN2, STEP, logistic_log_density, squeeze

PIXEL_CHANNELS = 12
"""Of a picture whose 2 × 2 cells are channels."""
LOG_SCALE_START = -2.0
LEAST_POSTERIOR = 0.1
"""Posteriors have scales between this and 1, so that bins are narrow beside them."""
OPEN = 1e3
"""Edge of the outermost masses of pixels: as good as infinite, without its NaN in gradients."""


@dataclass(frozen=True)
class BitSwapShape:
    """Sizes. The paper's CIFAR model has up to 8 layers of 8 channels, nets of width 256."""

    layers: int = 2
    channels: int = 8
    blocks: int = 2
    width: int = 64


class Logistic(NamedTuple):
    """Independent logistics, both (B, C, H, W)."""

    mean: Tensor
    log_scale: Tensor


class Block(nn.Module):
    """A residual block. (B, C, H, W) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x + self.second(F.elu(self.first(F.elu(x))))


class Conditional(nn.Module):
    """A net that gives means and, in numbers around zero, scales. (B, c_in, H, W) to twice (B, c_out, H, W)."""

    def __init__(self, c_in: int, c_out: int, blocks: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(c_in, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.leave = nn.Conv2d(width, 2 * c_out, 3, padding=1)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.leave.weight.mul_(0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        mean, scale = self.leave(F.elu(self.blocks(self.enter(x)))).float().chunk(2, 1)
        return mean, scale


class BitSwap(nn.Module):
    """See the head of this file."""

    def __init__(self, shape: BitSwapShape) -> None:
        super().__init__()
        self.shape = shape
        below = [PIXEL_CHANNELS] + [shape.channels] * (shape.layers - 1)
        self.up = nn.ModuleList(Conditional(c, shape.channels, shape.blocks, shape.width) for c in below)
        self.down = nn.ModuleList(Conditional(shape.channels, c, shape.blocks, shape.width) for c in below)

    def forward(self, x: Tensor) -> Tensor:
        """Bits of each picture, (B,): an upper bound, by one draw from the posteriors.

        Args:
            x: (B, 3, H, W) multiples of 1/256 in [0, 1), sides even.
        """
        below, total = squeeze(x), x.new_zeros(len(x))
        for layer in range(self.shape.layers):
            posterior = self.posterior(layer, below)
            z = posterior.mean + torch.exp(posterior.log_scale) * torch.logit(torch.rand_like(posterior.mean), 1e-6)
            explained = self.explained(layer, z)
            log_mass = logistic_log_density if layer else pixel_log_mass
            total = total + log_mass(below, *explained).flatten(1).sum(1)
            total = total - logistic_log_density(z, *posterior).flatten(1).sum(1)
            below = z
        prior = logistic_log_density(below, torch.zeros_like(below), torch.zeros_like(below))
        return -(total + prior.flatten(1).sum(1)) / LN2

    def posterior(self, layer: int, below: Tensor) -> Logistic:
        """Of the latents of a layer, from 0, given the layer below; below the first are squeezed pixels in [0, 1)."""
        mean, scale = self.up[layer](below if layer else (below - 0.5) / 0.25)
        return Logistic(mean, torch.log(LEAST_POSTERIOR + (1 - LEAST_POSTERIOR) * torch.sigmoid(scale)))

    def explained(self, layer: int, z: Tensor) -> Logistic:
        """What the latents of a layer say of the layer below, in its units."""
        mean, scale = self.down[layer](z)
        return Logistic(mean, scale) if layer else Logistic(0.5 + 0.25 * mean, scale + LOG_SCALE_START)


def pixel_log_mass(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log mass of the 256 values of a pixel, elementwise; the first and the last have what lies beyond them, too."""
    low = torch.where(x < STEP / 2, -OPEN, x - STEP / 2)
    high = torch.where(x > 1 - 1.5 * STEP, OPEN, x + STEP / 2)
    inverse = torch.exp(-log_scale)
    low, high = (low - mean) * inverse, (high - mean) * inverse
    side = torch.where(low + high > 0, -1.0, 1.0)  # the tail in which differences are exact
    return torch.log((torch.sigmoid(side * high) - torch.sigmoid(side * low)).abs().clamp_min(1e-10))
