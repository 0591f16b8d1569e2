"""Seen colours in NumPy and Python: the same bytes as the C core's, for where that is not built, and its oracle.

See `cell`, and docs/format.md, "Seen colours".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import FIRST, UNIFORM_LUMA
from roundel.coding import Tables, escapes, ranges
from roundel.coding.logs import log2, power
from roundel.coding.stream import PRECISION
from roundel.errors import FormatError

Array: TypeAlias = NDArray[np.int32]

ONE = 1 << PRECISION
CLASSES = 13
"""0 never seen, 1–7 seen once to 49 times and more, 8–11 seen beside others only, 12 impossible."""
SEEN_FROM = (1, 2, 3, 5, 9, 17, 49)
"""Counts at which classes 1 … 7 begin."""
BESIDE_FROM = (1, 3, 9, 33)
"""Counts at which classes 8 … 11 begin, of Co whatever Y, or of Cg whatever Y."""
UNSEEN_FROM = (503316, 2516582, 6710886, 11744051, 15099494)
"""Unseen mass at which contexts 1 … 5 of a width begin: .03, .15, .4, .7, .9."""
WIDTH_FROM = (int(FIRST[22]), int(FIRST[30]))
"""Tables at which widths 1 and 2 begin: scales 0.7 and 2."""
CONTEXTS = 18
REACH_MAX = 31
WINDOW = 2 * REACH_MAX + 2
NOWHERE = 255
LIMIT = 1408
DOUBT = 12
COUNT_MAX = 255
FIRST_WEIGHTS = 16 * np.array(
    [
        [-14, -13, -12, -11, -8, -6, -3, 1, -6, -9, -11, -14, -4],
        [-18, -13, -12, -9, -8, -5, 0, 10, -13, -14, -17, -16, -11],
        [-24, -11, -10, -8, -4, 1, 8, 15, -25, -22, -20, -18, -23],
        [-28, -6, -1, 4, 11, 15, 18, 25, -29, -23, -17, -11, -35],
        [-33, 8, 12, 14, 15, 17, 19, 26, -19, -7, 0, 3, -44],
        [-21, 16, 14, 15, 15, 15, 15, 21, -3, 7, 10, 10, -56],
    ]
)
"""log2 of the weights to start with, in 1/256: unseen mass, class. Fitted to photographs and tissue, none of Kodak."""


@dataclass(frozen=True)
class _Band:
    """Distributions of n samples: K slots of the longest table, and W values of the window."""

    slots: NDArray[np.int64]
    """(n,) slots of each table."""
    first: NDArray[np.int64]
    """(n,) the window's first slot."""
    classes: NDArray[np.int64]
    """(n, W)."""
    context: NDArray[np.int64]
    """(n,), −1 where the table is used as it is."""
    starts: NDArray[np.int64]
    """(n, K + 1) cumulative frequencies; 2^24 from the end of a table on."""
    expected: NDArray[np.int64]
    """(CONTEXTS, CLASSES) in 2^-24 samples."""

    def classes_of(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) classes of these slots; 0 outside of the window."""
        place = slots - self.first
        inside = (place >= 0) & (place < self.classes.shape[1])
        return np.where(inside, self.classes[np.arange(len(slots)), np.clip(place, 0, self.classes.shape[1] - 1)], 0)


class PlainColours:
    """The twin of the C core: the same bytes."""

    def __init__(self, tables: Tables) -> None:
        self._tables, self._reach = tables, _reach(tables)
        self._weights = np.tile(FIRST_WEIGHTS, (3, CONTEXTS // len(FIRST_WEIGHTS), 1)).astype(np.int64)
        self._luma = np.zeros(256, np.uint8)
        self._co, self._any_co = np.zeros((256, 511), np.uint8), np.zeros(511, np.uint8)
        # 67 MB, of which only what is touched takes memory.
        self._cg, self._any_cg = np.zeros((256, 511, 511), np.uint8), np.zeros((511, 511), np.uint8)
        self._gains = [0.0, 0.0, 0.0]

    def gains(self) -> list[float]:
        """See `Cell.gains`."""
        return self._gains

    def put(
        self, writer: ranges.Writer, colour: int, values: Array, index: Array, centre: Array, before: Sequence[Array]
    ) -> None:
        """Append a band of a group; arguments as of `Cell.put`."""
        band = self._predict(colour, index, centre, before)
        offsets = centre.astype(np.int64) + self._tables.offsets[index]
        slots, last = values - offsets, band.slots - 1
        escaped = (slots < 0) | (slots >= last)
        e = escapes.distances(values[escaped].astype(np.int64), offsets[escaped], (offsets + last - 1)[escaped])
        slots[escaped] = last[escaped]
        rows = np.arange(len(slots))
        starts, ends = band.starts[rows, slots], band.starts[rows, slots + 1]
        for start, frequency in zip(starts.tolist(), (ends - starts).tolist(), strict=True):
            writer.slot(start, frequency)
        writer.distances(e)
        alone = self._tables.frequencies[self._tables.starts[index] + slots]
        self._gains[colour] += float(np.log2((ends - starts) / alone).sum())
        self._learn_weights(colour, band, slots)

    def take(self, reader: ranges.Reader, colour: int, index: Array, centre: Array, before: Sequence[Array]) -> Array:
        """The next band's values, within their range. Raises: FormatError."""
        band = self._predict(colour, index, centre, before)
        slots = np.empty(len(band.slots), np.int64)
        for i, starts in enumerate(band.starts):
            slot = slots[i] = starts.searchsorted(reader.quantile(), "right") - 1
            reader.consume(int(starts[slot]), int(starts[slot + 1] - starts[slot]))
        offsets = centre.astype(np.int64) + self._tables.offsets[index]
        escaped = slots == band.slots - 1
        values = offsets + slots
        e = reader.distances(int(escaped.sum()))
        values[escaped] = escapes.values(e, offsets[escaped], (offsets + band.slots - 2)[escaped])
        self._learn_weights(colour, band, slots)
        low, high = (-128, 127) if colour == 0 else (-255, 255)
        if values.min(initial=0) < low or values.max(initial=0) > high:
            raise FormatError("coded data holds a sample beyond its range; the file is damaged")
        return values.astype(np.int32)

    def count(self, colour: int, values: Array, before: Sequence[Array]) -> None:
        """Remember the colours of a whole group, once its bands are coded."""
        if colour == 0:
            _count(self._luma, (values + 128,))
        elif colour == 1:
            _count(self._co, (before[0] + 128, values + 255))
            _count(self._any_co, (values + 255,))
        else:
            _count(self._cg, (before[0] + 128, before[1] + 255, values + 255))
            _count(self._any_cg, (before[1] + 255, values + 255))

    def _predict(self, colour: int, index: Array, centre: Array, before: Sequence[Array]) -> _Band:
        """What the nets and the tile say together about a band."""
        tables, n = self._tables, len(index)
        slots, reach = tables.sizes[index], self._reach[index].astype(np.int64)
        looked = reach != NOWHERE
        first = np.where(looked, -tables.offsets[index] - reach, 0)
        place = np.arange(WINDOW)
        inside = looked[:, None] & (place < 2 * reach[:, None] + 2)
        classes = np.where(inside, self._classify(colour, (centre - reach)[:, None] + place, before), 0)

        column = np.arange(slots.max())
        at = tables.starts[index][:, None] + np.minimum(column, slots[:, None] - 1)
        f = np.where(column < slots[:, None], tables.frequencies[at].astype(np.int64), 0)
        window = np.take_along_axis(f, np.minimum(first[:, None] + place, len(column) - 1), 1)
        mass = np.stack([np.where(inside & (classes == k), window, 0).sum(1) for k in range(CLASSES)], 1)
        mass[:, 0] += ONE - mass.sum(1)
        unseen = mass[:, 0] + (mass[:, 8:12].sum(1) >> 1) + mass[:, 12]
        width = np.searchsorted(WIDTH_FROM, index, side="right")
        context = np.where((classes > 0).any(1), width * 6 + np.searchsorted(UNSEEN_FROM, unseen, side="right"), -1)
        weights = power(self._weights[colour])[context]
        weights[context < 0] = 1
        total = (mass * weights).sum(1)
        scale = ((ONE - slots) << 32) // total
        expected = np.zeros((CONTEXTS, CLASSES), np.int64)
        corrected = context >= 0
        np.add.at(expected, context[corrected], ((mass * weights >> 6) * scale[:, None] >> 26)[corrected])

        row = np.repeat(weights[:, :1], len(column), 1)
        rows, places = np.nonzero(inside)
        row[rows, first[rows] + places] = weights[rows, classes[rows, places]]
        starts = np.zeros((n, len(column) + 1), np.int64)
        np.cumsum(f * row, 1, out=starts[:, 1:])
        # The table itself where nothing is corrected: its frequencies sum to 2^24.
        added = (starts * scale[:, None] >> 32) + np.arange(len(column) + 1)
        starts = np.where(corrected[:, None], added, starts)
        starts[np.arange(len(column) + 1) >= slots[:, None]] = ONE
        return _Band(slots, first, classes, context, starts, expected)

    def _classify(self, colour: int, values: NDArray[np.int64], before: Sequence[Array]) -> NDArray[np.int64]:
        """Classes (n, W) of values, given the colours before."""
        if colour == 0:
            possible = (values >= -128) & (values <= 127)
            seen, beside = self._luma[np.clip(values + 128, 0, 255)], np.zeros(values.shape, np.uint8)
        else:
            y, u = before[0][:, None] + 128, np.clip(values + 255, 0, 510)
            if colour == 1:
                possible = np.abs(values) <= np.minimum(np.minimum(4 * y + 3, 4 * (255 - y)), 255)
                seen, beside = self._co[y, u], self._any_co[u]
            else:
                co = before[1][:, None].astype(np.int64)
                rest = y - (values >> 1)
                green, blue = rest + values, rest - (co >> 1)
                red = blue + co
                possible = (np.minimum(np.minimum(red, green), blue) >= 0) & (
                    np.maximum(np.maximum(red, green), blue) <= 255
                )
                possible &= np.abs(values) <= 255
                seen, beside = self._cg[y, co + 255, u], self._any_cg[co + 255, u]
        others = np.searchsorted(BESIDE_FROM, beside, side="right")
        classes = np.where(others > 0, 7 + others, 0)
        classes = np.where(seen > 0, np.searchsorted(SEEN_FROM, seen, side="right"), classes)
        return np.where(possible, classes, CLASSES - 1)

    def _learn_weights(self, colour: int, band: _Band, slots: NDArray[np.int64]) -> None:
        """Weights of the next band, from how often each class came in this one and was expected to."""
        corrected = band.context >= 0
        found = np.zeros((CONTEXTS, CLASSES), np.int64)
        np.add.at(found, (band.context[corrected], band.classes_of(slots)[corrected]), ONE)
        change = log2(found + DOUBT * ONE) - log2(band.expected + DOUBT * ONE)
        self._weights[colour] = np.clip(self._weights[colour] + change, -LIMIT, LIMIT)


def _count(counts: NDArray[np.uint8], where: tuple[Array, ...]) -> None:
    """Add one at each place, as often as it is there, up to 255."""
    flat, times = np.unique(np.ravel_multi_index(where, counts.shape), return_counts=True)
    flat_counts = counts.reshape(-1)
    flat_counts[flat] = np.minimum(flat_counts[flat] + times, COUNT_MAX)


@lru_cache(maxsize=8)
def _reach(tables: Tables) -> NDArray[np.uint8]:
    """(T,) values that the stage looks at on each side of the centre, NOWHERE where it does not: all but 1/128."""
    reach = np.full(len(tables), NOWHERE, np.uint8)
    for t in range(min(UNIFORM_LUMA, len(tables))):
        f = tables.frequencies[tables.starts[t] : tables.starts[t + 1]].astype(np.int64)
        zero, last = -int(tables.offsets[t]), len(f) - 1
        if zero < 0 or zero + 1 >= last:
            continue
        held, r = f[zero] + f[zero + 1], 0
        while ONE - held > ONE // 128 and r < REACH_MAX and zero > r and zero + r + 2 < last:
            r += 1
            held += f[zero - r] + f[zero + r + 1]
        reach[t] = r
    return reach
