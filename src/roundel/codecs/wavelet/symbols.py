"""The ends of a walk over wavelet coefficients: symbols decided and written, or read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.walk import Group
from roundel.coding import Reader, Tables, Writer, put, take
from roundel.errors import FormatError

BITS_PRICE = 0.115
"""Squared error, in steps², that one bit is worth: 2·ln 2/12, from dD/dR = −2·ln 2·D at D = Δ²/12."""
LARGEST = 2**15 - 1


def pass_of(part: int) -> int:
    """The pass that holds a part: the low band goes with the coarsest level."""
    return max(part - 1, 0)


def coded(group: Group, index: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(C, h, w): which of a group's values the stream holds."""
    return index > 0 if group.fields is None else (index > 0) & group.fields


def nearest(y: NDArray[np.float32], held: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The nearest integers, 0 where nothing is held."""
    return np.where(held, np.floor(y + 0.5), 0).astype(np.int32)


class Writing:
    """Decides symbols by rate and distortion, and writes them, a stream for each pass.

    Args:
        y: coefficients in rounding steps, (C, h, w) float32 for each part.
        slot_bits: (T, N) bits of |symbol| = 0 … N − 1 under each table; see `prices`.
    """

    def __init__(self, y: Sequence[NDArray[np.float32]], tables: Tables, slot_bits: NDArray[np.float32]) -> None:
        self._y, self._tables, self._bits = y, tables, slot_bits
        self._writers = [Writer() for _ in range(len(y) - 1)]

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`."""
        y = self._y[group.part][group.channels]
        held = coded(group, index)
        values = self._decide(y, index, held) if group.part else nearest(y, held)
        put(self._writers[pass_of(group.part)], (values - guess)[held], index[held] - 1, self._tables)
        return values

    def passes(self) -> list[bytes]:
        """What was written."""
        return [writer.close() for writer in self._writers]

    def _decide(self, y: NDArray[np.float32], index: NDArray[np.uint8], held: NDArray[np.bool_]) -> NDArray[np.int32]:
        """The nearest integer, or the one before it where that saves more than it costs."""
        values = np.zeros(y.shape, np.int32)
        at = np.flatnonzero(held & (np.abs(y) >= 0.5))  # few: the rest is zero
        exact, row = y.ravel()[at], index.ravel()[at].astype(np.intp) - 1
        magnitude = np.abs(exact)
        nearest = np.floor(magnitude + 0.5)
        column = np.minimum(nearest, self._bits.shape[1] - 1).astype(np.intp)
        saved = self._bits[row, column] - self._bits[row, column - 1]
        worse = (magnitude - nearest + 1) ** 2 - (magnitude - nearest) ** 2
        values.ravel()[at] = np.copysign(nearest - (worse < BITS_PRICE * saved), exact)
        return values


def prices(tables: Tables, largest: int = 255) -> NDArray[np.float32]:
    """(T, largest + 1) bits of |symbol| under each table; what is beyond a table costs as much more as it is beyond."""
    out = np.empty((len(tables), largest + 1), np.float32)
    for t, (start, end, offset) in enumerate(zip(tables.starts[:-1], tables.starts[1:], tables.offsets, strict=True)):
        found = tables.slot_bits[start - offset : end - 1][: largest + 1]
        out[t, : found.size] = found
        beyond = np.arange(1, largest + 2 - found.size)
        out[t, found.size :] = tables.slot_bits[end - 1] + 2 * np.log2(1 + beyond)
    return out


class Reading:
    """Reads symbols from passes. Args: passes: as many as the walk will ask for."""

    def __init__(self, passes: Sequence[bytes], tables: Tables) -> None:
        self._readers, self._tables = [Reader(data) for data in passes], tables

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`. Raises: FormatError."""
        held = coded(group, index)
        values = np.zeros(index.shape, np.int32)
        found = take(self._readers[pass_of(group.part)], index[held] - 1, self._tables)
        values[held] = found + (guess if isinstance(guess, int) else guess[held])
        if found.size and np.abs(values).max() > LARGEST:
            raise FormatError(f"a coefficient of {np.abs(values).max()} exceeds {LARGEST}; the file is damaged")
        return values
