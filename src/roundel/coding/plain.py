"""Lists of symbols on constriction: where the C coder is not built, and the oracle that it is tested against.

Symbols are coded table after table, those of one table in their given order, so that each table is one vectorised call.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.coding import escapes, stream
from roundel.coding.tables import Tables

Order = NDArray[np.intp] | None
"""Positions sorted by table; None: as they are."""


class Writer:
    """Encodes lists of symbols into one stream."""

    def __init__(self) -> None:
        self.stream = stream.Writer()

    def put(self, symbols: NDArray[np.int32], index: NDArray[np.int32], tables: Tables) -> None:
        """Append a list; arguments checked."""
        order, counts = _group(index, tables)
        grouped = symbols if order is None else symbols.take(order)
        last = np.repeat((tables.sizes - 1).astype(np.uint32), counts)
        # Unsigned wrap-around puts symbols below a table far above it, so one comparison finds both kinds of escape.
        slots = grouped.view(np.uint32) - np.repeat(tables.offsets.view(np.uint32), counts)
        escaped = np.flatnonzero(slots >= last)
        slots[escaped] = last[escaped]
        used = np.flatnonzero(counts)
        for t, end in zip(used.tolist(), np.cumsum(counts[used]).tolist(), strict=True):
            self.stream.put(slots[end - counts[t] : end].view(np.int32), tables.models[t])
        e = escapes.distances(grouped[escaped].astype(np.int64), *_edges(escaped, counts, tables))
        escapes.put(self.stream, e)

    def close(self) -> bytes:
        """See `stream.Writer.close`."""
        return self.stream.close()


class Reader:
    """Decodes what a Writer wrote, given the same tables and indices."""

    def __init__(self, data: bytes) -> None:
        self.stream = stream.Reader(data)

    def take(self, index: NDArray[np.int32], tables: Tables) -> NDArray[np.int32]:
        """The next list; arguments checked. Raises: FormatError."""
        order, counts = _group(index, tables)
        runs = [self.stream.take(counts[t], tables.models[t]) for t in np.flatnonzero(counts).tolist()]
        slots = np.concatenate(runs) if runs else np.empty(0, np.int32)
        escaped = np.flatnonzero(slots == np.repeat((tables.sizes - 1).astype(np.int32), counts))
        e = escapes.take(self.stream, escaped.size)
        grouped = slots + np.repeat(tables.offsets, counts)
        grouped[escaped] = escapes.values(e, *_edges(escaped, counts, tables))
        if order is None:
            return grouped
        symbols = np.empty_like(grouped)
        symbols[order] = grouped
        return symbols


class Readers:
    """Decodes what as many Writers wrote, lists of one length from each."""

    def __init__(self, streams: Sequence[bytes]) -> None:
        self.readers = [Reader(data) for data in streams]

    def take(self, index: NDArray[np.int32], tables: Tables) -> NDArray[np.int32]:
        """The next lists, one after the other; arguments checked. Raises: FormatError."""
        parts = zip(self.readers, np.split(index, len(self.readers)), strict=True)
        return np.concatenate([reader.take(part, tables) for reader, part in parts])


def _group(index: NDArray[np.int32], tables: Tables) -> tuple[Order, NDArray[np.int64]]:
    """Stable order by table and the number of symbols of each table."""
    # In the narrowest type, which NumPy sorts by radix.
    narrow = index.astype(np.uint8 if len(tables) <= 2**8 else np.uint16)
    counts = np.bincount(narrow, minlength=len(tables))
    return (np.argsort(narrow, kind="stable") if np.count_nonzero(counts) > 1 else None), counts


def _edges(
    positions: NDArray[np.intp], counts: NDArray[np.int64], tables: Tables
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last symbol of the tables of symbols at these positions in the grouped order."""
    index = np.searchsorted(np.cumsum(counts), positions, side="right")
    return tables.offsets[index].astype(np.int64), tables.lasts[index]
