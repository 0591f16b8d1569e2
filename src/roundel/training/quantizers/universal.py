"""Universal quantisation: noise in training, and the very same channel at test, by a dither that the decoder shares."""

import torch
from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import nearest, uniform_noise


class Universal:
    """Rounding on integers moved by a pseudo-random dither, which the decoder draws again from the seed.

    Source: Ziv 1985; Agustsson & Theis 2020, section 3.
    """

    def __init__(self, seed: float = 0) -> None:
        self.seed = int(seed)

    def dither(self, like: Tensor) -> Tensor:
        """Noise in [−½, ½) of this shape, the same on every device."""
        generator = torch.Generator().manual_seed(self.seed)
        return (torch.rand(like.shape, generator=generator) - 0.5).to(like)

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        noisy = y + uniform_noise(y)
        return Trained(noisy, noisy)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        offset = loc + self.dither(y)
        symbols = nearest(y - offset)
        return Tested(symbols, symbols + offset)
