"""The ends of a walk over a pyramid: samples that are known and written, read, expected, or drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.colours import SeenColours, seen_colours
from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.neighbours import bands, neighbours, open_group
from roundel.codecs.pyramid.walk import PASSES, RANGES, Group, Prediction, Samples, Space
from roundel.coding import Reader, Readers, Tables, Writer
from roundel.errors import FormatError

Array: TypeAlias = NDArray[np.int32]

TOTAL_BITS = 24
NEIGHBOURS = 8
"""Bit of a tile's flags: neighbours correct what the nets say. Bits 0 to 2: seen colours correct Y, Co, Cg."""


class Told(NamedTuple):
    """A group as it was walked."""

    group: Group
    values: Array
    predicted: Prediction
    before: tuple[Array, ...]
    """The colours before, at the same positions."""


class Placed(NamedTuple):
    """Table and centre of each sample of a group, (n,) each."""

    table: Array
    centre: Array


class Written(NamedTuple):
    """Passes, and the bits that seen colours saved in each colour that they corrected."""

    passes: list[bytes]
    gains: list[float]


class Recording:
    """Keeps what is to be coded, so that it can be written in several ways. Args: x int16 (B, 3, H, W), known."""

    def __init__(self, x: NDArray[np.int16]) -> None:
        self._x = x
        self._groups: list[Told] = []

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`."""
        return self._x[:, colour, 0, 0].astype(np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`."""
        values = group.of(self._x)
        self._groups.append(Told(group, values, predicted, tuple(before)))
        return values

    def placed(self) -> list[Placed]:
        """Tables and centres as the nets say."""
        return [Placed(*mixture_index(*told.predicted)) for told in self._groups]

    def corrected(self, tables: Tables, colours: int) -> tuple[list[Placed], float]:
        """Tables and centres as the nets and neighbours say, and the bits that this saves. Args: colours: 1 or 3."""
        count, _, height, width = self._x.shape
        stage = neighbours(Space(count, height, width, 0, colours), tables)
        for colour in range(colours):
            stage.first(colour, self.first(colour, count))
        found = []
        for group, values, predicted, _ in self._groups:
            open_group(stage, group)
            parts = []
            for band in bands(len(values)):
                parts.append(stage.predict(_of(predicted, band)))
                stage.learn(values[band])
            found.append(Placed(*(np.concatenate(part) for part in zip(*parts, strict=True))))
        return found, stage.gain()

    def written(self, placed: Sequence[Placed], tables: Tables, colours: int, flags: int) -> Written:
        """The passes. Args: placed: of each group. colours: 1 or 3 are coded. flags: what the tile is coded with."""
        count, _, height, width = self._x.shape
        stage = seen_colours(count * height * width, tables) if flags % NEIGHBOURS else None
        writers = [stage.writer() if stage else Writer() for _ in range(PASSES)]
        for colour in range(colours):
            writers[0].put(self.first(colour, count), _uniform(colour, count), tables)
        for (group, values, _, before), (index, centre) in zip(self._groups, placed, strict=True):
            writer, learned = writers[group.in_pass], stage if flags >> group.colour & 1 else None
            for band in bands(len(values)) if flags else [slice(None)]:
                if learned:
                    known = [b[band] for b in before]
                    learned.put(writer, group.colour, values[band], index[band], centre[band], known)
                else:
                    writer.put(values[band] - centre[band], index[band], tables)
            if learned:
                learned.count(group.colour, values, before)
        return Written([writer.close() for writer in writers], stage.gains() if stage else [0.0] * colours)


class Reading:
    """Reads samples from passes; what lies beyond the last one comes from `beyond`.

    Args:
        flags: what the tile is coded with. space: what is walked.
    """

    def __init__(self, passes: Sequence[bytes], tables: Tables, beyond: Samples, *, flags: int, space: Space) -> None:
        self._colours = seen_colours(space.pixels, tables) if flags % NEIGHBOURS else None
        self._neighbours = neighbours(space, tables) if flags & NEIGHBOURS else None
        self._readers = [self._colours.reader(data) if self._colours else Reader(data) for data in passes]
        self.tables, self._beyond, self._flags = tables, beyond, flags

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`. Raises: FormatError."""
        if not self._readers:
            return self._beyond.first(colour, count)
        values = _checked(self._readers[0].take(_uniform(colour, count), self.tables), colour)
        if self._neighbours:
            self._neighbours.first(colour, values)
        return values

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        if group.in_pass >= len(self._readers):
            return self._beyond.next(group, predicted, before)
        learned = self._colours if self._flags >> group.colour & 1 else None
        if self._neighbours:
            open_group(self._neighbours, group)
        values = np.empty(len(predicted.mean), np.int32)
        for band in bands(len(values)) if self._flags else [slice(None)]:
            values[band] = self._band(group, _of(predicted, band), [b[band] for b in before], learned)
        if learned:
            learned.count(group.colour, values, before)
        return values

    def _band(self, group: Group, predicted: Prediction, before: Sequence[Array], learned: SeenColours | None) -> Array:
        index, centre = self._neighbours.predict(predicted) if self._neighbours else mixture_index(*predicted)
        reader = self._readers[group.in_pass]
        if learned:
            values = learned.take(reader, group.colour, index, centre, before)
        else:
            values = _checked(reader.take(index, self.tables) + centre, group.colour)
        if self._neighbours:
            self._neighbours.learn(values)
        return values


