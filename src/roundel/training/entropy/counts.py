"""Probability tables that follow counts of what a trained model met."""

import numpy as np
from numpy.typing import NDArray

from roundel.coding import Tables


class Counts:
    """How often which slot of which table was used. Args: tables: those that are to be refitted."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._counts = np.zeros(tables.frequencies.size, np.int64)

    def add(self, symbols: NDArray[np.int32], table_index: NDArray[np.int32]) -> None:
        """Symbols (n,) that tables (n,) were chosen for."""
        slots, last = symbols - self.tables.offsets[table_index], self.tables.sizes[table_index] - 1
        slots = np.where((slots < 0) | (slots > last), last, slots)
        self._counts += np.bincount(self.tables.starts[table_index] + slots, minlength=self._counts.size)

    def refitted(self, worth: float) -> Tables:
        """Tables that follow the counts where there are many, and the given ones where there are few.

        Args:
            worth: what the given tables count, in symbols each.
        """
        tables, pmfs, escapes = self.tables, [], []
        for start, end in zip(tables.starts[:-1], tables.starts[1:], strict=True):
            mass = self._counts[start:end] + worth * tables.frequencies[start:end] / 2**24
            pmfs.append(mass[:-1])
            escapes.append(mass[-1] / mass.sum())
        return Tables.from_pmfs(pmfs, tables.offsets, escapes)
