"""Crops at equal bytes: the best setting that fits, and the part where codecs err."""

from dataclasses import dataclass

import numpy as np
import pytest

from roundel import image
from roundel.measure import crops, rd
from roundel.measure.baselines import find
from roundel.measure.curves import Point
from roundel.measure.matching import best_within

NOISE = np.random.default_rng(51).integers(0, 256, (300, 400, 3), np.uint8)


@dataclass(frozen=True)
class Stand:
    """A codec whose files have as many bytes as its setting says, and which errs at one place."""

    ladder: tuple[float, ...]
    name: str = "stand-in"
    settings: str = ""
    wrong: tuple[int, int] = (0, 0)

    def encode(self, pixels: np.ndarray, setting: float) -> bytes:
        return bytes(int(100 * setting))

    def decode(self, data: bytes) -> np.ndarray:
        out = NOISE.copy()
        top, left = self.wrong
        out[top : top + 9, left : left + 9] ^= 0x80
        return out


@pytest.mark.parametrize(
    ("ladder", "size_bytes", "setting"),
    [
        ((1, 10, 90), 4_250, 42),  # whole settings only
        ((1, 10, 90), 9_000, 90),  # all fit
        ((1, 10, 90), 1_000_000, 90),
        ((1, 10, 90), 3, 1),  # none does
        ((0.5, 10), 425, 4.25),
    ],
)
def test_the_best_setting_that_fits_is_found(ladder, size_bytes, setting) -> None:
    found = best_within(Stand(ladder), NOISE, size_bytes)
    assert found.setting == pytest.approx(setting, abs=0.02 if ladder[0] == 0.5 else 0)
    assert len(found.data) <= max(size_bytes, 100 * ladder[0])


def test_a_ladder_that_falls_is_climbed_from_its_lowest_quality() -> None:
    """JPEG 2000's setting is a ratio of bytes: the best one is the smallest."""
    codec = find("jpeg2000")
    sizes = [len(codec.encode(NOISE, ratio)) for ratio in (40, 39)]
    assert sizes[0] < sizes[1]
    assert best_within(codec, NOISE, sizes[0]).setting == 40


def test_the_part_is_where_codecs_err_and_no_file_is_larger(tmp_path) -> None:
    image.write(image.Picture(NOISE), tmp_path / "noise.png")
    codecs = [Stand((1, 90), "first", wrong=(290, 8)), Stand((1, 90), "second", wrong=(280, 20))]
    found = crops.exhibit(codecs, 20, tmp_path / "noise.png")
    assert found.size == (400, 300)
    left, top = found.corner
    # Both places lie within it, and it within the picture.
    assert left <= 8
    assert top + 256 >= 290
    assert top + 256 <= 300
    assert [(crop.codec, crop.setting, crop.file_bytes) for crop in found.crops] == [
        ("first", 20, 2000),
        ("second", 20, 2000),
    ]
    np.testing.assert_array_equal(found.original, NOISE[top : top + 256, left : left + 256])
    np.testing.assert_array_equal(found.crops[1].pixels[280 - top, 20 - left], NOISE[280, 20] ^ 0x80)


def test_small_and_grey_pictures_are_shown_whole(tmp_path) -> None:
    image.write(image.Picture(NOISE[:20, :30, :1].copy()), tmp_path / "grey.png")
    found = crops.exhibit([find("jpeg"), find("webp")], 50, tmp_path / "grey.png")
    assert found.corner == (0, 0)
    assert [crop.pixels.shape for crop in found.crops] == [(20, 30, 1), (20, 30, 3)]


def test_the_setting_near_a_rate_is_nearest_by_ratio() -> None:
    points = [Point("x", setting, bpp, 30, 0.9, 0, 0, 1) for setting, bpp in ((1, 0.1), (2, 0.32), (3, 1.0))]
    assert crops.setting_near(points, "x", 0.2) == 2
    assert crops.setting_near(points, "x", 0.17) == 1


def test_codecs_of_the_command_line_can_be_matched() -> None:
    codec = rd.codec_of("webp", lossless=False)
    found = best_within(codec, NOISE[:64, :64], 3000)
    assert len(found.data) <= 3000 < len(codec.encode(NOISE[:64, :64], found.setting + 3))
