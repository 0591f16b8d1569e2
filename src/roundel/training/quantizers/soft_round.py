"""Soft rounding under noise, hardened during training, with the decoder's conditional mean."""

import math

import torch
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred, uniform_noise

ALPHA_MAX = 12.0
"""Beyond it the inverse has no digits left in float32."""


def soft_round(v: Tensor, alpha: float) -> Tensor:
    """Between the identity (α → 0) and rounding (α → ∞), monotone, exact at halves and at integers; shaped as v.

    Source: Agustsson & Theis 2020, eq. 14.
    """
    middle = torch.floor(v) + 0.5
    return middle + torch.tanh(alpha * (v - middle)) / (2 * math.tanh(alpha / 2))


def soft_round_inverse(v: Tensor, alpha: float) -> Tensor:
    """What `soft_round` maps to v."""
    middle = torch.floor(v) + 0.5
    return middle + torch.atanh((v - middle) * (2 * math.tanh(alpha / 2))) / alpha


def conditional_mean(noisy: Tensor, alpha: float) -> Tensor:
    """Mean of v given soft_round(v) + uniform noise, v being uniform around it; shaped as noisy.

    Source: Agustsson & Theis 2020, section 4.2.
    """
    return soft_round_inverse(noisy - 0.5, alpha) + 0.5


class SoftRound:
    """Soft rounding around the means and noise for the rate; the conditional mean of that for the decoder.

    Args:
        alpha: hardness in (0, 12].
    """

    def __init__(self, alpha: float) -> None:
        if not 0 < alpha <= ALPHA_MAX:
            raise ModelError(f"soft-round: the hardness is {alpha:g}; it must be in (0, {ALPHA_MAX:g}]")
        self.alpha = alpha

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        soft = soft_round(y - loc, self.alpha)
        noisy = soft + uniform_noise(soft)
        return Trained(conditional_mean(noisy, self.alpha) + loc, noisy + loc)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`; the conditional mean of an integer is the integer."""
        return centred(y, loc)


class AnnealedSoftRound:
    """Soft rounding whose hardness grows geometrically from 1 to `last`."""

    def __init__(self, last: float = 10.0) -> None:
        self.last = last

    def at(self, progress: float) -> SoftRound:
        """See `Annealed.at`."""
        return SoftRound(self.last**progress)
