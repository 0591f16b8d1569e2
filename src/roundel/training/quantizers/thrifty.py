"""Rounding that looks at the price: the nearest integer, or one nearer to zero where that saves more than it costs."""

import torch
from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained

BITS_PRICE = 0.08
"""Squared error, in steps², that one bit is worth.

Theory at high rates says 2·ln 2/12 = 0.1155 (dD/dR = −2·ln 2·D at D = Δ²/12); somewhat less does best on validation
pictures, because a residual set to zero also misleads the synthesis.
"""


class Thrifty:
    """Centred rounding by rate and distortion, for decoder and rate alike, with straight-through gradients.

    What it does in training is what the encoder does, so scales and synthesis settle on the symbols that files have.
    For the last part of training: the hard rate has no gradient noise to explore with.

    Source: rate–distortion optimised quantisation as in video coding (Karczewicz et al. 2008), one candidate a symbol.
    """

    def __init__(self, bits_price: float = BITS_PRICE) -> None:
        self.bits_price = bits_price

    @torch.no_grad()
    def symbols(self, residual: Tensor, bits: Bits) -> Tensor:
        """Integers for residuals of any shape."""
        magnitude = residual.abs()
        nearest = torch.floor(magnitude + 0.5)
        lower = (nearest - 1).clamp_min(0)
        saved = bits(nearest) - bits(lower)
        extra = (magnitude - lower).square() - (magnitude - nearest).square()
        chosen = torch.where(extra < self.bits_price * saved, lower, nearest)
        return torch.copysign(chosen, residual)

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        residual = y - loc
        y_hat = residual + (self.symbols(residual, bits) - residual).detach() + loc
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        symbols = self.symbols(y - loc, bits)
        return Tested(symbols, symbols + loc)
