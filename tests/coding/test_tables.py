"""Tables: exact integers in, exact integers coded, broken ones refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundel.coding import Tables
from roundel.coding.stream import Reader, categorical, uniform
from roundel.errors import ModelError
from tests.coding import reference

TOTAL = 2**24


def arrays(frequencies: list[list[int]], offsets: list[int]) -> dict[str, np.ndarray]:
    starts = np.cumsum([0] + [len(f) for f in frequencies])
    return {"frequencies": np.concatenate(frequencies), "starts": starts, "offsets": np.array(offsets)}


@st.composite
def compositions(draw: st.DrawFn) -> list[int]:
    """Frequencies ≥ 1 with the sum 2**24, from flat to as uneven as possible."""
    n = draw(st.integers(2, 40))
    cuts = sorted(
        draw(st.lists(st.one_of(st.integers(0, 50), st.integers(0, TOTAL - n)), min_size=n - 1, max_size=n - 1))
    )
    return (np.diff([0, *cuts, TOTAL - n]) + 1).tolist()


@settings(max_examples=200, deadline=None)
@given(compositions())
def test_constriction_uses_exactly_these_frequencies(frequencies: list[int]) -> None:
    # A decoder started on the fraction q / 2^24 of the first interval returns the slot whose frequencies cover q.
    model = categorical(np.array(frequencies))
    edges = np.cumsum([0, *frequencies])
    unit = (2**64 - 1) >> 24
    for slot, (a, b) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        for code in (a * unit, b * unit - 1):
            assert Reader(code.to_bytes(8, "big")).take(1, model).tolist() == [slot]


@pytest.mark.parametrize("bits", [1, 2, 7, 16, 17])
def test_uniform_is_a_flat_table(bits: int) -> None:
    rng = np.random.default_rng(bits)
    data = rng.bytes(64)
    plain = reference.Decoder(data)
    assert Reader(data).take(20, uniform(bits)).tolist() == [plain.bits(bits) for _ in range(20)]
    if bits < 8:
        plain = reference.Decoder(data)
        flat = [TOTAL >> bits] * (1 << bits)
        assert Reader(data).take(20, uniform(bits)).tolist() == [plain.slot(flat) for _ in range(20)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda p: sum(p) > 1e-3), st.floats(1e-7, 0.9))
def test_pmfs_become_the_nearest_integers(pmf: list[float], escape: float) -> None:
    f = Tables.from_pmfs([np.array(pmf)], [0], escape).frequencies.astype(np.int64)
    assert f.sum() == TOTAL
    assert f.min() >= 1
    wanted = np.append(np.array(pmf) / sum(pmf) * (1 - escape), escape) * (TOTAL - f.size)
    assert np.abs(f - 1 - wanted).max() <= 1


def test_largest_remainder_by_hand() -> None:
    # 2^24 − 3 = 16777213 to share: ½ each of ¾ → 6291454.875, ¼ → 4194303.25. Two are left, for the remainders .875.
    f = Tables.from_pmfs([np.array([1.0, 1.0])], [5], 0.25).frequencies
    assert f.tolist() == [6291456, 6291456, 4194304]


def test_arrays_round_trip_and_are_frozen() -> None:
    tables = Tables.from_pmfs([np.ones(3), np.ones(700)], [-1, -350], 1e-3)
    again = Tables.from_arrays(tables.to_arrays())
    for name in ("frequencies", "starts", "offsets"):
        assert np.array_equal(getattr(again, name), getattr(tables, name))
        assert getattr(again, name).dtype == getattr(tables, name).dtype
    assert len(again) == 2
    assert again.sizes.tolist() == [4, 701]
    assert again.lasts.tolist() == [1, 349]
    with pytest.raises(ValueError, match="read-only"):
        again.frequencies[0] = 1


HALF = TOTAL // 2


@pytest.mark.parametrize(
    "broken",
    [
        arrays([[HALF, HALF - 1]], [0]),  # sum
        arrays([[HALF, HALF], [TOTAL - 1, 2]], [0, 0]),
        arrays([[TOTAL, 0]], [0]),  # an empty slot
        arrays([[TOTAL + 1, -1]], [0]),
        arrays([[TOTAL]], [0]),  # the escape alone
        arrays([[HALF, HALF]], [0, 0]),  # more offsets than tables
        arrays([[HALF, HALF]], [2**31]),
        arrays([[HALF // 2] * 4], [2**31 - 2]),  # beyond int32
        arrays([[HALF, HALF]], [0]) | {"starts": np.array([0, 1])},
        arrays([[HALF, HALF], [HALF, HALF]], [0, 0]) | {"starts": np.array([0, 5, 4])},
        arrays([[HALF, HALF]], [0]) | {"starts": np.array([1, 2])},
        arrays([[HALF, HALF]], [0]) | {"starts": np.array([[0, 2]])},
        arrays([[HALF, HALF]], [0]) | {"frequencies": np.array([HALF, HALF], np.float32)},
        arrays([[HALF, HALF]], [0]) | {"offsets": np.array([], np.int32)},
        {"frequencies": np.array([HALF, HALF])},
    ],
)
def test_broken_tables_are_refused(broken: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelError):
        Tables.from_arrays(broken)


def test_frequencies_that_would_wrap_are_refused() -> None:
    with pytest.raises(ModelError):
        Tables.from_arrays(arrays([[HALF + 2**32, HALF]], [0]))
    with pytest.raises(ModelError):
        Tables.from_arrays(arrays([[HALF, HALF]], [2**32]))


@pytest.mark.parametrize("pmf", [[-0.1, 1.0], [np.nan, 1.0], [0.0, 0.0], [], [[1.0]]])
def test_bad_pmfs(pmf: list) -> None:
    with pytest.raises(ValueError, match="pmf"):
        Tables.from_pmfs([np.array(pmf, float)], [0], 0.1)
    with pytest.raises(ValueError, match="escape"):
        Tables.from_pmfs([np.ones(2)], [0], 0.0)
