"""What a tile tells about itself while it is coded; docs/format.md, "Seen colours" and "Neighbours".

Most pictures were something else before they became RGB (JPEG, PhotoCD, a palette, a stretched histogram), and only a
part of all colours can occur in them. **Seen colours** counts those that came so far, which divides the values that a
sample may have into classes; each class has a weight, learned from the tile too, that multiplies the probability of its
values.

**Neighbours** moves the mean of a sample by a linear prediction of its error from the samples around, fitted by least
squares to what came before in the tile, and shrunk by how well it has foretold so far; so it cannot do much harm where
there is nothing to find. The scale moves by whole steps of the tables' grid, learned from which ones would have cost
fewer bits.

`PlainCell` is the C core's twin in NumPy and Python, some hundred times slower, for where that is not built.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.plain_cell import PlainCell
from roundel.codecs.pyramid.walk import Group, Prediction, Space
from roundel.coding import Reader, Tables, Writer, compiled
from roundel.errors import FormatError, RoundelError

Array: TypeAlias = NDArray[np.int32]

UNIT = 256
"""Costs come in 1/256 of a bit."""


class Cell(Protocol):
    """What a tile, or a group of pictures, tells about itself: nothing without flags."""

    def writer(self) -> Any:
        """A stream to put groups and lists into."""
        ...

    def reader(self, data: bytes) -> Any:
        """A stream to take groups and lists from."""
        ...

    def first(self, colour: int, values: Array) -> None:
        """The first pixel's samples of a colour, one of each picture (B,); before any group."""
        ...

    def place(self, group: Group, values: Array, predicted: Prediction) -> tuple[Array, Array]:
        """Table index and centre, (n,) each, of the walk's next group, as neighbours have them.

        Args:
            values: (n,) within their range, which come to be known on the way.
        """
        ...

    def put(
        self, writer: Any, group: Group, values: Array, index: Array, centre: Array, before: Sequence[Array]
    ) -> None:
        """Append a group.

        Args:
            values: (n,) within their range. index, centre: (n,) from `place` or `mixture_index`.
            before: the colours before, (n,) each, at the same positions.
        """
        ...

    def take(self, reader: Any, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """The values (n,) of the walk's next group, within their range. Raises: FormatError."""
        ...

    def gains(self) -> list[float]:
        """Bits that each colour put so far would have cost more without seen colours, escapes aside."""
        ...

    def gain(self) -> float:
        """Bits that what was placed so far would have cost more without neighbours, escapes aside."""
        ...


def cell(flags: int, space: Space, tables: Tables) -> Cell:
    """A fresh one. Args: flags: of docs/format.md, what the tile is coded with."""
    if native := compiled.native():
        return CompiledCell(flags, space, tables, native)
    return PlainCell(flags, space, tables)


class CompiledCell:
    """The C core's."""

    def __init__(self, flags: int, space: Space, tables: Tables, module: Any) -> None:
        try:
            self._state = module.Cell(flags, *space)
        except MemoryError:
            raise RoundelError(
                f"{space.pictures} pictures of {space.width} × {space.height} pixels in one tile take more memory than "
                "there is"
            ) from None
        self._tables, self._module = tables, module
        self.first = self._state.first

    def place(self, group: Group, values: Array, predicted: Prediction) -> tuple[Array, Array]:
        """See `Cell.place`."""
        index, centre = np.empty(values.size, np.int32), np.empty(values.size, np.int32)
        self._state.place(group, values, *predicted, index, centre, self._tables.native)
        return index, centre

    def put(
        self, writer: Any, group: Group, values: Array, index: Array, centre: Array, before: Sequence[Array]
    ) -> None:
        """See `Cell.put`."""
        y, co = (*before, None, None)[:2]
        self._state.put(writer.coder.stream, group.colour, values, index, centre, y, co, self._tables.native)

    def take(self, reader: Any, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Cell.take`."""
        y, co = (*before, None, None)[:2]
        values = np.empty(predicted.mean.size, np.int32)
        try:
            self._state.take(reader.coder.stream, group, values, *predicted, y, co, self._tables.native)
        except self._module.Damaged as error:
            raise FormatError(f"coded data holds {error}; the file is damaged") from None
        except self._module.Beyond:
            raise FormatError("coded data holds a sample beyond its range; the file is damaged") from None
        return values

    @staticmethod
    def writer() -> Writer:
        """A stream to put groups and lists into."""
        return Writer()

    @staticmethod
    def reader(data: bytes) -> Reader:
        """A stream to take groups and lists from."""
        return Reader(data)

    def gains(self) -> list[float]:
        """See `Cell.gains`."""
        return [(without - cost) / UNIT for cost, without in self._state.cost()[:-1]]

    def gain(self) -> float:
        """See `Cell.gain`."""
        cost, without = self._state.cost()[-1]
        return (without - cost) / UNIT
