"""Rounding for the decoder, noise for the rate."""

import torch
from torch import Tensor

from roundel.quantizers.protocol import Bits, Tested, Trained


class Mixed:
    """Centred rounding with a straight-through gradient for the decoder; uniform noise for the rate.

    Source: Minnen & Singh 2020, section 3.2.
    """

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        residual = y - loc
        rounded = residual + (torch.floor(residual + 0.5) - residual).detach()
        return Trained(rounded + loc, y + torch.rand_like(y) - 0.5)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        symbols = torch.floor(y - loc + 0.5)
        return Tested(symbols, symbols + loc)
