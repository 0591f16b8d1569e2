"""The ends of a walk over wavelet coefficients: symbols decided and written, or read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.walk import BANDS, INDICES, NO_SKEW, SKEWS, Group
from roundel.coding import Reader, Tables, Writer
from roundel.errors import FormatError

RUN = 32
"""So many coefficients of scale index 0 share a flag that says whether all of them are 0."""
TILTS = SKEWS - NO_SKEW
"""Tables of a scale index, by how far the skew is from saying nothing."""
FLAG_TABLES = 1 + (INDICES - 1) * TILTS
"""The first of the tables of flags: of luma and colours of each level."""
LEVELS = 5
TABLES = FLAG_TABLES + 2 * LEVELS
SYMBOL_MAX = 2**15 - 1


def _table_of() -> NDArray[np.int32]:
    index, skew = np.arange(INDICES)[:, None], np.arange(SKEWS)[None]
    return np.where(index == 0, 0, 1 + (index - 1) * TILTS + np.abs(skew - NO_SKEW)).astype(np.int32).ravel()


_TABLE_OF = _table_of()


class Places:
    """Where the symbols of a group stand in the tables, in the group's order (N, C), flattened.

    Args:
        scale, skew: see `walk.Symbols.next`.
    """

    def __init__(self, group: Group, scale: NDArray[np.uint8], skew: NDArray[np.uint8]) -> None:
        index = scale.ravel()
        self.table = _TABLE_OF.take(index * np.uint16(SKEWS) + skew.ravel())
        self.flipped = skew.ravel() < NO_SKEW
        """Where a symbol is coded with the other sign."""
        self.still = np.flatnonzero(index == 0) if group.part else np.empty(0, np.intp)
        """Places of scale index 0; of the low band all are coded."""
        self.flag_table = FLAG_TABLES + 2 * (group.part - 1) + (group.channels.start >= BANDS)

    @property
    def runs(self) -> int:
        """How many flags there are."""
        return -(-self.still.size // RUN)

    def coded(self, flags: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which symbols of the group the stream holds, given its flags."""
        held = np.ones(self.table.size, np.bool_)
        held[self.still] = np.repeat(flags != 0, RUN)[: self.still.size]
        return held

    def flags(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """(runs,) 1 where one of a run's values is not 0."""
        return (np.add.reduceat(values[self.still] != 0, np.arange(0, self.still.size, RUN)) > 0).astype(np.int32)


class Writing:
    """Decides symbols by rate and distortion, and writes them, a stream for each pass.

    Args:
        y: coefficients in rounding steps, (h, w, C) float32 for each part.
        limits: (C,) for each part, the largest |symbol|.
        prices: bits of symbols, see `Prices`; None rounds to the nearest.
        bit_price: squared error, in steps², that a bit is worth.
    """

    def __init__(
        self,
        y: Sequence[NDArray[np.float32]],
        limits: Sequence[NDArray[np.int32]],
        tables: Tables,
        prices: "Prices | None",
        bit_price: float,
    ) -> None:
        self._y, self._limits, self._tables = y, limits, tables
        self._prices, self._bit_price = prices, bit_price
        self._writers = [Writer() for _ in range(len(y) - 1)]

    def next(
        self, group: Group, scale: NDArray[np.uint8], skew: NDArray[np.uint8], guess: NDArray[np.int32] | int
    ) -> NDArray[np.int32]:
        """See `walk.Symbols.next`."""
        part = self._y[group.part]
        y = part[..., group.channels] if group.fields is None else part[(*group.fields, group.channels)]
        places = Places(group, scale, skew)
        y = y.reshape(scale.shape)
        if group.part and self._prices is not None:
            values = self._decide(y.ravel(), places).reshape(scale.shape)
        else:
            values = np.rint(y).astype(np.int32)
        limit = self._limits[group.part][group.channels]
        values = np.clip(values, -limit, limit)
        self.put(group, places, (values - guess).ravel())
        return values

    def put(self, group: Group, places: Places, symbols: NDArray[np.int32]) -> None:
        """Write a group's symbols."""
        writer = self._writers[max(group.part - 1, 0)]
        flags = places.flags(symbols) if places.runs else np.empty(0, np.int32)
        if flags.size:
            writer.put(flags, np.full(flags.size, places.flag_table, np.int32), self._tables)
        held = places.coded(flags)
        writer.put(np.where(places.flipped, -symbols, symbols)[held], places.table[held], self._tables)

    def passes(self) -> list[bytes]:
        """What was written."""
        return [writer.close() for writer in self._writers]

    def _decide(self, y: NDArray[np.float32], places: Places) -> NDArray[np.int32]:
        """The nearest integer, or the one before it where that saves more than it costs."""
        assert self._prices is not None
        values = np.zeros(y.shape, np.int32)
        at = np.flatnonzero(np.abs(y) >= 0.5)  # few: the rest is zero
        exact, table, flipped = y[at], places.table[at], places.flipped[at]
        magnitude = np.abs(exact)
        nearest = np.floor(magnitude + 0.5)
        positive = (exact > 0) != flipped
        saved = self._prices.saved(nearest.astype(np.int32), table, positive)
        worse = (magnitude - nearest + 1) ** 2 - (magnitude - nearest) ** 2
        values[at] = np.copysign(nearest - (worse < self._bit_price * saved), exact)
        return values


class Prices:
    """What symbols cost under the tables, in bits."""

    def __init__(self, tables: Tables, largest: int = 255) -> None:
        self.bits = np.empty((FLAG_TABLES, 2 * largest + 1), np.float32)
        """(T, 511) of symbols −255 … 255; of table 0 with the flag of a run that has but this one."""
        self._largest = largest
        for t in range(FLAG_TABLES):
            start, end, offset = tables.starts[t], tables.starts[t + 1], int(tables.offsets[t])
            symbols = np.arange(-largest, largest + 1)
            slots = symbols - offset
            inside = (slots >= 0) & (slots < end - 1 - start)
            beyond = np.maximum(offset - symbols, symbols - (offset + end - 2 - start)).clip(1)
            escaped = tables.slot_bits[end - 1] + 2 * np.log2(1 + beyond)
            self.bits[t] = np.where(inside, tables.slot_bits[(start + slots).clip(start, end - 1)], escaped)
        flag = tables.slot_bits[tables.starts[FLAG_TABLES:-1] + 1].mean()
        self.bits[0] += flag + (RUN - 1) * self.bits[0, largest]
        self.bits[0, largest] = 0

    def saved(
        self, sizes: NDArray[np.int32], table: NDArray[np.int32], positive: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Bits that a size of one less saves."""
        size = np.minimum(sizes, self._largest)
        sign = np.where(positive, 1, -1)
        row = table * self.bits.shape[1] + self._largest
        flat = self.bits.ravel()
        return flat.take(row + sign * size) - flat.take(row + sign * (size - 1))


class Reading:
    """Reads symbols from passes.

    Args:
        passes: as many as the walk will ask for. limits: as of `Writing`.
    """

    def __init__(self, passes: Sequence[bytes], limits: Sequence[NDArray[np.int32]], tables: Tables) -> None:
        self._readers, self._limits, self._tables = [Reader(data) for data in passes], limits, tables

    def next(
        self, group: Group, scale: NDArray[np.uint8], skew: NDArray[np.uint8], guess: NDArray[np.int32] | int
    ) -> NDArray[np.int32]:
        """See `walk.Symbols.next`. Raises: FormatError."""
        reader, places = self._readers[max(group.part - 1, 0)], Places(group, scale, skew)
        flags = reader.take(np.full(places.runs, places.flag_table, np.int32), self._tables)
        held = np.flatnonzero(places.coded(flags))
        found = reader.take(places.table[held], self._tables)
        if found.size and (found.max() > 2 * SYMBOL_MAX or found.min() < -2 * SYMBOL_MAX):
            raise FormatError(f"a coefficient is beyond ±{SYMBOL_MAX}; the file is damaged")
        symbols = np.zeros(scale.size, np.int32)
        symbols[held] = np.where(places.flipped[held], -found, found)
        values = symbols.reshape(scale.shape) + guess
        if (np.abs(values) > self._limits[group.part][group.channels]).any():
            raise FormatError("a coefficient is beyond what pictures have; the file is damaged")
        return values
