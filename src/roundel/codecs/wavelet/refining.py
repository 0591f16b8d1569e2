"""Encoding harder: in rounds, what is coded moves until what is decoded is nearer to the original.

Decoders see nothing of it. For the eye it moves along the slope of SSIMULACRA2, and a little towards the original; and
what a bit may cost moves once, by how much errors were seen to count. For PSNR what the filter adds need not be coded:
it is taken away before, by and by, since it changes with what is coded.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.eye import Eye
from roundel.codecs.wavelet.masking import repriced
from roundel.codecs.wavelet.symbols import Writing
from roundel.codecs.wavelet.tile import Chosen, Tile

Map = NDArray[np.float32]

SLOPE, STEEPEST = 0.05, 4.0
"""A round's step along the slope, to the error, both as root mean squares; and the most of a slope, to its own."""
ERROR = 0.16
"""The part of its error that a pixel moves back by, over all rounds."""
LAST = 0.25
"""How far the last round would go, to the first."""
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


class Looked(NamedTuple):
    """What was seen of a decoded tile."""

    distance: float
    """From the original."""
    change: Map
    """By what to change what is coded, (h, w, 3)."""
    maps: Sequence[Map] | None
    """What a bit should cost, as in `Tile`."""


def refined(
    tile: Tile,
    first: Chosen[Writing],
    choose: Choose,
    show: Callable[[Chosen[Writing]], Shown],
    rounds: int,
    *,
    eye: bool,
) -> Chosen[Writing]:
    """The best of what was chosen first and in so many rounds, of which each goes on from the one before.

    Args:
        eye: whether the tile is to look like the original; else squared error counts.
    """
    top, left, height, width = tile.place
    rows, columns = slice(top, top + height), slice(left, left + width)
    own = np.ascontiguousarray(tile.pixels[rows, columns])
    moves = _ForTheEye(own, np.float32(ERROR / rounds)) if eye else _ForSquares(own)
    x = tile.x.copy()
    looked = moves.looked(show(first), x[rows, columns], tile.maps)
    best, least = first, looked.distance * first.size**BYTES
    tile = tile._replace(x=x, maps=looked.maps)
    for number in range(rounds):
        x[rows, columns] += np.float32(LAST ** (number / rounds)) * looked.change
        chosen = choose(tile, Writing)
        looked = moves.looked(show(chosen), x[rows, columns], None)
        cost = looked.distance * chosen.size**BYTES
        if cost < least:
            best, least = chosen, cost
    return best


class _ForTheEye:
    def __init__(self, own: NDArray[np.uint8], back: np.float32) -> None:
        self._own, self._eye, self._back = own.astype(np.float32), Eye(own), back

    def looked(self, shown: Shown, x: Map, maps: Sequence[Map] | None) -> Looked:
        """Distance, change, and what becomes of maps."""
        distance, slope = self._eye.look(shown.pixels)
        wrong = shown.pixels - self._own
        usual, size = (np.sqrt(np.square(part).mean()) + np.float32(1e-12) for part in (slope, wrong))
        change = np.float32(-SLOPE) * size * (slope / usual).clip(-STEEPEST, STEEPEST) - self._back * wrong
        return Looked(distance, change, maps and repriced(maps, slope, wrong))


class _ForSquares:
    def __init__(self, own: NDArray[np.uint8]) -> None:
        self._own = own.astype(np.float32)

    def looked(self, shown: Shown, x: Map, maps: Sequence[Map] | None) -> Looked:
        """The same by squared error."""
        wanted = self._own - (shown.pixels - shown.plain)
        distance = float(np.square(self._own - shown.pixels).mean())
        return Looked(distance, np.float32(FILTERED) * (wanted - x), maps)
