"""Smaller pictures from the coarse passes: the low band of a level is a picture by itself, and is shown as such."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from roundel.codecs.protocol import Decoded, Window
from roundel.codecs.wavelet import synthesis
from roundel.codecs.wavelet.folding import unfold
from roundel.codecs.wavelet.places import LEVELS
from roundel.codecs.wavelet.walk import COLOURS, DETAILS

if TYPE_CHECKING:
    from roundel.codecs.wavelet.codec import WaveletModel

REACH = 4
"""Samples on each side, of its own grid, that a coefficient has a say in."""


class ReducedWavelet:
    """A wavelet model that leaves out the finest levels, and the filter, which knows pictures of full size only."""

    def __init__(self, model: "WaveletModel", level: int) -> None:
        self.model = model
        self.merged = LEVELS - level
        """Levels that are put together."""
        self.passes = max(1, self.merged)
        self.latent_px = 2**self.merged
        self.halo_px = -(-REACH * (self.latent_px - 1) // self.latent_px) * self.latent_px

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Reduced.decode`."""
        found = self.model.decode(passes[: self.passes], height, width, quality)
        return Decoded(found.latents[: COLOURS + DETAILS * ((4**self.merged - 1) // 3)], None)

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Reduced.render`."""
        rgb = synthesis.synthesis(unfold(latents, self.merged))
        rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
        return np.ascontiguousarray(synthesis.draw(rgb).pixels[rows, columns])
