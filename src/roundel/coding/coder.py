"""Symbols and their table indices to bytes and back: the one coder call of every model.

Symbols are coded table after table, those of one table in their given order, so that each table is one vectorised call.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roundel.coding import escapes
from roundel.coding.stream import Reader, Writer
from roundel.coding.tables import Tables
from roundel.errors import FormatError, ModelError


def encode(symbols: ArrayLike, table_index: ArrayLike, tables: Tables) -> bytes:
    """Code symbols, each under the table that its index names.

    Args:
        symbols: (N,) integers within int32; those outside their table are escaped.
        table_index: (N,) integers in [0, T).
        tables: T tables.

    Returns:
        About cost_bits / 8 bytes, less than one byte more on average; b"" for N = 0. The container keeps the length.

    Example:
        >>> tables = Tables.from_pmfs([np.ones(4)], [0], 2**-10)
        >>> decode(encode([3, 1, 99], [0, 0, 0], tables), [0, 0, 0], tables)
        array([ 3,  1, 99], dtype=int32)
    """
    writer = Writer()
    put(writer, symbols, table_index, tables)
    return writer.close()


def put(writer: Writer, symbols: ArrayLike, table_index: ArrayLike, tables: Tables) -> None:
    """Append symbols to a stream that holds several parts, whose later table indices depend on earlier symbols."""
    symbols, index = _symbols(symbols), _index(table_index, tables)
    if symbols.shape != index.shape:
        raise ValueError(f"{symbols.size} symbols with {index.size} table indices")
    order, counts = _group(index, tables)
    grouped = symbols if order is None else symbols.take(order)
    last = np.repeat((tables.sizes - 1).astype(np.uint32), counts)
    # Unsigned wrap-around puts symbols below a table far above it, so one comparison finds both kinds of escape.
    slots = grouped.view(np.uint32) - np.repeat(tables.offsets.view(np.uint32), counts)
    escaped = np.flatnonzero(slots >= last)
    slots[escaped] = last[escaped]
    e = escapes.distances(grouped[escaped].astype(np.int64), *_edges(escaped, counts, tables))
    _write(writer, slots.view(np.int32), e, counts, tables)


def decode(data: bytes, table_index: ArrayLike, tables: Tables) -> NDArray[np.int32]:
    """The symbols that `encode` wrote with the same table indices and tables.

    Succeeds only if `data` is exactly what `encode` makes of the result. That is no checksum: most strings that are too
    short are the code of something else.

    Returns:
        (N,) int32.

    Raises:
        FormatError: the bytes are not the code of N symbols, or not all of them are used.
    """
    index = _index(table_index, tables)
    symbols = take(Reader(data), index, tables)
    if encode(symbols, index, tables) != data:
        raise FormatError(f"{len(data)} bytes are not the code of {index.size} symbols; the file is damaged")
    return symbols


def take(reader: Reader, table_index: ArrayLike, tables: Tables) -> NDArray[np.int32]:
    """The next (N,) symbols of a stream to which `put` appended them with the same table indices.

    Raises:
        FormatError: the bytes are not the code of such symbols. Most damage is not noticed here; checksums find it.
    """
    index = _index(table_index, tables)
    order, counts = _group(index, tables)
    runs = [reader.take(counts[t], tables.models[t]) for t in np.flatnonzero(counts).tolist()]
    slots = np.concatenate(runs) if runs else np.empty(0, np.int32)
    escaped = np.flatnonzero(slots == np.repeat((tables.sizes - 1).astype(np.int32), counts))
    e = escapes.take(reader, escaped.size)
    grouped = slots + np.repeat(tables.offsets, counts)
    grouped[escaped] = escapes.values(e, *_edges(escaped, counts, tables))
    if order is None:
        return grouped
    symbols = np.empty_like(grouped)
    symbols[order] = grouped
    return symbols


def cost_bits(symbols: ArrayLike, table_index: ArrayLike, tables: Tables) -> float:
    """Ideal length in bits under the integer tables, escapes included; arguments as `encode`."""
    symbols, index = _symbols(symbols), _index(table_index, tables)
    if symbols.shape != index.shape:
        raise ValueError(f"{symbols.size} symbols with {index.size} table indices")
    first, last = tables.offsets[index].astype(np.int64), tables.lasts[index]
    escaped = (symbols < first) | (symbols > last)
    slots = np.where(escaped, tables.sizes[index] - 1, symbols - first)
    e = escapes.distances(symbols[escaped].astype(np.int64), first[escaped], last[escaped])
    return float(tables.slot_bits[tables.starts[index] + slots].sum()) + escapes.cost_bits(e)


def _write(
    writer: Writer, slots: NDArray[np.int32], e: NDArray[np.int64], counts: NDArray[np.int64], tables: Tables
) -> None:
    """Append slots grouped by table, then the escapes' distances."""
    used = np.flatnonzero(counts)
    for t, end in zip(used.tolist(), np.cumsum(counts[used]).tolist(), strict=True):
        writer.put(slots[end - counts[t] : end], tables.models[t])
    escapes.put(writer, e)


def _edges(
    positions: NDArray[np.intp], counts: NDArray[np.int64], tables: Tables
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last symbol of the tables of symbols at these positions in the grouped order."""
    index = np.searchsorted(np.cumsum(counts), positions, side="right")
    return tables.offsets[index].astype(np.int64), tables.lasts[index]


def _symbols(symbols: ArrayLike) -> NDArray[np.int32]:
    array = np.asarray(symbols)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise ValueError(f"symbols must be a vector of integers, not {array.dtype} {array.shape}")
    if array.dtype != np.int32 and array.size and (array.min() < -(2**31) or array.max() >= 2**31):
        raise ValueError("symbols are beyond 32 bits")
    return np.ascontiguousarray(array, np.int32)


def _index(table_index: ArrayLike, tables: Tables) -> NDArray[np.uint16]:
    """Checked table indices in the narrowest type, which NumPy sorts by radix."""
    index = np.asarray(table_index)
    if index.ndim != 1 or (index.dtype.kind not in "iu" and index.size):
        raise ValueError(f"table indices must be a vector of integers, not {index.dtype} {index.shape}")
    if index.size and (index.min() < 0 or index.max() >= len(tables)):
        raise ModelError(f"table indices {index.min()} .. {index.max()} where the model has {len(tables)} tables")
    return index.astype(np.uint8 if len(tables) <= 2**8 else np.uint16)


def _group(index: NDArray[np.uint16], tables: Tables) -> tuple[NDArray[np.intp] | None, NDArray[np.int64]]:
    """Stable order by table (None: as they are) and the number of symbols of each table."""
    counts = np.bincount(index, minlength=len(tables))
    if np.count_nonzero(counts) <= 1:
        return None, counts
    return np.argsort(index, kind="stable"), counts
