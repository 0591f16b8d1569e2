"""What a tile tells about itself, without the C core: the same bytes and samples as `cell.CompiledCell`."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import mixture_index
from roundel.codecs.pyramid.plain_colours import PlainColours
from roundel.codecs.pyramid.plain_neighbours import PlainNeighbours
from roundel.codecs.pyramid.walk import RANGES, Group, Prediction, Space
from roundel.coding import Reader, Tables, Writer, ranges
from roundel.errors import FormatError

Array: TypeAlias = NDArray[np.int32]

NEIGHBOURS = 8
"""Bit of a tile's flags: neighbours correct what the nets say. Bits 0 to 2: seen colours correct Y, Co, Cg."""
BANDS, BAND_MIN = 16, 64


class PlainCell:
    """The twin of the C core's cell."""

    def __init__(self, flags: int, space: Space, tables: Tables) -> None:
        self._flags, self._tables = flags, tables
        self._colours = PlainColours(tables) if flags % NEIGHBOURS else None
        self._neighbours = PlainNeighbours(space, tables) if flags & NEIGHBOURS else None

    def writer(self) -> ranges.Writer | Writer:
        """See `Cell.writer`."""
        return ranges.Writer() if self._colours else Writer()

    def reader(self, data: bytes) -> ranges.Reader | Reader:
        """See `Cell.reader`."""
        return ranges.Reader(data) if self._colours else Reader(data)

    def first(self, colour: int, values: Array) -> None:
        """See `Cell.first`."""
        if self._neighbours:
            self._neighbours.first(colour, values)

    def place(self, group: Group, values: Array, predicted: Prediction) -> tuple[Array, Array]:
        """See `Cell.place`."""
        assert self._neighbours
        self._neighbours.open(group.level, group.phase, group.colour, group.white)
        parts = []
        for band in bands(len(values)):
            parts.append(self._neighbours.predict(predicted.of(band)))
            self._neighbours.learn(values[band])
        index, centre = (np.concatenate(part) for part in zip(*parts, strict=True))
        return index, centre

    def put(
        self, writer: Any, group: Group, values: Array, index: Array, centre: Array, before: Sequence[Array]
    ) -> None:
        """See `Cell.put`."""
        seen = self._seen(group)
        for band in self._bands(len(values)):
            if seen:
                seen.put(writer, group.colour, values[band], index[band], centre[band], [b[band] for b in before])
            else:
                writer.put(values[band] - centre[band], index[band], self._tables)
        if seen:
            seen.count(group.colour, values, before)

    def take(self, reader: Any, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Cell.take`."""
        seen = self._seen(group)
        if self._neighbours:
            self._neighbours.open(group.level, group.phase, group.colour, group.white)
        values = np.empty(len(predicted.mean), np.int32)
        for band in self._bands(len(values)):
            told = predicted.of(band)
            index, centre = self._neighbours.predict(told) if self._neighbours else mixture_index(*told)
            if seen:
                values[band] = seen.take(reader, group.colour, index, centre, [b[band] for b in before])
            else:
                values[band] = in_range(reader.take(index, self._tables) + centre, group.colour)
            if self._neighbours:
                self._neighbours.learn(values[band])
        if seen:
            seen.count(group.colour, values, before)
        return values

    def gains(self) -> list[float]:
        """See `Cell.gains`."""
        return self._colours.gains() if self._colours else [0.0] * len(RANGES)

    def gain(self) -> float:
        """See `Cell.gain`."""
        return self._neighbours.gain() if self._neighbours else 0.0

    def _seen(self, group: Group) -> PlainColours | None:
        return self._colours if self._flags >> group.colour & 1 else None

    def _bands(self, count: int) -> Iterator[slice]:
        return bands(count) if self._flags else iter([slice(None)])


def bands(count: int) -> Iterator[slice]:
    """Parts of a group of `count` samples, between which what is learned from a tile changes."""
    length = max(-(-count // BANDS), BAND_MIN)
    return (slice(start, start + length) for start in range(0, count, length))


def in_range(values: Array, colour: int) -> Array:
    """Samples as they were read. Raises: FormatError: the nets would not be exact for one of them."""
    low, high = RANGES[colour]
    if values.min(initial=0) < low or values.max(initial=0) > high:
        raise FormatError("coded data holds a sample beyond its range; the file is damaged")
    return values
