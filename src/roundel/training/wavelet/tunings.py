"""What a picture is tuned to: how finely each band is rounded, and what a bit may cost."""

from typing import NamedTuple

import torch
from torch import Tensor

from roundel.codecs.wavelet.places import PLAIN
from roundel.training.wavelet import transform as wavelet
from roundel.training.wavelet.transform import BANDS, COLOURS

LEVELS = 5


class Tuning(NamedTuple):
    """Rounding steps relative to the quality's, and the squared error, in plain steps², that a bit is worth."""

    name: str
    levels: tuple[float, ...]
    """Of the levels, coarsest first; the low band has the coarsest one's."""
    diagonal: float
    bit_price: float
    masking: float = 0.0
    """The power of contrast by which a bit's price rises, see `codecs.wavelet.masking`."""
    prepared: bool = False
    """Whether the encoder has a net before the codec, too."""

    def steps(self) -> list[Tensor]:
        """(C,) for every part, coarsest first: relative to the quality's step, the bands' lengths included.

        The transform is nearly orthonormal; a band whose unit coefficient adds more to the picture has a smaller step.
        The low band has a plain quantiser.
        """
        low = torch.full((len(COLOURS),), self.levels[0] / wavelet.LOW_NORM)
        bands = torch.tensor([1.0, 1.0, self.diagonal])
        details = [
            (PLAIN * m * bands / torch.tensor(norms)).repeat(len(COLOURS))
            for m, norms in zip(self.levels, wavelet.NORMS[-LEVELS:], strict=True)
        ]
        return [low, *details]


TUNINGS = (
    Tuning("ssimulacra2", (1 / 2.2, 1 / 1.8, 1 / 1.4, 1.2, 1.2 / 0.9), 1 / 0.95, 0.05, masking=0.5, prepared=True),
    Tuning("psnr", (1.0,) * LEVELS, 1.0, 2 * 0.6931 / 12),
)
"""The order is that of their numbers in files."""
assert BANDS == 3
