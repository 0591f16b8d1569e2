"""Uniform noise in training, for decoder and rate alike."""

from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred, plain, uniform_noise


class Noise:
    """Latents plus uniform noise; at test rounding on the integers, under the mass of bins around them.

    Source: Ballé et al. 2017; "noise" of the three-gaps paper.
    """

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        noisy = y + uniform_noise(y)
        return Trained(noisy, noisy)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return plain(y)


class NoisePlus(Noise):
    """The same training; at test rounding around the predicted means. "noise+" of the three-gaps paper."""

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)
