"""Rounding in training as at test, with straight-through gradients."""

from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred, plain, straight_through


class Ste:
    """Rounding around the predicted means, for decoder and rate alike.

    Source: Theis et al. 2017, with the centred rounding of Minnen & Singh 2020.
    """

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        y_hat = straight_through(y - loc) + loc
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)


class LiteralSte:
    """Rounding on the integers, wherever the means are: STE as Theis et al. 2017 and the three-gaps paper print it."""

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        y_hat = straight_through(y)
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return plain(y)
