"""The ends of a walk over wavelet coefficients: symbols decided and written, or read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.places import FLAG_TABLES, RUN, Places, flag_table
from roundel.codecs.wavelet.walk import Group, pick
from roundel.coding import Reader, Tables, Writer, compiled
from roundel.errors import FormatError

SYMBOL_MAX = 2**15 - 1


class Writing:
    """Decides symbols by rate and distortion, and writes them, a stream for each pass.

    Args:
        y: coefficients in rounding steps, (h, w, C) float32 for each part.
        limits: (C,) for each part, the largest |symbol|.
        prices: bits of symbols, see `Prices`; None rounds to the nearest.
        bit_price: squared error, in steps², that a bit is worth.
        maps: factors of it (h, w) for the details of each level, see `masking`; None for 1 everywhere.
    """

    def __init__(
        self,
        y: Sequence[NDArray[np.float32]],
        limits: Sequence[NDArray[np.int32]],
        tables: Tables,
        prices: "Prices | None",
        bit_price: float,
        maps: Sequence[NDArray[np.float32]] | None = None,
    ) -> None:
        self._y, self._limits, self._tables = y, limits, tables
        self._prices, self._bit_price, self._maps = prices, bit_price, maps
        self._writers = [Writer() for _ in range(len(y) - 1)]

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `walk.Symbols.next`."""
        y = pick(self._y[group.part], group)
        if group.part and self._prices is not None:
            values = self._decide(y.ravel(), places, self._worth(group)).reshape(y.shape)
        else:
            values = np.rint(y).astype(np.int32)
        limit = self._limits[group.part][group.channels]
        values = np.clip(values, -limit, limit)
        self.put(group, places, (values - guess).ravel())
        return values

    def _worth(self, group: Group) -> NDArray[np.float32]:
        """(N,) or (1,): squared error that a bit is worth, at the fields of a group."""
        if self._maps is None:
            return np.array([self._bit_price], np.float32)
        own = Group(group.part, slice(0, 1), group.fields)
        return pick(self._maps[group.part - 1][:, :, None], own)[:, 0] * np.float32(self._bit_price)

    def put(self, group: Group, places: Places, symbols: NDArray[np.int32]) -> None:
        """Write a group's symbols."""
        writer = self._writers[max(group.part - 1, 0)]
        flags = places.flags(symbols)
        writer.put(flags, np.full(flags.size, flag_table(group.part, group.channels), np.int32), self._tables)
        held = places.coded(flags)
        writer.put(np.where(places.turned, -symbols, symbols)[held], places.table[held], self._tables)

    def passes(self) -> list[bytes]:
        """What was written."""
        return [writer.close() for writer in self._writers]

    def _decide(
        self, y: NDArray[np.float32], places: Places, worth: NDArray[np.float32]
    ) -> NDArray[np.int32]:  # fmt: skip
        """The nearest integer, or the one before it where that saves more than it costs."""
        assert self._prices is not None
        values = np.zeros(y.shape, np.int32)
        at = np.flatnonzero(np.abs(y) >= 0.5)  # few: the rest is zero
        exact, table, turned = y[at], places.table[at], places.turned[at] != 0
        magnitude = np.abs(exact)
        nearest = np.floor(magnitude + 0.5)
        positive = (exact > 0) != turned
        saved = self._prices.saved(nearest.astype(np.int32), table, positive)
        worse = (magnitude - nearest + 1) ** 2 - (magnitude - nearest) ** 2
        own = worth[at // (y.size // worth.size)] if worth.size > 1 else worth
        values[at] = np.copysign(nearest - (worse < own * saved), exact)
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

    def of(
        self, symbols: NDArray[np.int32], table: NDArray[np.int32], turned: NDArray[np.uint8]
    ) -> NDArray[np.float32]:  # fmt: skip
        """Bits of symbols at their places; all of one shape."""
        written = np.where(turned, -symbols, symbols).clip(-self._largest, self._largest)
        return self.bits.ravel().take(table * self.bits.shape[1] + self._largest + written)

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

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `walk.Symbols.next`. Raises: FormatError."""
        reader = self._readers[max(group.part - 1, 0)]
        flags = reader.take(np.full(places.runs, flag_table(group.part, group.channels), np.int32), self._tables)
        held = places.coded(flags)
        found = reader.take(places.table[held], self._tables)
        limits = self._limits[group.part][group.channels]
        if found.size and max(int(found.max()), -int(found.min())) > 2 * SYMBOL_MAX:
            raise FormatError(f"a coefficient is beyond ±{SYMBOL_MAX}; the file is damaged")
        values = _spread(found, held, places.turned, len(limits)) + guess
        extremes = int(values.max(initial=0)), -int(values.min(initial=0))
        if max(extremes) > limits.min() and (np.abs(values) > limits).any():
            raise FormatError("a coefficient is beyond what pictures have; the file is damaged")
        return values


def _spread(
    found: NDArray[np.int32], held: NDArray[np.bool_], turned: NDArray[np.uint8], channels: int
) -> NDArray[np.int32]:
    """(N, C) symbols of all places: those held, in their order, with their own signs, and 0 elsewhere."""
    native = compiled.native()
    if native:
        out = np.empty((held.size // channels, channels), np.int32)
        native.scatter(found, held.view(np.uint8), turned, out, len(out), 1, channels, 2, channels, 0)
        return out
    symbols = np.zeros(held.size, np.int32)
    symbols[held] = found
    return np.where(turned, -symbols, symbols).reshape(-1, channels)
