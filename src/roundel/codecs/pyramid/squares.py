"""The squares of a checkerboard over a phase: rows for the heads, from features and from what was found around.

Groups are numbered 0 … 5: luma, Co, Cg, of each first the black squares, then the white.
"""

from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.nets import COLOURS, row_bytes
from roundel.codecs.pyramid.plain_squares import PlainSquares
from roundel.coding import compiled


class Squares(Protocol):
    """A phase while its groups are coded, one after the other."""

    samples: NDArray[np.int16]
    """(3, B, h, w): what was put so far, 0 elsewhere."""

    def rows(self, group: int) -> NDArray[np.uint8]:
        """(n, row_bytes): what the head of the group sees; good until the next call."""
        ...

    def mean(self, group: int, change: NDArray[np.int32]) -> NDArray[np.int32]:
        """The means (n,) of a group, in sixteenths, from what its head says; that may be changed in place."""
        ...

    def put(self, group: int, mean: NDArray[np.int32], values: NDArray[np.int32]) -> None:
        """The values (n,) of a group, for which these means were foretold."""
        ...


def squares(features: NDArray[np.uint8], linear: NDArray[np.int32], height: int, width: int) -> Squares:
    """Those of a phase of height × width samples.

    Args:
        features: (B, h, w, width of the nets), and linear: (3, B·h·w), on a grid that may have a row and a column more.
    """
    if native := compiled.native():
        return CompiledSquares(features, linear, height, width, native)
    return PlainSquares(features, linear, height, width)


class CompiledSquares:
    """The C core's."""

    def __init__(
        self, features: NDArray[np.uint8], linear: NDArray[np.int32], height: int, width: int, module: ModuleType
    ) -> None:
        b, _, _, channels = features.shape
        self._state = module.Squares(b, height, width, *features.shape[1:], row_bytes(channels))
        self._linear = np.ascontiguousarray(linear)
        counts = (b * ((height * width + 1) // 2), b * (height * width // 2))
        self._rows = [np.empty((n, row_bytes(channels)), np.uint8) for n in counts]
        for white in (0, 1):
            self._state.rows(white, features, self._rows[white])
        self.samples = np.zeros((COLOURS, b, height, width), np.int16)

    def rows(self, group: int) -> NDArray[np.uint8]:
        """See `Squares.rows`."""
        self._state.around(group, self._rows[group % 2])
        return self._rows[group % 2]

    def mean(self, group: int, change: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Squares.mean`."""
        self._state.means(group, self._linear[group // 2], change)
        return change

    def put(self, group: int, mean: NDArray[np.int32], values: NDArray[np.int32]) -> None:
        """See `Squares.put`."""
        self._state.put(group, mean, values, self.samples[group // 2])
