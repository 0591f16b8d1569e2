"""Searches find the same quality as trying all would."""

import pytest

from roundel.errors import RoundelError
from roundel.target import largest_within, smallest_reaching


def _encode(quality: int) -> bytes:
    return bytes(100 + quality**2)


@pytest.mark.parametrize("size", [100, 101, 103, 2600, 10099, 10100, 99999])
def test_largest_within_finds_the_best_quality_that_fits(size: int) -> None:
    best = max(quality for quality in range(101) if 100 + quality**2 <= size)
    found = largest_within(_encode, size)
    assert found.quality == best
    assert found.data == _encode(best)


@pytest.mark.parametrize("goal", [-1.0, 0.0, 0.4, 17.5, 49.99, 50.0])
def test_smallest_reaching_finds_the_lowest_quality_that_will_do(goal: float) -> None:
    best = min(quality for quality in range(101) if quality / 2 >= goal)
    assert smallest_reaching(bytes, lambda data: len(data) / 2, goal).quality == best


def test_a_goal_out_of_reach_says_what_can_be_had() -> None:
    with pytest.raises(RoundelError, match="quality 0 takes 100 bytes"):
        largest_within(_encode, 99)
    with pytest.raises(RoundelError, match=r"quality 100 gives 50\.00 dB"):
        smallest_reaching(bytes, lambda data: len(data) / 2, 50.1)
