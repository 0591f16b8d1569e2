"""Metrics agree with numbers derived by hand and with the field's own implementations."""

import math

import numpy as np
import pytest

from roundel.errors import RoundelError
from roundel.measure.metrics import Curve, bd_rate, ms_ssim, ms_ssim_db, psnr

RNG = np.random.default_rng(30)


def test_psnr_by_hand() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    one_wrong = black.copy()
    one_wrong[0, 0, 0] = 255
    assert psnr(black, one_wrong) == pytest.approx(10 * math.log10(48))
    assert psnr(black, black) == math.inf
    assert psnr(np.zeros(3, np.uint16), np.full(3, 65535, np.uint16)) == pytest.approx(0)


@pytest.mark.parametrize("size", [(161, 200), (176, 177), (203, 333)])
@pytest.mark.parametrize("noise", [3, 40])
def test_ms_ssim_is_the_published_one(size: tuple[int, int], noise: int) -> None:
    oracle = pytest.importorskip("pytorch_msssim")
    import torch

    smooth = np.add.outer(np.arange(size[0]), np.arange(size[1]))[:, :, None] * [0.3, 0.4, 0.2] % 200
    first = smooth.astype(np.uint8)
    second = np.clip(first + RNG.normal(0, noise, first.shape), 0, 255).astype(np.uint8)
    a, b = (torch.from_numpy(x).permute(2, 0, 1)[None].float() for x in (first, second))
    expected = float(oracle.ms_ssim(a, b, data_range=255))
    assert ms_ssim(first, second) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (11, 11), (20, 21), (160, 160), (161, 30)])
def test_ms_ssim_of_small_pictures_is_one_for_equal_and_falls_with_noise(size: tuple[int, int]) -> None:
    first = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
    little = np.clip(first + RNG.normal(0, 5, first.shape), 0, 255).astype(np.uint8)
    much = np.clip(first + RNG.normal(0, 90, first.shape), 0, 255).astype(np.uint8)
    assert ms_ssim(first, first) == pytest.approx(1, abs=1e-6)
    assert 1 > ms_ssim(first, little) > ms_ssim(first, much)


def test_ms_ssim_of_grey_equals_that_of_three_equal_channels() -> None:
    first, second = RNG.integers(0, 256, (2, 170, 170), dtype=np.uint8)
    assert ms_ssim(first, second) == pytest.approx(ms_ssim(*(np.stack([a] * 3, axis=2) for a in (first, second))))


def test_ms_ssim_in_decibels() -> None:
    assert ms_ssim_db(0.99) == pytest.approx(20)
    assert ms_ssim_db(1.0) == math.inf


def test_pictures_that_do_not_match_are_named() -> None:
    with pytest.raises(RoundelError, match=r"\(4, 4\)"):
        psnr(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))


def test_a_codec_at_a_constant_factor_of_rate_has_that_bd_rate() -> None:
    qualities = (28.0, 30.5, 33.0, 36.0)
    rates = (0.2, 0.41, 0.7, 1.3)
    found = bd_rate(Curve(rates, qualities), Curve(tuple(0.8 * r for r in rates), qualities))
    assert found.percent == pytest.approx(-20)
    assert found[1:] == (28, 36, 1)


def test_two_straight_lines_integrate_exactly() -> None:
    # log-rates q and q + 1 - q/2 over 1..2 of the qualities 0..2 and 1..3: means 1.5 and 1.75
    anchor = Curve(tuple(np.exp([0.0, 2.0])), (0.0, 2.0))
    other = Curve(tuple(np.exp([1.5, 2.5])), (1.0, 3.0))
    found = bd_rate(anchor, other)
    assert found.percent == pytest.approx(100 * math.expm1(0.25))
    assert (found.low, found.high) == (1, 2)
    assert found.overlap == pytest.approx(1 / 3)


def test_bd_rate_is_the_published_one() -> None:
    oracle = pytest.importorskip("bjontegaard")
    for count in range(2, 12):
        rates = np.cumsum(RNG.uniform(0.02, 1, (2, count)), axis=1)
        qualities = np.array([[25], [26]]) + np.cumsum(RNG.uniform(0.5, 3, (2, count)), axis=1)
        curves = [Curve(tuple(r), tuple(q)) for r, q in zip(rates, qualities, strict=True)]
        expected = oracle.bd_rate(*curves[0], *curves[1], method="pchip", min_overlap=0)
        shuffled = Curve(curves[1].rates[::-1], curves[1].qualities[::-1])
        assert bd_rate(curves[0], shuffled).percent == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_curves_that_cannot_be_compared_are_refused() -> None:
    low, high = Curve((1, 2), (20, 25)), Curve((1, 2), (30, 35))
    with pytest.raises(RoundelError, match="share no quality"):
        bd_rate(low, high)
    with pytest.raises(RoundelError, match="two or more"):
        bd_rate(low, Curve((1,), (22,)))
    with pytest.raises(RoundelError, match="two or more"):
        bd_rate(low, Curve((1, 2), (22, 22)))
