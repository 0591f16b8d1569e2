"""A learned prior of codes that an integer net guesses from the codes decoded before."""

import torch
from torch import Tensor, nn

from roundel.training.entropy.bounded import MEANS, SCALE_START, SCALES, bounded_bits, scale_of
from roundel.training.quantizers.codes import along_channels, straight_through
from roundel.training.tokens.chain import ChainNet
from roundel.training.tokens.coset import CosetNet


class GuessedPrior(nn.Module):
    """p(code | decoded before) as bounded logistics whose mean and scale a net guesses.

    Args:
        net: says what comes before what.
    """

    tops: Tensor

    def __init__(self, net: CosetNet | ChainNet) -> None:
        super().__init__()
        self.levels, self.net = net.levels, net
        self.register_buffer("tops", torch.tensor(net.levels), persistent=False)

    def forward(self, codes: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Bits of codes (B, D, ...), same shape, twice: with a gradient for the prior, and with one for the encoder.

        Args:
            codes: int64. position: where the latents lie on the code axis, see `Codes`.
        """
        hard, tops = codes.float(), along_channels(self.tops, codes)
        mean, index = self.parameters_of(hard)
        scale = scale_of(index)
        bits = bounded_bits(hard, codes, tops, mean, scale)
        where = straight_through(hard, position)
        return bits, bounded_bits(where, codes, tops, mean.detach(), scale.detach())

    def parameters_of(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Means in codes and scale indices, each (B, D, ...), on their grid, of codes as float32."""
        raw = self.net(codes).float()
        tops = along_channels(self.tops, codes)
        mean = raw[:, :, 0] / MEANS + along_channels(self.net.centre.flatten(), codes)
        mean = torch.minimum(mean.clamp_min(0), tops - 1.0)
        return mean, (raw[:, :, 1] + SCALE_START).clamp(0, SCALES - 1)
