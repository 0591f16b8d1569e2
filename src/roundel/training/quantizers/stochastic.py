"""Stochastic rounding: up or down, right on average."""

import torch
from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred


class Stochastic:
    """One of the two integers around y − loc, the nearer the likelier; straight-through gradients.

    Source: Toderici et al. 2016 (binary), Raiko et al. 2015.
    """

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        residual = y - loc
        rounded = torch.floor(residual + torch.rand_like(residual))
        y_hat = residual + (rounded - residual).detach() + loc
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)
