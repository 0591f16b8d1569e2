"""Soft then hard: learn the latents with noise, then fit decoder and entropy model to what files really hold."""

from torch import Tensor

from roundel.training.quantizers.noise import NoisePlus
from roundel.training.quantizers.protocol import Annealed, Bits, Quantizer, Tested, Trained
from roundel.training.quantizers.rounding import centred
from roundel.training.quantizers.soft_round import AnnealedSoftRound

SOFT_SHARE = 0.8
"""Of training, in which the encoder learns."""


class Hard:
    """Rounding around the means with its true gradient, which is none to y: the encoder no longer learns from it."""

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        y_hat = centred(y, loc).symbols.detach() + loc
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)


class SoftThenHard:
    """Uniform noise, and `Hard` for the rest.

    Source: Guo et al. 2021, without its scaled noise. The encoder still hears from the hyper-latent in the second part.
    """

    def __init__(self, soft_share: float = SOFT_SHARE) -> None:
        self.soft_share = soft_share

    def soft(self) -> Quantizer | Annealed:
        """The surrogate of the first part."""
        return NoisePlus()

    def at(self, progress: float) -> Quantizer:
        """See `Annealed.at`."""
        if progress >= self.soft_share:
            return Hard()
        soft = self.soft()
        return soft.at(progress / self.soft_share) if isinstance(soft, Annealed) else soft


class SoftRoundThenHard(SoftThenHard):
    """Annealed soft rounding, and `Hard` for the rest."""

    def soft(self) -> Annealed:
        """See `SoftThenHard.soft`."""
        return AnnealedSoftRound()
