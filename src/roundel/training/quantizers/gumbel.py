"""Stochastic Gumbel annealing: up or down by a relaxed coin that the nearer integer wins ever more surely.

Source: Yang, Bamler & Mandt 2020 ("Improving inference for neural image compression"), section 3.2, where latents of a
picture are optimised with it while they are encoded: `lab.annealed_encoding`. Here it is a surrogate of training too.
"""

import torch
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred

EDGE = 1e-4
"""Fractional parts stay so far from 0 and 1, where the odds are infinite."""


class GumbelRounding:
    """Between the integers below and above y − loc, with weights drawn at a temperature; for decoder and rate alike.

    Args:
        temperature: τ > 0. The upper integer wins with odds exp((atanh f − atanh(1 − f))/τ), f the fractional part.
    """

    def __init__(self, temperature: float) -> None:
        if not temperature > 0:
            raise ModelError(f"gumbel: the temperature is {temperature:g}; it must be above 0")
        self.temperature = temperature

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        residual = y - loc
        low = torch.floor(residual.detach())
        fraction = (residual - low).clamp(EDGE, 1 - EDGE)
        log_odds = (torch.atanh(fraction) - torch.atanh(1 - fraction)) / self.temperature
        # The difference of two Gumbel variables is logistic.
        coin = torch.logit(torch.rand_like(y), EDGE**2)
        y_hat = low + torch.sigmoid((log_odds + coin) / self.temperature) + loc
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)


class AnnealedGumbel:
    """A temperature that falls geometrically from ½ to `last`."""

    def __init__(self, last: float = 0.1) -> None:
        if not last > 0:
            raise ModelError(f"gumbel: the last temperature is {last:g}; it must be above 0")
        self.last = last

    def at(self, progress: float) -> GumbelRounding:
        """See `Annealed.at`."""
        return GumbelRounding(0.5 * (2 * self.last) ** progress)
