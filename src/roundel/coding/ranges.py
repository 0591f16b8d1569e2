"""The range coder in Python's integers, one slot at a time: for probabilities that no stored table has.

Slow, and only used where the C core is not built. It writes and reads lists of symbols too, as `plain` does, so that
one stream can hold both.
"""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from roundel.coding import escapes
from roundel.coding.stream import PRECISION
from roundel.coding.tables import Tables
from roundel.errors import FormatError

WORD, STATE = 1 << 32, 1 << 64
CLASS_STARTS = np.concatenate(([0], np.cumsum(escapes.class_frequencies()))).tolist()


class Writer:
    """Encodes slots, each in its interval of the 2**24 quantiles."""

    def __init__(self) -> None:
        self._low, self._width = 0, STATE - 1
        self._bytes = bytearray()

    @property
    def length(self) -> int:
        """Bytes so far, without those that `close` will add."""
        return len(self._bytes)

    def slot(self, start: int, frequency: int) -> None:
        """Append one slot of this cumulative frequency and frequency."""
        unit = self._width >> PRECISION
        self._narrow(unit * start, unit * frequency)

    def bits(self, value: int, count: int) -> None:
        """Append `count` equally likely bits."""
        unit = self._width >> PRECISION << (PRECISION - count)
        self._narrow(unit * value, unit)

    def _narrow(self, by: int, width: int) -> None:
        low = self._low + by
        if low >= STATE:
            self._carry()
            low -= STATE
        if width < WORD:
            self._bytes += (low >> 32).to_bytes(4, "big")
            low, width = low % WORD << 32, width << 32
        self._low, self._width = low, width

    def _carry(self) -> None:
        at = len(self._bytes) - 1
        while self._bytes[at] == 255:
            self._bytes[at] = 0
            at -= 1
        self._bytes[at] += 1

    def distances(self, e: NDArray[np.int64]) -> None:
        """Append the distances of escapes, see `escapes`."""
        kinds = escapes.classes(e)
        for kind in kinds.tolist():
            self.slot(CLASS_STARTS[kind], CLASS_STARTS[kind + 1] - CLASS_STARTS[kind])
        for kind in np.unique(kinds[kinds > 0]).tolist():
            rest, low = (e[kinds == kind] + 1 - (1 << kind)).tolist(), min(kind, escapes.LOW_BITS)
            for value in rest if kind > low else ():
                self.bits(value >> low, kind - low)
            for value in rest:
                self.bits(value & ((1 << low) - 1), low)

    def put(self, symbols: NDArray[np.int32], index: NDArray[np.int32], tables: Tables) -> None:
        """Append a list; arguments checked."""
        distances = []
        for i in np.argsort(index, kind="stable").tolist():
            symbol, t = int(symbols[i]), int(index[i])
            first, end = int(tables.starts[t]), int(tables.starts[t + 1])
            slot, last = symbol - int(tables.offsets[t]), end - first - 1
            if not 0 <= slot < last:
                distances.append(2 * (slot - last) if slot > 0 else 2 * (-1 - slot) + 1)
                slot = last
            self.slot(int(tables.cumulative[first + slot]), int(tables.frequencies[first + slot]))
        self.distances(np.array(distances, np.int64))

    def close(self) -> bytes:
        """See `stream.Writer.close`."""
        for zeros in (64, 56, 48, 40, 32):
            end = -(-self._low >> zeros) << zeros
            if end < self._low + self._width:
                break
        if end == STATE:
            self._carry()
            end = 0
        return bytes(self._bytes + end.to_bytes(8, "big")).rstrip(b"\0")


class Reader:
    """Decodes slots that a Writer wrote; bytes after the last read as zero."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._code, self._width = self._read(8), STATE - 1

    def _read(self, count: int) -> int:
        found = self._data[self._at : self._at + count]
        self._at += count
        return int.from_bytes(found.ljust(count, b"\0"), "big")

    def quantile(self) -> int:
        """Quantile of the next slot. Raises: FormatError: no slot owns it."""
        found = self._code // (self._width >> PRECISION)
        if found >> PRECISION:
            raise FormatError("coded data holds a value that no encoder writes; the file is damaged")
        return found

    def consume(self, start: int, frequency: int) -> None:
        """Go on after a slot of this cumulative frequency and frequency."""
        unit = self._width >> PRECISION
        self._narrow(unit * start, unit * frequency)

    def bits(self, count: int) -> int:
        """The next `count` equally likely bits. Raises: FormatError."""
        unit = self._width >> PRECISION << (PRECISION - count)
        value = self._code // unit
        if value >> count:
            raise FormatError("coded data holds a value that no encoder writes; the file is damaged")
        self._narrow(unit * value, unit)
        return value

    def _narrow(self, by: int, width: int) -> None:
        self._code -= by
        if width < WORD:
            self._code, width = self._code << 32 | self._read(4), width << 32
        self._width = width

    def distances(self, count: int) -> NDArray[np.int64]:
        """The next distances of escapes, see `escapes`. Raises: FormatError."""
        kinds = np.zeros(count, np.int64)
        for i in range(count):
            kind = bisect_right(CLASS_STARTS, self.quantile()) - 1
            self.consume(CLASS_STARTS[kind], CLASS_STARTS[kind + 1] - CLASS_STARTS[kind])
            kinds[i] = kind
        e = (1 << kinds) - 1
        for kind in np.unique(kinds[kinds > 0]).tolist():
            members, low = np.flatnonzero(kinds == kind).tolist(), min(kind, escapes.LOW_BITS)
            for i in members if kind > low else ():
                e[i] += self.bits(kind - low) << low
            for i in members:
                e[i] += self.bits(low)
        return e

    def take(self, index: NDArray[np.int32], tables: Tables) -> NDArray[np.int32]:
        """The next list; arguments checked. Raises: FormatError."""
        slots, order = np.zeros(index.size, np.int64), np.argsort(index, kind="stable")
        for i in order.tolist():
            first, end = int(tables.starts[index[i]]), int(tables.starts[index[i] + 1])
            row = tables.cumulative[first:end]
            slot = int(row.searchsorted(self.quantile(), "right")) - 1
            self.consume(int(row[slot]), int(tables.frequencies[first + slot]))
            slots[i] = slot
        symbols = tables.offsets[index] + slots
        escaped = order[slots[order] == tables.sizes[index[order]] - 1]
        edges = tables.offsets[index[escaped]].astype(np.int64), tables.lasts[index[escaped]]
        symbols[escaped] = escapes.values(self.distances(escaped.size), *edges)
        return symbols.astype(np.int32)
