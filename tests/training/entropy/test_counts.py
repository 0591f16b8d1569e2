"""Tables that follow counts."""

import numpy as np
import pytest

from roundel.coding import Tables, coder
from roundel.training.entropy.counts import Counts

FLAT = [np.full(4, 0.25), np.full(3, 1 / 3)]


def tables() -> Tables:
    return Tables.from_pmfs(FLAT, [0, -1], 2.0**-10)


def test_counts_decide_where_there_are_many() -> None:
    counts = Counts(tables())
    values = np.repeat(np.array([0, 1, 2, 3], np.int32), [700, 200, 100, 0])
    counts.add(values, np.zeros(1000, np.int32))
    found = counts.refitted(10)
    shares = found.frequencies[found.starts[0] : found.starts[1]] / 2**24
    assert shares[:4] == pytest.approx([702.5 / 1010, 202.5 / 1010, 102.5 / 1010, 2.5 / 1010], abs=1e-4)
    assert coder.cost_bits(values, np.zeros(1000, np.int32), found) < coder.cost_bits(
        values, np.zeros(1000, np.int32), tables()
    )


def test_what_was_not_met_stays() -> None:
    counts = Counts(tables())
    counts.add(np.zeros(1000, np.int32), np.zeros(1000, np.int32))
    found = counts.refitted(10)
    start = found.starts[1]
    assert np.abs(found.frequencies[start:].astype(int) - tables().frequencies[start:]).max() < 3


def test_what_no_slot_holds_counts_as_an_escape() -> None:
    counts = Counts(tables())
    counts.add(np.array([-2, 2, 9], np.int32), np.ones(3, np.int32))
    found = counts.refitted(1)
    assert found.frequencies[found.starts[2] - 1] > 0.7 * 2**24
