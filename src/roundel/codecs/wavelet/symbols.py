"""The ends of a walk over wavelet coefficients: values decided and written, or read."""

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.feedback import Feedback
from roundel.codecs.wavelet.places import (
    MOVED,
    RUN,
    SECOND,
    SHIFT_MAX,
    SHIFT_TABLE,
    SHIFTED,
    TABLE_OF,
    Places,
    flag_table,
)
from roundel.codecs.wavelet.shifts import BLOCK, SAMPLE, WORTH, best_shift, sample, shift_bits
from roundel.codecs.wavelet.walk import ALL, MAGNITUDES, WHITE, Group, Level, Symbols, pick
from roundel.coding import Reader, Tables, Writer, compiled
from roundel.coding.dependent import Path, decide
from roundel.errors import FormatError

SYMBOL_MAX = 2**15 - 1
_BEYOND = "a coefficient is beyond what pictures have; the file is damaged"
_MOVED = f"scales are moved by more than {SHIFT_MAX}, which is the most; the file is damaged"


class Decided(NamedTuple):
    """What is written of a group."""

    shift: int
    flags: NDArray[np.int32]
    held: NDArray[np.bool_]
    """(N,) which symbols the stream holds."""
    path: Path
    """Their values as they are coded, signs turned."""
    table: NDArray[np.int32]
    """Of each, shifted already."""


