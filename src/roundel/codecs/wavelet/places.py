"""Which table codes each coefficient: by its scale and by what is known of its sign."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

INDICES, SKEWS = 64, 7
NO_SKEW = SKEWS // 2
"""This skew says nothing of the sign; with a smaller one a coefficient is rather negative, and coded with its sign
turned."""
TILTS = SKEWS - NO_SKEW
"""Tables of a scale index, by how far the skew is from saying nothing."""
RUN = 32
"""So many coefficients of scale index 0 share a flag that says whether one of them is not 0."""
SHIFT_INDEX = 22
"""Shifts are coded by the table of this scale index: half of them are 0, few are beyond 6."""
LEVELS, LUMA_BANDS = 5, 3
FLAG_TABLES = 1 + (INDICES - 1) * TILTS
"""The first of the tables of flags: of luma and colours of each level."""
SECOND = FLAG_TABLES + 2 * LEVELS
"""The first of those of the second quantiser, which has as many as the first; see `coding.dependent`."""
TABLES = SECOND + FLAG_TABLES
PLAIN = 0.7
"""Step of the union of the two quantisers, where a plain one of as many bits has 1."""


def _table_of() -> NDArray[np.int32]:
    index, skew = np.arange(INDICES)[:, None], np.arange(SKEWS)[None]
    tables = np.where(index == 0, 0, 1 + (index - 1) * TILTS + np.abs(skew - NO_SKEW))
    return np.ascontiguousarray(tables, np.int32)


TABLE_OF = _table_of()
"""(INDICES, SKEWS)."""
SHIFT_MAX = 15
"""Scale indices of a group are moved by so many steps at most."""


def _shifted() -> NDArray[np.int32]:
    shift = np.arange(-SHIFT_MAX, SHIFT_MAX + 1)[:, None]
    index = np.arange(1, INDICES) + shift
    moved = TABLE_OF[np.clip(index, 1, INDICES - 1)][:, :, NO_SKEW:].reshape(len(shift), -1)
    return np.ascontiguousarray(np.pad(moved, ((0, 0), (1, 0))), np.int32)


SHIFTED = _shifted()
"""(2·SHIFT_MAX + 1, FLAG_TABLES): what a table becomes when its scale index is moved; index 0 stays what it is."""
MOVED = np.ascontiguousarray(SHIFTED[:, TABLE_OF])
"""(2·SHIFT_MAX + 1, INDICES, SKEWS): `TABLE_OF` when scale indices are moved."""
SHIFT_TABLE = int(TABLE_OF[SHIFT_INDEX, NO_SKEW])
"""The table that codes shifts."""


def flag_table(part: int, channels: slice) -> int:
    """The table of a group's flags."""
    return FLAG_TABLES + 2 * max(part - 1, 0) + (channels.start >= LUMA_BANDS)


class Places(NamedTuple):
    """Where coefficients stand in the tables, in the order in which they are coded."""

    table: NDArray[np.int32]
    """(N,)."""
    turned: NDArray[np.uint8]
    """(N,) 1 where a symbol is coded with the other sign."""

    @classmethod
    def of(cls, scale: NDArray[np.uint8], skew: NDArray[np.uint8]) -> "Places":
        """Of scale indices and skews of any one shape."""
        flat = skew.ravel()
        return cls(TABLE_OF[scale.ravel(), flat], (flat < NO_SKEW).astype(np.uint8))

    def shifted(self, shift: int) -> "Places":
        """With scale indices moved by `shift`, within 1 … 63, where they are not 0."""
        return self._replace(table=SHIFTED[SHIFT_MAX + shift].take(self.table)) if shift else self

    @property
    def runs(self) -> int:
        """How many flags there are."""
        return -(-int(np.count_nonzero(self.table == 0)) // RUN)

    def coded(self, flags: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which symbols the stream holds, given the flags."""
        held = self.table != 0
        if flags.any():
            still = np.flatnonzero(~held)
            held[still] = np.repeat(flags != 0, RUN)[: still.size]
        return held

    def flags(self, live: NDArray[np.bool_]) -> NDArray[np.int32]:
        """(runs,) 1 where one of a run's coefficients is not 0. Args: live: (N,) which may not be 0."""
        still = live[self.table == 0]
        return np.logical_or.reduceat(still, np.arange(0, still.size, RUN)).astype(np.int32) if still.size else _NONE


_NONE = np.empty(0, np.int32)
