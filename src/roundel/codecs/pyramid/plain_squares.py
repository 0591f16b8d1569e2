"""The squares of a checkerboard over a phase in NumPy: for where the C core is not built, and its oracle."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import MEAN_BITS
from roundel.codecs.pyramid.nets import COLOURS, GROUPS, SQUARE_TAPS, row_bytes

RESIDUAL_MAX = 127
RESIDUAL_ZERO = 128


class _Places(NamedTuple):
    """Where the squares of one kind lie, (n,) indices each."""

    inside: NDArray[np.intp]
    """In the phase, (B, h, w)."""
    features: NDArray[np.intp]
    """On the grid of phase a, which may reach beyond the picture by a row and a column."""
    padded: NDArray[np.intp]
    """Of the position above and to the left, in the phase with a margin of one, (B, h + 2, w + 2)."""


class PlainSquares:
    """See `squares.Squares`."""

    def __init__(self, features: NDArray[np.uint8], linear: NDArray[np.int32], height: int, width: int) -> None:
        b, grid_height, grid_width, self._width = features.shape
        self._stride, self._linear = width + 2, linear
        self._places = _places(b, height, width, grid_height, grid_width)
        self._rows = [self._featured(features, place.features) for place in self._places]
        self._pair = np.full((b * (height + 2) * (width + 2), 2), RESIDUAL_ZERO, np.uint8)
        self._cross = np.full(len(self._pair), RESIDUAL_ZERO, np.uint8)
        self.samples = np.zeros((COLOURS, b, height, width), np.int16)

    def _featured(self, features: NDArray[np.uint8], at: NDArray[np.intp]) -> NDArray[np.uint8]:
        """(n, row_bytes) rows with the features of some positions."""
        width = self._width
        rows = np.zeros((len(at), row_bytes(width)), np.uint8)
        whole = features.reshape(-1, width).view(f"V{width}")[:, 0]  # one copy a row, not one a byte
        rows[:, :width] = whole.take(at).view(np.uint8).reshape(-1, width)
        return rows

    def rows(self, group: int) -> NDArray[np.uint8]:
        """See `Squares.rows`."""
        rows, at = self._rows[group % 2], self._places[group % 2].padded
        around = rows[:, self._width :]
        if not group:
            return rows
        pairs = self._pair.view(np.uint16)[:, 0]
        taken = np.empty((SQUARE_TAPS, len(at)), np.uint16)
        for tap in range(SQUARE_TAPS):
            pairs[tap // 3 * self._stride + tap % 3 :].take(at, out=taken[tap], mode="clip")
        around.view(np.uint16)[:, :SQUARE_TAPS] = taken.T
        if group == GROUPS - 1:
            offsets = (1, self._stride, self._stride + 2, 2 * self._stride + 1)
            for column, offset in enumerate(offsets, 2 * SQUARE_TAPS):
                around[:, column] = self._cross[offset:].take(at, mode="clip")
        return rows

    def mean(self, group: int, change: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Squares.mean`."""
        return change + self._linear[group // 2].take(self._places[group % 2].features)

    def put(self, group: int, mean: NDArray[np.int32], values: NDArray[np.int32]) -> None:
        """See `Squares.put`."""
        colour, place = group // 2, self._places[group % 2]
        error = values - ((mean + (1 << MEAN_BITS >> 1)) >> MEAN_BITS)
        seen = (np.clip(error, -RESIDUAL_MAX, RESIDUAL_MAX) + RESIDUAL_ZERO).astype(np.uint8)
        (self._cross if colour == COLOURS - 1 else self._pair[:, colour])[place.padded + self._stride + 1] = seen
        self.samples[colour].reshape(-1)[place.inside] = values


@lru_cache(maxsize=32)
def _places(b: int, h: int, w: int, grid_h: int, grid_w: int) -> tuple[_Places, _Places]:
    """The black squares of phases of h × w samples, then the white; phase a is grid_h × grid_w."""
    odd = (np.arange(h)[:, None] + np.arange(w)) % 2
    found = []
    for kind in (0, 1):
        row, column = np.nonzero(odd == kind)
        picture = np.arange(b)[:, None]
        found.append(
            _Places(
                *(
                    ((picture * height + row) * width + column).ravel()
                    for height, width in ((h, w), (grid_h, grid_w), (h + 2, w + 2))
                )
            )
        )
    return found[0], found[1]