class SideBySide:
    """Pictures of one size that are walked together, each from passes of its own, which all are there.

    The nets take a few pictures nearly as quickly as one, where these are small.
    """

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`. Raises: FormatError."""
        return np.concatenate([reading.first(colour, 1) for reading in self._readings])

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        each = len(predicted.mean) // len(self._readings)
        own = [slice(start, start + each) for start in range(0, len(predicted.mean), each)]
        parts = [
            reading.next(group, _of(predicted, part), [colour[part] for colour in before])
            for reading, part in zip(self._readings, own, strict=True)
        ]
        return np.concatenate(parts)


class InStep:
    """The same for pictures that learn nothing: one call reads a group of all of them. Args: pictures: their passes."""

    def __init__(self, pictures: Sequence[Sequence[bytes]], tables: Tables) -> None:
        self._readers = [Readers(streams) for streams in zip(*pictures, strict=True)]
        self._tables = tables

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`. Raises: FormatError."""
        return _checked(self._readers[0].take(_uniform(colour, count), self._tables), colour)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        index, centre = mixture_index(*predicted)
        return _checked(self._readers[group.in_pass].take(index, self._tables) + centre, group.colour)


class Expected:
    """The prior's mean, rounded: the best guess for a preview."""

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`."""
        return np.zeros(count, np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`."""
        return np.clip(mixture_index(*predicted)[1], *RANGES[group.colour])


@dataclass
class Drawn:
    """Ancestral samples of the prior, as the paper draws them. Args: generator: the only source of randomness."""

    tables: Tables
    generator: np.random.Generator
    _ends: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        # All tables laid end to end: table t owns [t·2^24, (t + 1)·2^24).
        self._ends = np.cumsum(self.tables.frequencies, dtype=np.int64)

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`."""
        return self._draw(_uniform(colour, count), np.zeros(count, np.int32), colour)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`."""
        return self._draw(*mixture_index(*predicted), group.colour)

    def _draw(self, index: Array, centre: Array, colour: int) -> Array:
        """An escape is taken for the mean."""
        point = (index.astype(np.int64) << TOTAL_BITS) + self.generator.integers(1 << TOTAL_BITS, size=index.shape)
        slot = np.searchsorted(self._ends, point, side="right") - self.tables.starts[index]
        symbol = np.where(slot == self.tables.sizes[index] - 1, 0, self.tables.offsets[index] + slot)
        return np.clip(centre + symbol, *RANGES[colour]).astype(np.int32)


def _of(predicted: Prediction, band: slice) -> Prediction:
    """A part of what the nets say of a group."""
    return Prediction(*(part[band] for part in predicted))


def _uniform(colour: int, count: int) -> Array:
    """Tables of the first pixel's samples."""
    return np.full(count, UNIFORM_CHROMA if colour else UNIFORM_LUMA, np.int32)


def _checked(values: Array, colour: int) -> Array:
    """Samples as they were read. Raises: FormatError: the nets would not be exact for one of them."""
    low, high = RANGES[colour]
    if values.min(initial=0) < low or values.max(initial=0) > high:
        raise FormatError("coded data holds a sample beyond its range; the file is damaged")
    return values
