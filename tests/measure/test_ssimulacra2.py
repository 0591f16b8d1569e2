"""SSIMULACRA2 by its package: on its scale, of any size and of grey, and named where it is missing."""

import sys

import numpy as np
import pytest

from roundel.errors import RoundelError, UnsupportedError
from roundel.measure.baselines import find
from roundel.measure.ssimulacra2 import installed, ssimulacra2

pytest.importorskip("ssimulacra2")

RNG = np.random.default_rng(60)
Y, X = np.mgrid[:80, :96]
PICTURE = np.stack([128 + 90 * np.sin(X / 4), 128 + 90 * np.sin(Y / 5), (X + Y) * 1.4], axis=2).astype(np.uint8)


def test_scores_rise_with_quality_to_a_hundred() -> None:
    codec = find("jpeg")
    scores = [ssimulacra2(PICTURE, codec.decode(codec.encode(PICTURE, quality))) for quality in (10, 40, 70, 95)]
    assert scores == sorted(scores)
    assert scores[0] < 50 < scores[-1] < 100
    assert ssimulacra2(PICTURE, PICTURE.copy()) == 100


def test_grey_is_three_equal_channels() -> None:
    grey = PICTURE[:, :, :1]
    other = np.clip(grey + RNG.normal(0, 30, grey.shape), 0, 255).astype(np.uint8)
    colour = ssimulacra2(np.repeat(grey, 3, 2), np.repeat(other, 3, 2))
    assert ssimulacra2(grey, other) == ssimulacra2(grey[:, :, 0], other[:, :, 0]) == colour < 90


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (7, 9)])
def test_small_pictures_have_scores(size: tuple[int, int]) -> None:
    first = np.full((*size, 3), 60, np.uint8)
    assert ssimulacra2(first, first + 90) < ssimulacra2(first, first + 3) < 100


def test_other_pictures_are_named() -> None:
    with pytest.raises(RoundelError, match=r"\(80, 95, 3\)"):
        ssimulacra2(PICTURE, PICTURE[:, 1:])
    with pytest.raises(RoundelError, match="uint16"):
        ssimulacra2(PICTURE, PICTURE.astype(np.uint16))


def test_a_missing_package_is_named_with_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    assert not installed()
    with pytest.raises(UnsupportedError, match=r"roundel\[compare\]"):
        ssimulacra2(PICTURE, PICTURE)
