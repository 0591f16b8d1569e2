"""Classical codecs do what their names say: lossless ones exactly, lossy ones better and larger along their ladder."""

import numpy as np
import pytest

from roundel.errors import RoundelError, UnsupportedError
from roundel.measure import baselines
from roundel.measure.metrics import psnr

RNG = np.random.default_rng(40)
Y, X = np.mgrid[:64, :96]
PICTURE = np.clip(
    np.stack([2 * X, 255 - 3 * Y, X + Y], axis=2) + 30 * np.sin(X / 3)[:, :, None] + RNG.normal(0, 6, (64, 96, 3)),
    0,
    255,
).astype(np.uint8)


def needing_its_package(baseline: baselines.Baseline) -> baselines.Baseline:
    if baseline.name.startswith(("jxl", "jpegls")):
        pytest.importorskip("imagecodecs")
    return baseline


@pytest.mark.parametrize("baseline", baselines.LOSSLESS, ids=lambda b: b.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_codecs_are_lossless_and_gain(baseline: baselines.Baseline, channels: int) -> None:
    needing_its_package(baseline)
    pixels = PICTURE[:, :, :channels]
    data = baseline.encode(pixels, 0)
    decoded = baseline.decode(data)
    np.testing.assert_array_equal(decoded, np.broadcast_to(pixels, decoded.shape))
    assert len(data) < pixels.size


@pytest.mark.parametrize("baseline", baselines.LOSSY, ids=lambda b: b.name)
def test_lossy_codecs_are_lossy_and_climb_their_ladder(baseline: baselines.Baseline) -> None:
    needing_its_package(baseline)
    steps = baseline.ladder[::6]
    coded = [baseline.encode(PICTURE, setting) for setting in steps]
    quality = [psnr(PICTURE, baseline.decode(data)) for data in coded]
    assert [len(data) for data in coded] == sorted(len(data) for data in coded)
    assert quality == sorted(quality)
    assert quality[0] < quality[-1] < 60


def test_full_chroma_costs_and_gains_on_coloured_detail() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0] = 255
    stripes[:, 1::2, 2] = 255
    full, halved = (baselines.find(name) for name in ("jpeg", "jpeg420"))
    found = [psnr(stripes, codec.decode(codec.encode(stripes, 90))) for codec in (full, halved)]
    assert found[0] > found[1] + 6


def test_jpeg_2000_codes_colour_together() -> None:
    grey_in_rgb = np.repeat(PICTURE[:, :, :1], 3, axis=2)
    codec = baselines.find("jpeg2000-lossless")
    assert len(codec.encode(grey_in_rgb, 0)) < 1.2 * len(codec.encode(grey_in_rgb[:, :, :1], 0)) + 200


def test_avif_tuned_for_psnr_has_more_of_it_for_its_bytes() -> None:
    def slope(name: str) -> tuple[np.ndarray, np.ndarray]:
        codec = baselines.find(name)
        coded = [codec.encode(PICTURE, setting) for setting in (40, 60, 80)]
        found = np.array([psnr(PICTURE, codec.decode(data)) for data in coded])
        return np.log([len(data) for data in coded]), found

    (eye_rate, eye), (rate, tuned) = slope("avif"), slope("avif-psnr")
    middle = np.linspace(max(eye_rate[0], rate[0]), min(eye_rate[-1], rate[-1]), 5)
    assert (np.interp(middle, rate, tuned) > np.interp(middle, eye_rate, eye)).all()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RoundelError, match="jpeg2000"):
        baselines.find("gif")


def test_a_missing_package_is_named_with_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(UnsupportedError, match=r"roundel\[compare\]"):
        baselines.find("jxl").encode(PICTURE, 1)
