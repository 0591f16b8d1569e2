"""The ends of a walk over a pyramid: samples that are known and written, read, expected, or drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.cell import cell
from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.plain_cell import NEIGHBOURS, in_range
from roundel.codecs.pyramid.walk import PASSES, RANGES, Group, Prediction, Samples, Space
from roundel.coding import Readers, Tables

Array: TypeAlias = NDArray[np.int32]

TOTAL_BITS = 24


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

    @property
    def luma(self) -> NDArray[np.int16]:
        """(B, H, W)."""
        return self._x[:, 0]

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
        stage = cell(NEIGHBOURS, self._space(colours), tables)
        for colour in range(colours):
            stage.first(colour, self.first(colour, len(self._x)))
        placed = [Placed(*stage.place(told.group, told.values, told.predicted)) for told in self._groups]
        return placed, stage.gain()

    def written(self, placed: Sequence[Placed], tables: Tables, colours: int, flags: int) -> Written:
        """The passes. Args: placed: of each group. colours: 1 or 3 are coded. flags: what the tile is coded with."""
        # Neighbours have had their say, in `placed`; that they are there still decides that groups come in bands.
        stage = cell(flags, self._space(colours), tables)
        writers = [stage.writer() for _ in range(PASSES)]
        for colour in range(colours):
            writers[0].put(self.first(colour, len(self._x)), _uniform(colour, len(self._x)), tables)
        for (group, values, _, before), (index, centre) in zip(self._groups, placed, strict=True):
            stage.put(writers[group.in_pass], group, values, index, centre, before)
        return Written([writer.close() for writer in writers], stage.gains())

    def _space(self, colours: int) -> Space:
        count, _, height, width = self._x.shape
        return Space(count, height, width, 0, colours)


class Reading:
    """Reads samples from passes; what lies beyond the last one comes from `beyond`.

    Args:
        flags: what the tile is coded with. space: what is walked.
    """

    def __init__(self, passes: Sequence[bytes], tables: Tables, beyond: Samples, *, flags: int, space: Space) -> None:
        self._cell = cell(flags, space, tables)
        self._readers = [self._cell.reader(data) for data in passes]
        self._tables, self._beyond = tables, beyond

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`. Raises: FormatError."""
        if not self._readers:
            return self._beyond.first(colour, count)
        values = in_range(self._readers[0].take(_uniform(colour, count), self._tables), colour)
        self._cell.first(colour, values)
        return values

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        if group.in_pass >= len(self._readers):
            return self._beyond.next(group, predicted, before)
        return self._cell.take(self._readers[group.in_pass], group, predicted, before)


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
            reading.next(group, predicted.of(part), [colour[part] for colour in before])
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
        return in_range(self._readers[0].take(_uniform(colour, count), self._tables), colour)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        index, centre = mixture_index(*predicted)
        return in_range(self._readers[group.in_pass].take(index, self._tables) + centre, group.colour)


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


def _uniform(colour: int, count: int) -> Array:
    """Tables of the first pixel's samples."""
    return np.full(count, UNIFORM_CHROMA if colour else UNIFORM_LUMA, np.int32)
