"""Symbols and their table indices to bytes and back: the one coder call of every model.

The C coder does it where it was built (`compiled`), else constriction (`plain`): the bytes are the same.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roundel.coding import compiled, dependent, escapes, plain
from roundel.coding.tables import Tables
from roundel.errors import FormatError, ModelError


class Writer:
    """Encodes lists of symbols into one stream; the table indices of later lists may depend on earlier symbols."""

    def __init__(self) -> None:
        native = compiled.native()
        self.coder = compiled.Writer(native) if native else plain.Writer()

    def put(self, symbols: ArrayLike, table_index: ArrayLike, tables: Tables) -> None:
        """Append a list; arguments as `encode`."""
        values, index = _vector(symbols, "symbols"), _vector(table_index, "table indices")
        check_index(index, tables)
        if values.shape != index.shape:
            raise ValueError(f"{values.size} symbols with {index.size} table indices")
        self.coder.put(values, index, tables)

    def put_dependent(self, values: ArrayLike, table_index: ArrayLike, second: int, tables: Tables) -> None:
        """Append a dependent list: values of `dependent.decide`, each under a table that depends on those before.

        Args:
            values: (N,) integers. table_index: (N,) in [0, T − second), of the first quantiser's tables.
            second: how much further on the second quantiser's are.

        Raises:
            ValueError: a value is none of the quantiser that is on.
        """
        own, index = _vector(values, "values"), _vector(table_index, "table indices")
        check_index(index, tables, second)
        if own.shape != index.shape:
            raise ValueError(f"{own.size} values with {index.size} table indices")
        if isinstance(self.coder, plain.Writer):
            dependent.put_plain(self.coder, own, index, second, tables)
        else:
            self.coder.put_dependent(own, index, second, tables)

    def close(self) -> bytes:
        """The shortest byte string that decodes to what was put; of those the smallest; no trailing zero bytes."""
        return self.coder.close()


class Reader:
    """Decodes what a Writer wrote, given the same table indices and tables.

    Bytes missing at the end read as zero, so any bytes decode to something, or are refused.
    """

    def __init__(self, data: bytes) -> None:
        native = compiled.native()
        self.coder = compiled.Reader(data, native) if native else plain.Reader(data)

    def take(self, table_index: ArrayLike, tables: Tables) -> NDArray[np.int32]:
        """The next (N,) symbols.

        Raises:
            FormatError: the bytes are not the code of such symbols. Most damage is not noticed here; checksums find it.
        """
        index = _vector(table_index, "table indices")
        check_index(index, tables)
        return self.coder.take(index, tables)

    def take_dependent(self, table_index: ArrayLike, second: int, tables: Tables) -> NDArray[np.int32]:
        """The next (N,) values that `put_dependent` appended. Raises: FormatError, see `take`."""
        index = _vector(table_index, "table indices")
        check_index(index, tables, second)
        if isinstance(self.coder, plain.Reader):
            return dependent.take_plain(self.coder, index, second, tables)
        return self.coder.take_dependent(index, second, tables)


class Readers:
    """Readers of streams that are read in step, a list of one length from each: quicker than reader by reader."""

    def __init__(self, streams: Sequence[bytes]) -> None:
        native = compiled.native()
        self._coder = compiled.Readers(streams, native) if native else plain.Readers(streams)

    def take(self, table_index: ArrayLike, tables: Tables) -> NDArray[np.int32]:
        """The next (N,) symbols, N / `len(streams)` of each stream, one after the other.

        Raises:
            FormatError: see `Reader.take`.
        """
        index = _vector(table_index, "table indices")
        check_index(index, tables)
        return self._coder.take(index, tables)


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
    writer.put(symbols, table_index, tables)
    return writer.close()


def decode(data: bytes, table_index: ArrayLike, tables: Tables) -> NDArray[np.int32]:
    """The symbols that `encode` wrote with the same table indices and tables.

    Succeeds only if `data` is exactly what `encode` makes of the result. That is no checksum: most strings that are too
    short are the code of something else.

    Returns:
        (N,) int32.

    Raises:
        FormatError: the bytes are not the code of N symbols, or not all of them are used.
    """
    symbols = Reader(data).take(table_index, tables)
    if encode(symbols, table_index, tables) != data:
        raise FormatError(f"{len(data)} bytes are not the code of {symbols.size} symbols; the file is damaged")
    return symbols


def put(writer: Writer, symbols: ArrayLike, table_index: ArrayLike, tables: Tables) -> None:
    """`Writer.put`."""
    writer.put(symbols, table_index, tables)


def take(reader: Reader, table_index: ArrayLike, tables: Tables) -> NDArray[np.int32]:
    """`Reader.take`."""
    return reader.take(table_index, tables)


def cost_bits(symbols: ArrayLike, table_index: ArrayLike, tables: Tables) -> float:
    """Ideal length in bits under the integer tables, escapes included; arguments as `encode`."""
    values, index = _vector(symbols, "symbols"), _vector(table_index, "table indices")
    check_index(index, tables)
    if values.shape != index.shape:
        raise ValueError(f"{values.size} symbols with {index.size} table indices")
    first, last = tables.offsets[index].astype(np.int64), tables.lasts[index]
    escaped = (values < first) | (values > last)
    slots = np.where(escaped, tables.sizes[index] - 1, values - first)
    e = escapes.distances(values[escaped].astype(np.int64), first[escaped], last[escaped])
    return float(tables.slot_bits[tables.starts[index] + slots].sum()) + escapes.cost_bits(e)


def _vector(values: ArrayLike, name: str) -> NDArray[np.int32]:
    """Values as a contiguous vector. Raises: ValueError: no integers, or beyond 32 bits."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise ValueError(f"{name} must be a vector of integers, not {array.dtype} {array.shape}")
    if array.dtype != np.int32 and array.size and (array.min() < -(2**31) or array.max() >= 2**31):
        raise ValueError(f"{name} are beyond 32 bits")
    return np.ascontiguousarray(array, np.int32)


def check_index(index: NDArray[np.int32], tables: Tables, second: int = 0) -> None:
    """Raises: ModelError: one names no table. Args: second: as of `Writer.put_dependent`."""
    count = len(tables) - second
    if index.size and (index.min() < 0 or index.max() >= count):
        raise ModelError(f"table indices {index.min()} .. {index.max()} where the model has {count} tables")
