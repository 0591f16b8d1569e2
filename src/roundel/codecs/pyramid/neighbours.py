"""Neighbours: a tile's own history corrects what the nets say of a sample; docs/format.md, "Neighbours".

The mean moves by a linear prediction of its error from the samples around, fitted by least squares to what came before
in the tile, and shrunk by how well it has foretold so far; so it cannot do much harm where there is nothing to find.
The scale moves by whole steps of the tables' grid, learned from which ones would have cost fewer bits.

`PlainNeighbours` is the C core's twin in NumPy, for where that is not built.
"""

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.plain_neighbours import PlainNeighbours
from roundel.codecs.pyramid.walk import Group, Prediction, Space
from roundel.coding import Tables, compiled
from roundel.errors import RoundelError

Array: TypeAlias = NDArray[np.int32]

BANDS, BAND_MIN = 16, 64
UNIT = 256
"""Costs come in 1/256 of a bit."""


class Neighbours(Protocol):
    """What a tile, or a group of pictures, tells about itself while it is coded."""

    def first(self, colour: int, values: Array) -> None:
        """The first pixel's samples of a colour, one of each picture (B,); before any group."""
        ...

    def open(self, level: int, phase: int, colour: int, white: int) -> int:
        """Begin the next group of the walk; the number of its samples."""
        ...

    def predict(self, predicted: Prediction) -> tuple[Array, Array]:
        """Table index and centre, (n,) each, of the next band of the group, from what the nets say of it."""
        ...

    def learn(self, values: Array) -> None:
        """The values (n,) of the band that was predicted last, within the range of their colour."""
        ...

    def gain(self) -> float:
        """Bits that what was learned so far would have cost more without the stage, escapes aside."""
        ...


def neighbours(space: Space, tables: Tables) -> Neighbours:
    """A fresh state for what is walked."""
    if native := compiled.native():
        return CompiledNeighbours(space, tables, native)
    return PlainNeighbours(space, tables)


class CompiledNeighbours:
    """The C core's."""

    def __init__(self, space: Space, tables: Tables, module: Any) -> None:
        try:
            self._state = module.Neighbours(*space)
        except MemoryError:
            raise RoundelError(
                f"{space.pictures} pictures of {space.width} × {space.height} pixels in one tile take more memory than "
                "there is"
            ) from None
        self._tables = tables
        self.first, self.open = self._state.first, self._state.open

    def predict(self, predicted: Prediction) -> tuple[Array, Array]:
        """See `Neighbours.predict`."""
        given = [np.ascontiguousarray(part, np.int32) for part in predicted]
        index, centre = np.empty(given[0].size, np.int32), np.empty(given[0].size, np.int32)
        self._state.predict(*given, index, centre)
        return index, centre

    def learn(self, values: Array) -> None:
        """See `Neighbours.learn`."""
        self._state.learn(values, self._tables.native)

    def gain(self) -> float:
        """See `Neighbours.gain`."""
        cost, without = self._state.cost()
        return (without - cost) / UNIT


def bands(count: int) -> Iterator[slice]:
    """Parts of a group of `count` samples, between which what is learned from a tile changes."""
    length = max(-(-count // BANDS), BAND_MIN)
    return (slice(start, start + length) for start in range(0, count, length))


def open_group(stage: Neighbours, group: Group) -> None:
    """Begin a group of the walk."""
    stage.open(group.level, group.phase, group.colour, group.white)
