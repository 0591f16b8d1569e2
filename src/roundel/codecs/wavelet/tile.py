"""What encoding is about: a tile that is ready to be coded, and what was decided of it."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.places import LEVELS
from roundel.codecs.wavelet.symbols import Writing

CELL_PX = 2**LEVELS
"""Of the coarsest level."""

W = TypeVar("W", bound=Writing)


class Tile(NamedTuple):
    """A tile and the pixels around it, ready to be coded."""

    pixels: NDArray[np.uint8]
    """(H, W, 3), sides whole cells."""
    x: NDArray[np.float32]
    """(H, W, 3), what is coded: the same, or what the pre-filter makes of it."""
    window: Window
    quality: int
    maps: Sequence[NDArray[np.float32]] | None
    """Factors of a bit's price for the details of every level, see `masking`; None for 1 everywhere."""
    drawn: bool
    """Whether it looks drawn, or is better left as it is: nothing is done to it before."""

    @property
    def place(self) -> Window:
        """The window, up to whole cells."""
        top, left, height, width = self.window
        return Window(top, left, -(-height // CELL_PX) * CELL_PX, -(-width // CELL_PX) * CELL_PX)


class Chosen(NamedTuple, Generic[W]):
    """What an encoder decided of a tile."""

    writing: W
    parts: list[NDArray[np.int16]]
    passes: list[bytes]

    @property
    def size(self) -> int:
        """Bytes of all passes."""
        return sum(map(len, self.passes))
