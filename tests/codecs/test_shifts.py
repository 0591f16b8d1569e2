"""Shifts of scale indices: found where nets say a wrong scale, none where they are right, refused beyond limits."""

import numpy as np
import pytest

from roundel.codecs.wavelet.places import INDICES, NO_SKEW, SHIFT_MAX, SHIFT_TABLE, SHIFTED, TABLE_OF
from roundel.codecs.wavelet.shifts import best_shift
from roundel.codecs.wavelet.symbols import Reading
from roundel.codecs.wavelet.walk import Group, said_places
from roundel.coding import Writer
from roundel.coding.dependent import Path
from roundel.errors import FormatError
from roundel.training.wavelet.families import family_tables

TABLES = family_tables()


def drawn(index: int, count: int, seed: int) -> Path:
    """Values that follow the table of a scale index; the first quantiser is always on."""
    table = TABLE_OF[index, NO_SKEW]
    p = TABLES.frequencies[TABLES.starts[table] : TABLES.starts[table + 1] - 1].astype(float)
    symbols = np.random.default_rng(seed).choice(p.size, count, p=p / p.sum()) + TABLES.offsets[table]
    return Path((2 * symbols).astype(np.int32), np.zeros(count, np.uint8))


@pytest.mark.parametrize("wrong", [-9, -3, 4, 12])
def test_scales_that_are_off_by_so_many_steps_are_moved_back(wrong: int) -> None:
    said = np.full(4000, TABLE_OF[30 + wrong, NO_SKEW], np.int32)
    assert abs(best_shift(drawn(30, 4000, 1), said, TABLES) + wrong) <= 1


def test_scales_that_are_right_stay() -> None:
    assert best_shift(drawn(30, 4000, 2), np.full(4000, TABLE_OF[30, NO_SKEW], np.int32), TABLES) == 0
    assert best_shift(drawn(30, 0, 2), np.empty(0, np.int32), TABLES) == 0


def test_moved_indices_stay_within_their_range_and_zero_stays_zero() -> None:
    for shift in (-SHIFT_MAX, -1, 0, 1, SHIFT_MAX):
        moved = SHIFTED[SHIFT_MAX + shift].take(TABLE_OF)
        assert (moved[0] == 0).all()
        indices = np.clip(np.arange(1, INDICES) + shift, 1, INDICES - 1)
        assert np.array_equal(moved[1:], TABLE_OF[indices])


@pytest.mark.parametrize("shift", [SHIFT_MAX + 1, -SHIFT_MAX - 1])
def test_shifts_beyond_the_limit_are_damage(shift: int) -> None:
    writer = Writer()
    writer.put(np.array([shift], np.int32), np.array([SHIFT_TABLE], np.int32), TABLES)
    reading = Reading([writer.close()], [np.full(3, 99, np.int32), np.full(9, 99, np.int32)], TABLES)
    places = said_places(np.full((4, 4, 6), 3, np.uint8), 0)
    with pytest.raises(FormatError, match="moved"):
        reading.next(Group(1, slice(0, 3), 0), places, 0)
