"""Searches find the same quality as trying all would, in a few encodes."""

import math
from collections.abc import Callable

import pytest

from roundel.errors import RoundelError
from roundel.target import PSNR_DB, SSIMULACRA2, Line, largest_within, smallest_reaching

PIXELS = 768 * 512


def _encode(quality: int) -> bytes:
    return bytes(100 + quality**2)


@pytest.mark.parametrize("size", [100, 101, 103, 2600, 10099, 10100, 99999])
def test_largest_within_finds_the_best_quality_that_fits(size: int) -> None:
    best = max(quality for quality in range(101) if 100 + quality**2 <= size)
    found = largest_within(_encode, size, pixels=PIXELS)
    assert found.quality == best
    assert found.data == _encode(best)


@pytest.mark.parametrize("goal", [-1.0, 0.0, 0.4, 17.5, 49.99, 50.0])
def test_smallest_reaching_finds_the_lowest_quality_that_will_do(goal: float) -> None:
    best = min(quality for quality in range(101) if quality / 2 >= goal)
    assert smallest_reaching(bytes, lambda data: len(data) / 2, goal, PSNR_DB, "dB").quality == best


def test_a_goal_out_of_reach_says_what_can_be_had() -> None:
    with pytest.raises(RoundelError, match="quality 0 takes 100 bytes"):
        largest_within(_encode, 99, pixels=PIXELS)
    with pytest.raises(RoundelError, match=r"quality 100 gives 50\.00 dB"):
        smallest_reaching(bytes, lambda data: len(data) / 2, 50.1, PSNR_DB, "dB")


def test_steps_that_change_nothing_end_too() -> None:
    """Files of several qualities may be the same."""

    def encode(quality: int) -> bytes:
        return bytes(1000 * (1 + quality // 10))

    for size in (1000, 1999, 5000, 5001, 11_000, 20_000):
        best = max(quality for quality in range(101) if len(encode(quality)) <= size)
        assert largest_within(encode, size, pixels=PIXELS).quality == best


def _sizes(detail: float, bend: float) -> Callable[[int], bytes]:
    """Files of a picture with so much detail; their logarithm goes along a bent line, as those of real pictures do."""

    def encode(quality: int) -> bytes:
        t = quality / 100
        bpp = 0.064 * detail * math.exp(4.26 * (t + bend * t * (1 - t)))
        return bytes(round(bpp * PIXELS / 8) + quality)

    return encode


@pytest.mark.parametrize("detail", [0.4, 0.7, 1.0, 1.5, 2.5])
@pytest.mark.parametrize("bend", [-0.25, 0.0, 0.25])
def test_sizes_take_about_four_encodes(detail: float, bend: float) -> None:
    encode = _sizes(detail, bend)
    counts = []
    for quality in range(2, 100, 3):
        tried: list[int] = []

        def counted(quality: int, tried: list[int] = tried) -> bytes:
            tried.append(quality)
            return encode(quality)

        size = (len(encode(quality)) + len(encode(quality + 1))) // 2
        assert largest_within(counted, size, pixels=PIXELS).quality == quality
        counts.append(len(tried))
    assert max(counts) <= 5
    assert sum(counts) / len(counts) <= 4.3


def _psnr(t: float) -> float:
    return 26 + 18 * (t + 0.2 * t * (1 - t))


def _ssimulacra2(t: float) -> float:
    """Curved, as that of real pictures: about −25, 30, 70, 92 at quality 0, 30, 60, 100."""
    return 100 - 125 * math.exp(-2.75 * (t - 0.2 * t * (1 - t)))


@pytest.mark.parametrize(("line", "score"), [(PSNR_DB, _psnr), (SSIMULACRA2, _ssimulacra2)])
def test_fidelities_take_about_four_encodes(line: Line, score: Callable[[float], float]) -> None:
    def fidelity(data: bytes) -> float:
        return score(len(data) / 100)

    for quality in range(2, 100, 3):
        tried: list[int] = []

        def counted(quality: int, tried: list[int] = tried) -> bytes:
            tried.append(quality)
            return bytes(quality)

        goal = (fidelity(bytes(quality)) + fidelity(bytes(quality - 1))) / 2
        assert smallest_reaching(counted, fidelity, goal, line, "").quality == quality
        assert len(tried) <= 5
