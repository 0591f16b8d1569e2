"""Dependent quantisation: two quantisers that take turns, as the parities of the symbols before say.

The first has the even values, 2k for a symbol k; the second has 0 and the odd ones, 2k − sign(k). Each is twice as
coarse as their union, in which an encoder finds a path that stays near to what it codes: at high rates 1.1 dB nearer
than a quantiser of as many bits that knows nothing of the others.

Source: trellis-coded quantisation (Marcellin & Fischer 1990), with the quantisers of VVC (Schwarz et al. 2019) and
eight states.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.coding import compiled, escapes
from roundel.coding.plain import Reader as PlainReader
from roundel.coding.plain import Writer as PlainWriter
from roundel.coding.tables import Tables

NEXT = ((0, 2), (5, 7), (1, 3), (6, 4), (2, 0), (4, 6), (3, 1), (7, 5))
"""The state after an even and after an odd symbol; in odd states the second quantiser is on. A list begins in state 0.
Escapes count as even, since their values are read after the list."""
_FAR = 1e30


def put_plain(
    writer: PlainWriter, values: NDArray[np.int32], index: NDArray[np.int32], second: int, tables: Tables
) -> None:
    """`coder.Writer.put_dependent` where the C coder is not built."""
    stream, state, escaped = writer.stream, 0, []
    for value, own in _sorted(values, index):
        odd = state & 1
        symbol = (value + (value > 0) * odd - (value < 0) * odd) // 2
        if _value(symbol, odd) != value:
            raise ValueError(f"{value} is no value of the quantiser that is on")
        t = own + second * odd
        first, last = int(tables.offsets[t]), int(tables.lasts[t])
        within = first <= symbol <= last
        slot = symbol - first if within else last + 1 - first
        stream.put(np.array([slot], np.int32), tables.models[t])
        if not within:
            escaped.append((symbol, first, last))
        state = NEXT[state][symbol & 1 if within else 0]
    escapes.put(stream, escapes.distances(*np.array(escaped, np.int64).reshape(-1, 3).T))


def take_plain(reader: PlainReader, index: NDArray[np.int32], second: int, tables: Tables) -> NDArray[np.int32]:
    """`coder.Reader.take_dependent` where the C coder is not built. Raises: FormatError."""
    values, state, escaped = np.zeros(index.size, np.int64), 0, []
    for at in np.argsort(index, kind="stable").tolist():
        odd = state & 1
        t = int(index[at]) + second * odd
        first, last = int(tables.offsets[t]), int(tables.lasts[t])
        symbol = first + int(reader.stream.take(1, tables.models[t])[0])
        if symbol > last:
            escaped.append((at, odd, first, last))
        values[at] = _value(symbol, odd)
        state = NEXT[state][0 if symbol > last else symbol & 1]
    places, odds, firsts, lasts = np.array(escaped, np.int64).reshape(-1, 4).T
    symbols = escapes.values(escapes.take(reader.stream, len(escaped)), firsts, lasts)
    values[places] = 2 * symbols - odds * np.sign(symbols)
    return values.astype(np.int32)


class Path(NamedTuple):
    """What an encoder chose."""

    values: NDArray[np.int32]
    """(N,)."""
    odd: NDArray[np.uint8]
    """(N,) 1 where the second quantiser is on."""


def decide(
    y: NDArray[np.float32],
    turned: NDArray[np.uint8],
    index: NDArray[np.int32],
    worth: NDArray[np.float32],
    second: int,
    tables: Tables,
) -> Path:
    """Values of coefficients, of least squared error + worth · bits.

    Args:
        y: (N,) coefficients, |y| < 2^24. turned: (N,) 1 where one is coded with the other sign.
        index: (N,) tables, of the first quantiser; those of the second are `second` further on.
        worth: (M,) squared error that a bit is worth; each is for N/M coefficients in turn.

    Returns:
        Values that `put_dependent` codes with the same indices, each within 2 of its coefficient or 0.
    """
    native = compiled.native()
    if native:
        path = Path(np.empty(y.size, np.int32), np.empty(y.size, np.uint8))
        native.decide(*path, y, turned, index, worth, tables.prices, tables.native, second)
        return path
    return decide_plain(y, turned, index, np.repeat(worth, y.size // max(worth.size, 1)), second, tables)


def decide_plain(
    y: NDArray[np.float32],
    turned: NDArray[np.uint8],
    index: NDArray[np.int32],
    worth: NDArray[np.float32],
    second: int,
    tables: Tables,
) -> Path:
    """`decide` where the C coder is not built. Args: worth: (N,)."""
    order = np.argsort(index, kind="stable")
    choices = [
        _cheapest(y[order], turned[order], index[order] + second * odd, worth[order], odd, tables) for odd in (0, 1)
    ]
    costs = np.stack([cost for cost, _ in choices], 1)  # (N, quantiser, parity)
    found = np.stack([value for _, value in choices], 1)
    total = np.full(len(NEXT), _FAR)
    total[0] = 0
    states = np.arange(len(NEXT))
    into = np.array([[(s, p) for s in states for p in (0, 1) if NEXT[s][p] == to] for to in states])  # (8, 2, 2)
    back = np.empty((y.size, len(NEXT), 2), np.int64)
    for i in range(y.size):
        coming = total[into[:, :, 0]] + costs[i, into[:, :, 0] & 1, into[:, :, 1]]
        better = coming.argmin(1)
        back[i] = into[states, better]
        total = coming[states, better] - coming.min()
    path = Path(np.empty(y.size, np.int32), np.empty(y.size, np.uint8))
    state = int(total.argmin())
    for i in range(y.size - 1, -1, -1):
        before, parity = back[i, state]
        path.values[order[i]], path.odd[order[i]] = found[i, before & 1, parity], before & 1
        state = int(before)
    return path


def _cheapest(
    y: NDArray[np.float32],
    turned: NDArray[np.uint8],
    table: NDArray[np.int32],
    worth: NDArray[np.float32],
    odd: int,
    tables: Tables,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The least cost and its value (N, 2) for each parity that the state will follow."""
    size, sign = np.abs(y), np.where(y < 0, -1, 1)
    low = ((size + odd) / 2).astype(np.int64)
    cost, value = np.full((y.size, 2), _FAR), np.zeros((y.size, 2), np.int64)
    first, last = tables.offsets[table].astype(np.int64), tables.lasts[table]
    for k in (np.zeros_like(low), low, low + 1):
        symbol = np.where((sign < 0) != (turned != 0), -k, k)
        within = (symbol >= first) & (symbol <= last)
        slots = tables.starts[table] + np.where(within, symbol - first, last + 1 - first)
        beyond = escapes.distances(symbol, first, last).clip(0)
        bits = tables.prices[slots] + np.where(within, 0, 2 + 1.5 * escapes.classes(beyond))
        sized = 2 * k - odd * (k > 0)
        own = np.square(size - sized) + worth * bits
        for parity in (0, 1):
            better = (np.where(within, k & 1, 0) == parity) & (own < cost[:, parity])
            cost[better, parity], value[better, parity] = own[better], (sign * sized)[better]
    return cost, value


def _sorted(values: NDArray[np.int32], index: NDArray[np.int32]) -> list[tuple[int, int]]:
    order = np.argsort(index, kind="stable")
    return list(zip(values[order].tolist(), index[order].tolist(), strict=True))


def _value(symbol: int, odd: int) -> int:
    return 2 * symbol - odd * ((symbol > 0) - (symbol < 0))
