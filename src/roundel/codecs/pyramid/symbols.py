"""The ends of a walk over a pyramid: samples that are known and written, read, expected, or drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.colours import seen_colours
from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.walk import PASSES, RANGES, Group, Prediction, Samples
from roundel.coding import Reader, Tables, Writer
from roundel.coding.coder import check_index
from roundel.errors import FormatError

Array: TypeAlias = NDArray[np.int32]

TOTAL_BITS = 24


class Coded(NamedTuple):
    """A group as it is coded: (n,) each."""

    group: Group
    values: Array
    table: Array
    """Index of each sample's table."""
    centre: Array
    before: tuple[Array, ...]
    """The colours before, at the same positions."""


class Written(NamedTuple):
    """Passes, and the bits that seen colours saved in each colour, if any colour was to be corrected."""

    passes: list[bytes]
    gains: list[float]


class Recording:
    """Keeps what is to be coded, so that it can be written in several ways. Args: x int16 (B, 3, H, W), known."""

    def __init__(self, x: NDArray[np.int16]) -> None:
        self._x = x
        self.groups: list[Coded] = []

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`."""
        return self._x[:, colour, 0, 0].astype(np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`."""
        values = group.of(self._x)
        self.groups.append(Coded(group, values, *mixture_index(*predicted), tuple(before)))
        return values

    def written(self, tables: Tables, colours: int, learned: int) -> Written:
        """The passes. Args: colours: 1 or 3 are coded. learned: bit c is set where seen colours correct colour c."""
        count, _, height, width = self._x.shape
        stage = seen_colours(count * height * width, tables) if learned else None
        writers = [stage.writer() if stage else Writer() for _ in range(PASSES)]
        for colour in range(colours):
            writers[0].put(self.first(colour, count), _uniform(colour, count), tables)
        for group, values, index, centre, before in self.groups:
            writer = writers[group.in_pass]
            if stage and learned >> group.colour & 1:
                stage.put(writer, group.colour, values, index, centre, before)
            else:
                writer.put(values - centre, index, tables)
        return Written([writer.close() for writer in writers], stage.gains() if stage else [])


class Reading:
    """Reads samples from passes; what lies beyond the last one comes from `beyond`.

    Args:
        learned: bit c is set where seen colours correct colour c. pixels: of all pictures together.
    """

    def __init__(
        self, passes: Sequence[bytes], tables: Tables, beyond: Samples, *, learned: int = 0, pixels: int = 1
    ) -> None:
        self._stage = seen_colours(pixels, tables) if learned else None
        self._readers = [self._stage.reader(data) if self._stage else Reader(data) for data in passes]
        self._tables, self._beyond, self._learned = tables, beyond, learned

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`. Raises: FormatError."""
        if not self._readers:
            return self._beyond.first(colour, count)
        return _checked(self._readers[0].take(_uniform(colour, count), self._tables), colour)

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        if group.in_pass >= len(self._readers):
            return self._beyond.next(group, predicted, before)
        index, centre = mixture_index(*predicted)
        check_index(index, self._tables)
        return _checked(self.take(group, index, centre, before), group.colour)

    def take(self, group: Group, index: Array, centre: Array, before: Sequence[Array]) -> Array:
        """The values (n,) of a group whose pass is there, not yet checked; indices are. Raises: FormatError."""
        reader = self._readers[group.in_pass]
        if self._stage and self._learned >> group.colour & 1:
            return self._stage.take(reader, group.colour, index, centre, before)
        return reader.coder.take(index, self._tables) + centre


class SideBySide:
    """Pictures of one size that are walked together, each from passes of its own, which all are there.

    The nets take a few pictures nearly as quickly as one, where these are small.
    """

    def __init__(self, readings: Sequence[Reading], tables: Tables) -> None:
        self._readings, self._tables = readings, tables

    def first(self, colour: int, count: int) -> Array:
        """See `Samples.first`. Raises: FormatError."""
        return np.concatenate([reading.first(colour, 1) for reading in self._readings])

    def next(self, group: Group, predicted: Prediction, before: Sequence[Array]) -> Array:
        """See `Samples.next`. Raises: FormatError."""
        index, centre = mixture_index(*predicted)
        check_index(index, self._tables)
        each = index.size // len(self._readings)
        values = np.empty(index.size, np.int32)
        for number, reading in enumerate(self._readings):
            own = slice(number * each, (number + 1) * each)
            values[own] = reading.take(group, index[own], centre[own], [colour[own] for colour in before])
        return _checked(values, group.colour)


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


def _checked(values: Array, colour: int) -> Array:
    """Samples as they were read. Raises: FormatError: the nets would not be exact for one of them."""
    low, high = RANGES[colour]
    if values.min(initial=0) < low or values.max(initial=0) > high:
        raise FormatError("coded data holds a sample beyond its range; the file is damaged")
    return values
