"""Soft-STE: rounding for the decoder; for the rate, rounding moved a little within its bin."""

import torch
from torch import Tensor

from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred, straight_through, uniform_noise

EPSILON = 1 / 12
"""The variance of U(−½, ½), as the paper says; the standard deviation would be 0.289."""


def price_slope(symbols: Tensor, bits: Bits) -> Tensor:
    """Slope of the cost in bits at the symbols, the model's parameters held fixed; same shape.

    A zero symbol has slope 0 under a symmetric density, and gets it exactly: float noise shall not pick a sign.
    """
    with torch.enable_grad():
        at = symbols.detach().requires_grad_()
        (slope,) = torch.autograd.grad(bits(at).sum(), at)
    return torch.where(symbols == 0, 0, slope)


class SoftSte:
    """Each rate input is moved by ε to the side where it costs more: the reading of eq. 6 as the sign of the slope.

    Source: the three-gaps paper (Pan et al.), section 4; the perturbation is a constant in the backward pass.
    """

    def __init__(self, epsilon: float = EPSILON) -> None:
        self.epsilon = epsilon

    def perturbation(self, symbols: Tensor, bits: Bits) -> Tensor:
        """What moves the rate inputs, without a gradient; shaped as the symbols."""
        return self.epsilon * torch.sign(price_slope(symbols, bits))

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        rounded = straight_through(y - loc)
        y_hat = rounded + loc
        return Trained(y_hat, y_hat + self.perturbation(rounded.detach(), bits))

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)


class GradientSoftSte(SoftSte):
    """The reading as printed: ε times the slope itself, in bits, kept within the bin."""

    def perturbation(self, symbols: Tensor, bits: Bits) -> Tensor:
        """See `SoftSte.perturbation`."""
        return (self.epsilon * price_slope(symbols, bits)).clamp(-0.5, 0.5)


class UniformSoftSte(SoftSte):
    """The reading as dequantisation: uniform noise over the bin, 2√(3ε) wide, so that ε is its variance."""

    def perturbation(self, symbols: Tensor, bits: Bits) -> Tensor:
        """See `SoftSte.perturbation`."""
        return (12 * self.epsilon) ** 0.5 * uniform_noise(symbols)
