"""Rounding for the decoder, noise for the rate."""

from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred, straight_through, uniform_noise


class Mixed:
    """Centred rounding with a straight-through gradient for the decoder; uniform noise for the rate.

    Source: Minnen & Singh 2020, section 3.2.
    """

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        return Trained(straight_through(y - loc) + loc, y + uniform_noise(y))

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)