class Writing(Symbols):
    """Decides values by rate and distortion, and writes them, a stream for each pass.

    Args:
        y: coefficients in steps, (h, w, C) float32 for each part.
        limits: (C,) for each part, the largest |value|.
        bit_price: squared error, in steps², that a bit is worth; 0 for values that are as near as can be.
        maps: factors of it (h, w) for the details of each level, see `masking`; None for 1 everywhere.
        feedback: of the same y, if what comes later is to make up for errors.
    """

    def __init__(
        self,
        y: Sequence[NDArray[np.float32]],
        limits: Sequence[NDArray[np.int32]],
        tables: Tables,
        bit_price: float,
        maps: Sequence[NDArray[np.float32]] | None = None,
        feedback: Feedback | None = None,
    ) -> None:
        self._y, self._limits, self._tables, self._feedback = y, limits, tables, feedback
        self._bit_price, self._maps = bit_price, maps
        self._writers = [Writer() for _ in range(len(y) - 1)]

    def details(self, group: Group, said: NDArray[np.uint8], level: Level) -> None:
        """See `walk.Symbols.details`; in one go where the C core is built."""
        native = compiled.native()
        if native is None or not isinstance(group.fields, int):
            super().details(group, said, level)
        else:
            self.put(group, self._decided(native, group, said, level, self._targets(group)))
        if self._feedback:
            self._feedback.taken(group, level.values)

    def _targets(self, group: Group) -> NDArray[np.float32]:
        """What to code of the part of a group, (h, w, C)."""
        return self._feedback.targets(group) if self._feedback else self._y[group.part]

    def _decided(
        self, native: ModuleType, group: Group, said: NDArray[np.uint8], level: Level, y: NDArray[np.float32]
    ) -> Decided:
        """A group, decided by the C core and taken into its level: `decide.h` says what the arguments are."""
        (height, width, both), first = said.shape, group.channels.start
        places = both // 2 * ((height * width + (group.fields == WHITE)) // (1 if group.fields == ALL else 2))
        values, table = np.empty((2, places), np.int32)
        odd, held, flags = np.empty(places, np.uint8), np.empty(places, np.bool_), np.empty(places // RUN + 1, np.int32)
        map_ = None if self._maps is None else np.ascontiguousarray(self._maps[group.part - 1])
        shift, n, runs = native.decide_details(
            said, y, map_, TABLE_OF, self._limits[group.part][group.channels], MAGNITUDES, self._tables.prices,
            SHIFTED, *shift_bits(self._tables), level.values, level.luma, level.known, values, table, odd, held, flags,
            self._tables.native, self._bit_price, WORTH, height, width, first, both // 2, group.fields,
            flag_table(group.part, group.channels), SECOND, SAMPLE, BLOCK,
        )  # fmt: skip
        return Decided(shift, flags[:runs], held, Path(values[:n], odd[:n]), table[:n])

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `walk.Symbols.next`."""
        y = pick(self._targets(group), group)
        limit = self._limits[group.part][group.channels]
        if group.part == 0:
            values = np.clip(np.rint(y).astype(np.int32), -limit, limit)
            self._writers[0].put((values - guess).ravel(), places.table, self._tables)
            if self._feedback:
                self._feedback.low(group, values)
        else:
            room = np.maximum(limit - 2, 0).astype(np.float32)  # values are within 2 of their coefficients
            if max(y.max(initial=0), -y.min(initial=0)) > room.min():
                y = np.clip(y, -room, room)
            values = self._details(group, places, y).reshape(y.shape)
        return values

    def _details(self, group: Group, places: Places, y: NDArray[np.float32]) -> NDArray[np.int32]:
        """Values (N·C,) of a group."""
        worth = np.repeat(self._worth(group), y.shape[1]) if self._maps else self._worth(group)
        flags = places.flags(self._live(group, places, y.ravel(), worth))
        held = places.coded(flags)
        table, turned = places.table[held], places.turned[held]
        values = np.zeros(held.size, np.int32)
        own, wanted = worth[held] if worth.size > 1 else worth, y.ravel()[held]
        at = sample(table)
        tried = decide(wanted[at], turned[at], table[at], own[at] if own.size > 1 else own, SECOND, self._tables)
        shift = best_shift(_turned(tried, turned[at]), table[at], self._tables)
        table = SHIFTED[SHIFT_MAX + shift].take(table)
        path = decide(wanted, turned, table, own, SECOND, self._tables)
        values[held] = path.values
        self.put(group, Decided(shift, flags, held, _turned(path, turned), table))
        return values

    def put(self, group: Group, decided: Decided) -> None:
        """Write a group."""
        shift, flags, _, path, table = decided
        writer = self._writers[group.part - 1]
        writer.put(np.array([shift], np.int32), np.array([SHIFT_TABLE], np.int32), self._tables)
        writer.put(flags, np.full(flags.size, flag_table(group.part, group.channels), np.int32), self._tables)
        writer.put_dependent(path.values, table, SECOND, self._tables)

    def passes(self) -> list[bytes]:
        """What was written."""
        return [writer.close() for writer in self._writers]

    def _worth(self, group: Group) -> NDArray[np.float32]:
        """(N,) or (1,): squared error that a bit is worth, at the fields of a group."""
        if self._maps is None:
            return np.array([self._bit_price], np.float32)
        own = Group(group.part, slice(0, 1), group.fields)
        return pick(self._maps[group.part - 1][:, :, None], own)[:, 0] * np.float32(self._bit_price)

    def _live(
        self, group: Group, places: Places, y: NDArray[np.float32], worth: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """(N,) which coefficients of scale index 0 are worth that their run is coded, each by itself."""
        live = np.zeros(y.size, np.bool_)
        at = np.flatnonzero((places.table == 0) & (np.abs(y) >= 1))
        size, tables = np.abs(y[at]), self._tables
        symbol = np.floor(size / 2 + 0.5)
        first, last = int(tables.starts[0]), int(tables.starts[1]) - 1
        silent = first - int(tables.offsets[0])
        flag = int(tables.starts[flag_table(group.part, group.channels)])
        bits = tables.prices[np.minimum(silent + symbol, last).astype(np.intp)] + (RUN - 1) * tables.prices[silent]
        bits += tables.prices[flag + 1] - tables.prices[flag]
        saved = np.square(size) - np.square(size - 2 * symbol)
        live[at] = saved > (worth[at] if worth.size > 1 else worth) * bits
        return live


class Reading(Symbols):
    """Reads values from passes.

    Args:
        passes: as many as the walk will ask for. limits: as of `Writing`.
    """

    def __init__(self, passes: Sequence[bytes], limits: Sequence[NDArray[np.int32]], tables: Tables) -> None:
        self._readers, self._limits, self._tables = [Reader(data) for data in passes], limits, tables

    def details(self, group: Group, said: NDArray[np.uint8], level: Level) -> None:
        """See `walk.Symbols.details`; in one go where the C core is built. Raises: FormatError."""
        coder = self._readers[group.part - 1].coder
        if not isinstance(coder, compiled.Reader) or not isinstance(group.fields, int):
            super().details(group, said, level)
            return
        first, count = group.channels.start, group.channels.stop - group.channels.start
        limits = self._limits[group.part][group.channels]
        flags = flag_table(group.part, group.channels)
        place = (*said.shape[:2], first, count, group.fields, flags, SECOND, SHIFT_TABLE)
        wrong = coder.take_details(said, level, (MOVED, limits, MAGNITUDES), self._tables, place)
        if wrong:
            raise FormatError(_BEYOND if wrong == 1 else _MOVED)

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `walk.Symbols.next`. Raises: FormatError."""
        limits = self._limits[group.part][group.channels]
        if group.part == 0:
            found = self._readers[0].take(places.table, self._tables).reshape(-1, len(limits))
            values = found + np.asarray(guess, np.int64)
        else:
            reader = self._readers[group.part - 1]
            places = places.shifted(self._shift(group))
            flags = reader.take(np.full(places.runs, flag_table(group.part, group.channels), np.int32), self._tables)
            held = places.coded(flags)
            found = reader.take_dependent(places.table[held], SECOND, self._tables)
            within(found, SYMBOL_MAX)
            values = _spread(found, held, places.turned, len(limits))
        if (np.abs(values) > limits).any():
            raise FormatError(_BEYOND)
        return values.astype(np.int32, copy=False)

    def _shift(self, group: Group) -> int:
        """How far the scale indices of a group are moved, with which it begins."""
        shift = int(self._readers[group.part - 1].take(np.array([SHIFT_TABLE], np.int32), self._tables)[0])
        if abs(shift) > SHIFT_MAX:
            raise FormatError(_MOVED)
        return shift


def within(found: NDArray[np.int32], most: int) -> None:
    """Raises: FormatError: one is beyond ± `most`."""
    if found.size and max(int(found.max()), -int(found.min())) > most:
        raise FormatError(f"a coefficient is beyond ±{most}; the file is damaged")


def _turned(path: Path, turned: NDArray[np.uint8]) -> Path:
    """Values as they are coded."""
    return path._replace(values=np.where(turned, -path.values, path.values))


def _spread(
    found: NDArray[np.int32], held: NDArray[np.bool_], turned: NDArray[np.uint8], channels: int
) -> NDArray[np.int32]:
    """(N, C) values of all places: those held, in their order, with their own signs, and 0 elsewhere."""
    values = np.zeros(held.size, np.int32)
    values[held] = found
    return np.where(turned, -values, values).reshape(-1, channels)
