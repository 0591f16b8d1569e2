"""Probability tables from what a trained model meets: counts of training pictures, smoothed by the family."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.nets import Nets
from roundel.codecs.pyramid.walk import Group, Prediction, walk
from roundel.codecs.pyramid.ycocg import to_ycocg
from roundel.coding import Tables
from roundel.training.entropy.counts import Counts

PRIOR_COUNT = 1000.0
"""Weight of a table's original shape, in symbols."""


class Counting:
    """Known samples, int16 (B, 3, H, W), whose symbols are counted. Args: counts: where."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.x = np.zeros((0, 3, 1, 1), np.int16)

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """See `Samples.first`."""
        return self.x[:, colour, 0, 0].astype(np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        values = group.of(self.x)
        index, centre = mixture_index(*predicted)
        self._counts.add(values - centre, index)
        return values


def calibrated(nets: Nets, tables: Tables, batches: Sequence[NDArray[np.uint8]]) -> Tables:
    """Tables refitted to training pictures.

    Args:
        batches: training pictures, uint8 (B, S, S, 3) each.
    """
    counts = Counts(tables)
    counting = Counting(counts)
    for batch in batches:
        counting.x = to_ycocg(batch)
        walk(nets, counting, *batch.shape[:3], colour=True)
    frequencies = counts.refitted(PRIOR_COUNT).frequencies.copy()
    equal = tables.starts[UNIFORM_LUMA]  # equal chances stay equal
    frequencies[equal:] = tables.frequencies[equal:]
    return Tables(frequencies, tables.starts, tables.offsets)
