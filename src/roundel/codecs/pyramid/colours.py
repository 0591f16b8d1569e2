"""Seen colours: a tile's own history corrects the probabilities that the nets give; docs/format.md, "Seen colours".

Most pictures were something else before they became RGB (JPEG, PhotoCD, a palette, a stretched histogram), and only a
part of all colours can occur in them. Counts of the colours seen so far divide the values that a sample may have into
classes; each class has a weight, learned from the tile too, that multiplies the probability of its values.

The C core does this at some 100 ns a sample; `PlainColours` is its twin in NumPy and Python, some hundred times
slower, for where the core is not built.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.plain_colours import PlainColours
from roundel.coding import Reader, Tables, Writer, compiled
from roundel.errors import FormatError

Array: TypeAlias = NDArray[np.int32]

UNIT = 256
"""Costs come in 1/256 of a bit."""


class SeenColours(Protocol):
    """What a tile, or a group of pictures, tells about itself while it is coded."""

    def writer(self) -> Any:
        """A stream to put groups and lists into."""
        ...

    def reader(self, data: bytes) -> Any:
        """A stream to take groups and lists from."""
        ...

    def put(
        self, writer: Any, colour: int, values: Array, index: Array, centre: Array, before: Sequence[Array]
    ) -> None:
        """Append a band of a group.

        Args:
            colour: 0 Y, 1 Co, 2 Cg. values: (n,) within their range. index, centre: (n,) from `mixture_index`.
            before: the colours before, (n,) each, at the same positions.
        """
        ...

    def take(self, reader: Any, colour: int, index: Array, centre: Array, before: Sequence[Array]) -> Array:
        """The next band's values, within their range. Raises: FormatError."""
        ...

    def count(self, colour: int, values: Array, before: Sequence[Array]) -> None:
        """Remember the colours of a whole group, once its bands are coded."""
        ...

    def gains(self) -> list[float]:
        """Bits that each colour put so far would have cost more without the stage, escapes aside."""
        ...


def seen_colours(pixels: int, tables: Tables) -> SeenColours:
    """A fresh state. Args: pixels: of the tile, or of all pictures of the group."""
    if native := compiled.native():
        return CompiledColours(pixels, tables, native)
    return PlainColours(tables)


class CompiledColours:
    """The C core's. Args: pixels: of the tile, or of all pictures of the group."""

    def __init__(self, pixels: int, tables: Tables, module: Any) -> None:
        self._state, self._tables, self._module = module.Colours(pixels), tables, module

    def put(
        self, writer: Any, colour: int, values: Array, index: Array, centre: Array, before: Sequence[Array]
    ) -> None:
        """See `SeenColours.put`."""
        y, co = (*before, None, None)[:2]
        self._state.put(writer.coder.stream, colour, values, index, centre, y, co, self._tables.native)

    def take(self, reader: Any, colour: int, index: Array, centre: Array, before: Sequence[Array]) -> Array:
        """See `SeenColours.take`."""
        y, co = (*before, None, None)[:2]
        values = np.empty(index.size, np.int32)
        try:
            self._state.take(reader.coder.stream, colour, values, index, centre, y, co, self._tables.native)
        except (self._module.Damaged, self._module.Beyond) as error:
            raise FormatError(f"coded data holds {error}; the file is damaged") from None
        return values

    def count(self, colour: int, values: Array, before: Sequence[Array]) -> None:
        """See `SeenColours.count`."""
        y, co = (*before, None, None)[:2]
        self._state.count(colour, values, y, co)

    @staticmethod
    def writer() -> Writer:
        """A stream to put groups and lists into."""
        return Writer()

    @staticmethod
    def reader(data: bytes) -> Reader:
        """A stream to take groups and lists from."""
        return Reader(data)

    def gains(self) -> list[float]:
        """Bits that each colour put so far would have cost more without."""
        return [(without - cost) / UNIT for cost, without in self._state.cost()]
