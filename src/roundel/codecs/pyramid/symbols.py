"""The ends of a walk over a pyramid: samples that are known and written, read, expected, or drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.walk import PASSES, Group, Samples
from roundel.coding import Reader, Tables, Writer, put, take

TOTAL_BITS = 24


class Writing:
    """Writes the samples of known pictures, one stream for each pass. Args: x int32 (B, 3, H, W)."""

    def __init__(self, x: NDArray[np.int32], tables: Tables) -> None:
        self._x, self._tables = x, tables
        self._writers = [Writer() for _ in range(PASSES)]

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        values = group.of(self._x)
        put(self._writers[group.in_pass], (values - centre).ravel(), index.ravel(), self._tables)
        return values

    def passes(self) -> list[bytes]:
        """What was written."""
        return [writer.close() for writer in self._writers]


class Reading:
    """Reads samples from passes; what lies beyond the last one comes from `beyond`."""

    def __init__(self, passes: Sequence[bytes], tables: Tables, beyond: Samples) -> None:
        self._readers = [Reader(data) for data in passes]
        self._tables, self._beyond = tables, beyond

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Samples.next`. Raises: FormatError."""
        if group.in_pass >= len(self._readers):
            return self._beyond.next(group, index, centre)
        return take(self._readers[group.in_pass], index.ravel(), self._tables).reshape(index.shape) + centre


class Expected:
    """The prior's mean, rounded: the best guess for a preview."""

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        return centre


@dataclass
class Drawn:
    """Ancestral samples of the prior, as the paper draws them. Args: generator: the only source of randomness."""

    tables: Tables
    generator: np.random.Generator
    _ends: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        # All tables laid end to end: table t owns [t·2^24, (t + 1)·2^24).
        self._ends = np.cumsum(self.tables.frequencies, dtype=np.int64)

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Samples.next`; an escape is taken for the mean."""
        point = (index.astype(np.int64) << TOTAL_BITS) + self.generator.integers(1 << TOTAL_BITS, size=index.shape)
        slot = np.searchsorted(self._ends, point.ravel(), side="right").reshape(index.shape) - self.tables.starts[index]
        escaped = slot == self.tables.sizes[index] - 1
        return np.where(escaped, centre, centre + self.tables.offsets[index] + slot).astype(np.int32)
