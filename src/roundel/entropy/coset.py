"""A learned prior of grids of codes: each channel from those before it and, in four phases, from its own neighbours."""

import torch
from torch import Tensor, nn

from roundel.entropy.bounded import MEANS, SCALE_START, SCALES, bounded_bits, scale_of
from roundel.nets.coset import CosetNet
from roundel.quantizers.codes import straight_through


class CosetPrior(nn.Module):
    """p(code | decoded before) as bounded logistics whose mean and scale an integer net guesses.

    Args:
        levels: (D,) of the codes. width: of the hidden layers.
    """

    tops: Tensor

    def __init__(self, levels: tuple[int, ...], width: int = 24) -> None:
        super().__init__()
        self.levels = levels
        self.net = CosetNet(levels, width)
        self.register_buffer("tops", torch.tensor(levels).view(-1, 1, 1), persistent=False)

    def forward(self, codes: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Bits of codes (B, D, h, w), same shape, twice: with a gradient for the prior, and with one for the encoder.

        Args:
            codes: int64. position: where the latents lie on the code axis, see `Codes`.
        """
        hard = codes.float()
        mean, index = self.parameters_of(hard)
        scale = scale_of(index)
        bits = bounded_bits(hard, codes, self.tops, mean, scale)
        where = straight_through(hard, position)
        return bits, bounded_bits(where, codes, self.tops, mean.detach(), scale.detach())

    def parameters_of(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Means in codes and scale indices, each (B, D, h, w), on their grid, of codes as float32."""
        raw = self.net(codes).float()
        mean = raw[:, :, 0] / MEANS + self.net.centre
        mean = torch.minimum(mean.clamp_min(0), self.tops - 1.0)
        return mean, (raw[:, :, 1] + SCALE_START).clamp(0, SCALES - 1)
