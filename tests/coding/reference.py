"""The coded stream of docs/format.md in plain integers, one symbol at a time: slow, short, without constriction."""

from collections.abc import Iterator, Sequence

from roundel.coding import Tables

CLASSES = [2 ** (22 - k // 2) + 128 * (k == 0) for k in range(34)]


class Decoder:
    """Reads slots from bytes; bytes after the last read as zero."""

    def __init__(self, data: bytes) -> None:
        self.words = iter(data)
        self.code, self.width = self.read(8), 2**64 - 1

    def read(self, count: int) -> int:
        return int.from_bytes([next(self.words, 0) for _ in range(count)], "big")

    def slot(self, frequencies: Sequence[int]) -> int:
        unit = self.width >> 24
        quantile = self.code // unit
        assert quantile < 2**24, "no encoder writes this"
        slot = start = 0
        while quantile >= start + frequencies[slot]:
            start += frequencies[slot]
            slot += 1
        self.code -= unit * start
        self.width = unit * frequencies[slot]
        if self.width < 2**32:
            self.width <<= 32
            self.code = self.code << 32 | self.read(4)
        return slot

    def bits(self, count: int) -> int:
        """`count` equally likely bits as one symbol; same as a table of 2**count equal frequencies."""
        unit = (self.width >> 24) << (24 - count)
        value, self.code = divmod(self.code, unit)
        assert value < 2**count
        self.width = unit
        if self.width < 2**32:
            self.width <<= 32
            self.code = self.code << 32 | self.read(4)
        return value


def decode(data: bytes, table_index: Sequence[int], tables: Tables) -> list[int]:
    """What roundel.coding.decode returns, for bytes that encode wrote."""
    return take(Decoder(data), table_index, tables)


def take(decoder: Decoder, table_index: Sequence[int], tables: Tables) -> list[int]:
    """What roundel.coding.take returns: the next symbols of a stream of several parts."""
    order = sorted(range(len(table_index)), key=lambda i: table_index[i])  # stable
    symbols, escaped = [0] * len(order), []
    for i in order:
        frequencies, offset = table(tables, table_index[i])
        slot = decoder.slot(frequencies)
        symbols[i] = offset + slot
        if slot == len(frequencies) - 1:
            escaped.append(i)
    for i, distance in zip(escaped, distances(decoder, len(escaped)), strict=True):
        frequencies, offset = table(tables, table_index[i])
        below, steps = distance % 2, distance // 2
        symbols[i] = offset - 1 - steps if below else offset + len(frequencies) - 1 + steps
    return symbols


def distances(decoder: Decoder, count: int) -> list[int]:
    """How far escapes lie beyond their tables' edges: all classes, then class by class the bits."""
    kinds = [decoder.slot(CLASSES) for _ in range(count)]
    found = [0] * count
    for kind in range(34):
        members = [i for i, k in enumerate(kinds) if k == kind]
        low_count = min(kind, 16)
        high = [decoder.bits(kind - 16) if kind > 16 else 0 for _ in members]
        low = [decoder.bits(low_count) if kind > 0 else 0 for _ in members]
        for i, h, b in zip(members, high, low, strict=True):
            found[i] = 2**kind + (h << low_count) + b - 1
    return found


def encode(symbols: Sequence[int], table_index: Sequence[int], tables: Tables) -> bytes:
    """What roundel.coding.encode returns: interval arithmetic on integers of any size."""
    low, width, total_bits = 0, 2**64 - 1, 64
    for start, frequency in intervals(symbols, table_index, tables):
        unit = width >> 24
        low, width = low + unit * start, unit * frequency
        if width < 2**32:
            low, width, total_bits = low << 32, width << 32, total_bits + 32
    for zeros in range(total_bits, -1, -8):  # the shortest string, of those the smallest
        end = -(-low >> zeros) << zeros
        if end < low + width:
            return end.to_bytes(total_bits // 8, "big").rstrip(b"\0")
    raise AssertionError


def intervals(symbols: Sequence[int], table_index: Sequence[int], tables: Tables) -> Iterator[tuple[int, int]]:
    """(cumulative frequency, frequency) of everything in the stream, in its order."""
    escaped = []
    for i in sorted(range(len(table_index)), key=lambda i: table_index[i]):
        frequencies, offset = table(tables, table_index[i])
        slot = symbols[i] - offset
        if not 0 <= slot < len(frequencies) - 1:
            beyond = slot - (len(frequencies) - 1)
            escaped.append(2 * beyond if slot > 0 else 2 * (-1 - slot) + 1)
            slot = len(frequencies) - 1
        yield sum(frequencies[:slot]), frequencies[slot]
    for e in escaped:
        kind = (e + 1).bit_length() - 1
        yield sum(CLASSES[:kind]), CLASSES[kind]
    for kind in range(1, 34):
        members = [e + 1 - 2**kind for e in escaped if (e + 1).bit_length() - 1 == kind]
        if kind > 16:
            yield from (((m >> 16) << (40 - kind), 1 << (40 - kind)) for m in members)
        yield from (((m % 2**16) << (24 - min(kind, 16)), 1 << (24 - min(kind, 16))) for m in members)


def table(tables: Tables, t: int) -> tuple[list[int], int]:
    """Frequencies and first symbol of table t."""
    a, b = tables.starts[t], tables.starts[t + 1]
    return tables.frequencies[a:b].tolist(), int(tables.offsets[t])


NEXT = [(0, 2), (5, 7), (1, 3), (6, 4), (2, 0), (4, 6), (3, 1), (7, 5)]


def take_dependent(decoder: Decoder, table_index: Sequence[int], second: int, tables: Tables) -> list[int]:
    """The next values of a dependent list."""
    order = sorted(range(len(table_index)), key=lambda i: table_index[i])
    values, escaped, state = [0] * len(order), [], 0
    for i in order:
        odd = state % 2
        frequencies, offset = table(tables, table_index[i] + odd * second)
        slot = decoder.slot(frequencies)
        symbol = offset + slot
        if slot == len(frequencies) - 1:
            escaped.append((i, odd))
            state = NEXT[state][0]
        else:
            state = NEXT[state][symbol % 2]
        values[i] = value_of(symbol, odd)
    for (i, odd), distance in zip(escaped, distances(decoder, len(escaped)), strict=True):
        frequencies, offset = table(tables, table_index[i] + odd * second)
        below, steps = distance % 2, distance // 2
        symbol = offset - 1 - steps if below else offset + len(frequencies) - 1 + steps
        values[i] = value_of(symbol, odd)
    return values


def value_of(symbol: int, odd: int) -> int:
    """2k in the first quantiser, 2k − sign(k) in the second."""
    return 2 * symbol - odd * ((symbol > 0) - (symbol < 0))
