"""Probability tables from what a trained model meets: counts of training pictures, smoothed by the family."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.nets import Nets
from roundel.codecs.pyramid.walk import Group, Prediction, walk
from roundel.codecs.pyramid.ycocg import to_ycocg
from roundel.coding import Tables

PRIOR_COUNT = 1000.0
"""Weight of a table's original shape, in symbols."""


class Counting:
    """Known samples, int16 (B, 3, H, W); counts the slots that they fall into.

    Args: tables: those that are to be calibrated.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.counts = np.zeros(tables.frequencies.size, np.int64)
        self.x = np.zeros((0, 3, 1, 1), np.int16)

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """See `Samples.first`."""
        return self.x[:, colour, 0, 0].astype(np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        values = group.of(self.x)
        index, centre = mixture_index(*predicted)
        slots, last = values - centre - self.tables.offsets[index], self.tables.sizes[index] - 1
        slots = np.where((slots < 0) | (slots > last), last, slots)
        self.counts += np.bincount(self.tables.starts[index] + slots, minlength=self.counts.size)
        return values


def calibrated(nets: Nets, tables: Tables, batches: Sequence[NDArray[np.uint8]]) -> Tables:
    """Tables whose probabilities follow the counts where there are many, and the given tables where there are few.

    Args:
        batches: training pictures, uint8 (B, S, S, 3) each.
    """
    counting = Counting(tables)
    for batch in batches:
        counting.x = to_ycocg(batch)
        walk(nets, counting, *batch.shape[:3], colour=True)
    pmfs, escapes = [], []
    for start, end in zip(tables.starts[:-1], tables.starts[1:], strict=True):
        shape = tables.frequencies[start:end] / 2**24
        mass = counting.counts[start:end] + PRIOR_COUNT * shape
        pmfs.append(mass[:-1])
        escapes.append(mass[-1] / mass.sum())
    frequencies = Tables.from_pmfs(pmfs, tables.offsets, escapes).frequencies.copy()
    equal = tables.starts[UNIFORM_LUMA]  # equal chances stay equal
    frequencies[equal:] = tables.frequencies[equal:]
    return Tables(frequencies, tables.starts, tables.offsets)
