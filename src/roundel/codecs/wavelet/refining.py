"""Encoding harder: in rounds, what is coded moves until what is decoded is nearer to the original.

Decoders see nothing of it. For the eye it moves along the slope of SSIMULACRA2, and a little towards the original. For
PSNR what the filter adds need not be coded: it is taken away before, by and by, since it changes with what is coded.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.eye import Eye
from roundel.codecs.wavelet.symbols import Writing
from roundel.codecs.wavelet.tile import Chosen, Tile

Map = NDArray[np.float32]

SLOPE, STEEPEST = 0.05, 2.5
"""A round's step along the slope, to the error, both as root mean squares; and the most of a slope, to its own."""
ERROR = 0.04
"""The part of its error that a pixel moves back by."""
FILTERED = 0.3
"""The part of the way that a round goes to a picture without what the filter adds."""
BYTES = 1.1
"""That tile is better whose distance, times its bytes to this power, is smaller: so steep are curves of photographs."""


class Shown(NamedTuple):
    """What a tile is decoded to, (h, w, 3), up to whole cells."""

    plain: Map
    """Before the filter."""
    pixels: NDArray[np.uint8]


class Choose(Protocol):
    """Decides the values of a tile, and writes them."""

    def __call__(self, tile: Tile, writing: type[Writing]) -> Chosen[Writing]: ...


def refined(
    tile: Tile,
    first: Chosen[Writing],
    choose: Choose,
    show: Callable[[Chosen[Writing]], Shown],
    rounds: int,
    *,
    eye: bool,
) -> Chosen[Writing]:
    """The best of what was chosen first and in so many rounds.

    Each goes on from the best so far, half as far where the one before did not help.

    Args:
        eye: whether the tile is to look like the original; else squared error counts.
    """
    top, left, height, width = tile.place
    rows, columns = slice(top, top + height), slice(left, left + width)
    own = np.ascontiguousarray(tile.pixels[rows, columns])
    moves = _ForTheEye(own) if eye else _ForSquares(own)
    best, x, stride = first, tile.x, np.float32(1)
    distance, change = moves.judged(show(first), x[rows, columns])
    least = distance * first.size**BYTES
    for _ in range(rounds):
        moved = x.copy()
        moved[rows, columns] += stride * change
        chosen = choose(tile._replace(x=moved), Writing)
        distance, other = moves.judged(show(chosen), moved[rows, columns])
        cost = distance * chosen.size**BYTES
        if cost < least:
            best, x, least, change = chosen, moved, cost, other
        else:
            stride /= 2
    return best


class _ForTheEye:
    def __init__(self, own: NDArray[np.uint8]) -> None:
        self._own, self._eye = own.astype(np.float32), Eye(own)

    def judged(self, shown: Shown, x: Map) -> tuple[float, Map]:
        """How far a decoded tile is from the original, and by what to change what is coded."""
        distance, slope = self._eye.look(shown.pixels)
        error = self._own - shown.pixels
        slope /= np.sqrt(np.square(slope).mean()) + np.float32(1e-12)
        step = np.float32(SLOPE) * np.sqrt(np.square(error).mean())
        return distance, np.float32(ERROR) * error - step * slope.clip(-STEEPEST, STEEPEST)


class _ForSquares:
    def __init__(self, own: NDArray[np.uint8]) -> None:
        self._own = own.astype(np.float32)

    def judged(self, shown: Shown, x: Map) -> tuple[float, Map]:
        """The same by squared error."""
        wanted = self._own - (shown.pixels - shown.plain)
        return float(np.square(self._own - shown.pixels).mean()), np.float32(FILTERED) * (wanted - x)
