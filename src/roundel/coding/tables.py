"""Integer probability tables: what a model stores instead of formulas, so that all machines code with equal numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.coding.stream import PRECISION, Model, categorical
from roundel.errors import ModelError

TOTAL = 1 << PRECISION
MAX_TABLES = 1 << 16


@dataclass(frozen=True, eq=False)
class Tables:
    """A list of probability tables; a symbol is coded under the one that its table index names.

    Table t gives symbol offsets[t] + i the probability frequencies[starts[t] + i] / 2**24. Its last slot is the escape:
    the probability that the symbol is none of these, in which case its value follows as in `escapes`.

    Args:
        frequencies: uint32 (total,), all tables one after the other; each entry ≥ 1, each table sums to exactly 2**24.
        starts: int64 (T + 1,), where each table begins; starts[0] = 0, starts[T] = total; every table has ≥ 2 slots.
        offsets: int32 (T,), symbol of each table's first slot.

    Raises:
        ModelError: the arrays break one of these rules.
    """

    frequencies: NDArray[np.uint32]
    starts: NDArray[np.int64]
    offsets: NDArray[np.int32]

    def __post_init__(self) -> None:
        f, starts, offsets = self.frequencies, self.starts, self.offsets
        types = [np.dtype(t) for t in (np.uint32, np.int64, np.int32)]
        if [f.dtype, starts.dtype, offsets.dtype] != types or f.ndim != 1:
            raise ModelError("probability tables have the wrong types; expected vectors of uint32, int64 and int32")
        if not 1 <= offsets.size <= MAX_TABLES or starts.shape != (offsets.size + 1,) or offsets.ndim != 1:
            raise ModelError(f"probability tables: {starts.size} starts and {offsets.size} offsets do not fit together")
        if starts[0] != 0 or starts[-1] != f.size or np.diff(starts).min() < 2:
            raise ModelError("probability tables do not follow one another, two slots or more each")
        if f.min() < 1 or np.any(np.add.reduceat(f.astype(np.int64), starts[:-1]) != TOTAL):
            raise ModelError("a probability table has an empty slot or does not sum to 2^24")
        if self.lasts.max() >= 2**31:
            raise ModelError("a probability table reaches beyond 32-bit symbols")
        for array in (f, starts, offsets):
            array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Tables go to other processes without the models made from them, which may not."""
        return Tables, (self.frequencies, self.starts, self.offsets)

    def __len__(self) -> int:
        return self.offsets.size

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(T,) slots of each table, the escape included."""
        return np.diff(self.starts)

    @cached_property
    def lasts(self) -> NDArray[np.int64]:
        """(T,) largest symbol of each table."""
        return self.offsets + self.sizes - 2

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """(T,) entropy models of the tables."""
        return tuple(categorical(f) for f in np.split(self.frequencies, self.starts[1:-1]))

    @cached_property
    def cumulative(self) -> NDArray[np.int64]:
        """(total,) sum of the frequencies before each slot in its table."""
        return (
            np.cumsum(self.frequencies, dtype=np.int64)
            - self.frequencies
            - np.repeat(np.arange(len(self), dtype=np.int64) << PRECISION, self.sizes)
        )

    @cached_property
    def native(self) -> Any:
        """The tables as the C coder has them; only where it was built."""
        return import_module("roundel.coding._native").Tables(self.frequencies, self.starts, self.offsets)

    @cached_property
    def slot_bits(self) -> NDArray[np.float64]:
        """(total,) cost in bits of each slot."""
        return PRECISION - np.log2(self.frequencies)

    @cached_property
    def prices(self) -> NDArray[np.float32]:
        """The same in single precision, for encoders that choose by it."""
        return self.slot_bits.astype(np.float32)

    @classmethod
    def from_pmfs(
        cls,
        pmfs: Sequence[NDArray[np.floating]],
        offsets: Sequence[int] | NDArray[np.integer],
        escape_mass: float | Sequence[float] | NDArray[np.floating],
    ) -> "Tables":
        """Tables closest to real-valued probabilities (largest remainder, every slot at least 2^-24).

        For export only: the integers are what is stored, since another machine's floats might round otherwise.

        Args:
            pmfs: per table (n,) probabilities of symbols offset, offset + 1, ...; any positive scale.
            offsets: (T,) symbol of each pmf's first entry.
            escape_mass: probability that a symbol is outside the pmf, in (0, 1); one for all or (T,).

        Example:
            >>> Tables.from_pmfs([np.array([1.0, 2.0, 1.0])], [-1], 2**-10).offsets
            array([-1], dtype=int32)
        """
        masses = np.broadcast_to(np.asarray(escape_mass, np.float64), (len(pmfs),))
        frequencies = [quantize(np.asarray(p, np.float64), m) for p, m in zip(pmfs, masses, strict=True)]
        starts = np.cumsum([0] + [f.size for f in frequencies], dtype=np.int64)
        return cls(np.concatenate(frequencies), starts, np.asarray(offsets, np.int32))

    def to_arrays(self) -> dict[str, NDArray[np.integer]]:
        """Arrays to store with the weights; all of types that every library has."""
        return {"frequencies": self.frequencies.astype(np.int32), "starts": self.starts, "offsets": self.offsets}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.integer]]) -> "Tables":
        """The inverse of `to_arrays`.

        Raises:
            ModelError: an array is missing or breaks the rules of the class.
        """
        try:
            frequencies, starts, offsets = (np.asarray(arrays[k]) for k in ("frequencies", "starts", "offsets"))
        except KeyError as e:
            raise ModelError(f"probability tables lack the array {e}") from None
        if any(a.dtype.kind not in "iu" or a.ndim != 1 or not a.size for a in (frequencies, starts, offsets)):
            raise ModelError("probability tables are not vectors of integers")
        # Out-of-range values must not wrap around into valid ones.
        if (
            frequencies.min() < 1
            or frequencies.max() > TOTAL
            or abs(int(offsets.min())) > 2**31
            or offsets.max() >= 2**31
        ):
            raise ModelError("a probability table has an empty slot or a value beyond its range")
        return cls(frequencies.astype(np.uint32), starts.astype(np.int64), offsets.astype(np.int32))


def quantize(pmf: NDArray[np.float64], escape_mass: float) -> NDArray[np.uint32]:
    """(n,) probabilities and the escape's to (n + 1,) frequencies ≥ 1 that sum to 2**24, by largest remainder."""
    if pmf.ndim != 1 or not pmf.size or not np.isfinite(pmf).all() or pmf.min() < 0 or pmf.sum() <= 0:
        raise ValueError("a pmf must be a vector of finite probabilities, not all zero")
    if not 0 < escape_mass < 1:
        raise ValueError(f"escape mass {escape_mass} is not within (0, 1)")
    free = TOTAL - (pmf.size + 1)
    wanted = np.append(pmf / pmf.sum() * (1 - escape_mass), escape_mass) * free
    frequencies = np.floor(wanted).astype(np.int64)
    short = free - int(frequencies.sum())
    frequencies[np.argsort(frequencies - wanted, kind="stable")[:short]] += 1
    return (frequencies + 1).astype(np.uint32)
