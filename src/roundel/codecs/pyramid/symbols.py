"""The ends of a walk over a pyramid: samples that are known and written, read, expected, or drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.walk import PASSES, RANGES, Group, Prediction, Samples
from roundel.coding import Reader, Tables, Writer
from roundel.errors import FormatError

TOTAL_BITS = 24


class Writing:
    """Writes the samples of known pictures, one stream for each pass. Args: x int16 (B, 3, H, W)."""

    def __init__(self, x: NDArray[np.int16], tables: Tables) -> None:
        self._x, self._tables = x, tables
        self._writers = [Writer() for _ in range(PASSES)]

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """See `Samples.first`."""
        values = self._x[:, colour, 0, 0].astype(np.int32)
        self._writers[0].put(values, _uniform(colour, count), self._tables)
        return values

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        values = group.of(self._x)
        index, centre = mixture_index(*predicted)
        self._writers[group.in_pass].put(values - centre, index, self._tables)
        return values

    def passes(self) -> list[bytes]:
        """What was written."""
        return [writer.close() for writer in self._writers]


class Reading:
    """Reads samples from passes; what lies beyond the last one comes from `beyond`."""

    def __init__(self, passes: Sequence[bytes], tables: Tables, beyond: Samples) -> None:
        self._readers = [Reader(data) for data in passes]
        self._tables, self._beyond = tables, beyond

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """See `Samples.first`. Raises: FormatError."""
        if not self._readers:
            return self._beyond.first(colour, count)
        return _checked(self._readers[0].take(_uniform(colour, count), self._tables), colour)

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """See `Samples.next`. Raises: FormatError."""
        if group.in_pass >= len(self._readers):
            return self._beyond.next(group, predicted, before)
        index, centre = mixture_index(*predicted)
        return _checked(self._readers[group.in_pass].take(index, self._tables) + centre, group.colour)


class Expected:
    """The prior's mean, rounded: the best guess for a preview."""

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """See `Samples.first`."""
        return np.zeros(count, np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
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

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """See `Samples.first`."""
        return self._draw(_uniform(colour, count), np.zeros(count, np.int32), colour)

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        return self._draw(*mixture_index(*predicted), group.colour)

    def _draw(self, index: NDArray[np.int32], centre: NDArray[np.int32], colour: int) -> NDArray[np.int32]:
        """An escape is taken for the mean."""
        point = (index.astype(np.int64) << TOTAL_BITS) + self.generator.integers(1 << TOTAL_BITS, size=index.shape)
        slot = np.searchsorted(self._ends, point, side="right") - self.tables.starts[index]
        symbol = np.where(slot == self.tables.sizes[index] - 1, 0, self.tables.offsets[index] + slot)
        return np.clip(centre + symbol, *RANGES[colour]).astype(np.int32)


def _uniform(colour: int, count: int) -> NDArray[np.int32]:
    """Tables of the first pixel's samples."""
    return np.full(count, UNIFORM_CHROMA if colour else UNIFORM_LUMA, np.int32)


def _checked(values: NDArray[np.int32], colour: int) -> NDArray[np.int32]:
    """Samples as they were read. Raises: FormatError: the nets would not be exact for one of them."""
    low, high = RANGES[colour]
    if values.min(initial=0) < low or values.max(initial=0) > high:
        raise FormatError("coded data holds a sample beyond its range; the file is damaged")
    return values
