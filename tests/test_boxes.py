"""Everything of a picture but its colours goes through a file's boxes and comes back."""

import io
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest

from roundel import boxes, image
from roundel.container import Box, Kind
from roundel.errors import RoundelWarning
from roundel.image import Picture, Resolution
from roundel.image.picture import scale_samples
from roundel.image.shrink import shrink
from roundel.tiling import Rect

RNG = np.random.default_rng(6)
FULL = Picture(
    scale_samples(RNG.integers(0, 4096, (9, 7, 3), np.uint16), 4095),
    scale_samples(RNG.integers(0, 4096, (9, 7), np.uint16), 4095),
    icc=b"profile",
    exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0",
    xmp=b"<xmp/>",
    xmp_extension=b"<more/>",
    colour={b"cICP": b"\1\2\0\1", b"gAMA": b"\0\1\2\3"},
    resolution=Resolution(Fraction(1200, 7), Fraction(300), 2),
    texts=(("Title", "µm 細胞"), ("Comment", "")),
    photoshop=b"8BIM",
    sample_max=4095,
)


def through(picture: Picture, kind: Kind, *, strip: bool = False) -> Picture:
    pixels, depth, found = boxes.to_boxes(picture, kind, strip=strip)
    whole = Rect(0, 0, picture.height, picture.width)
    return boxes.from_boxes(pixels, whole, depth, {int(box.tag): box.data for box in found}.get, whole)


def assert_equal(a: Picture, b: Picture) -> None:
    for field in fields(Picture):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other, field.name


def test_every_field_comes_back() -> None:
    assert all(getattr(FULL, field.name) for field in fields(Picture)[2:])  # nothing is forgotten here
    assert_equal(through(FULL, Kind.LOSSLESS), FULL)
    bare = Picture(RNG.integers(0, 256, (9, 7, 1), np.uint8))
    assert_equal(through(bare, Kind.LOSSLESS), bare)
    assert boxes.to_boxes(bare, Kind.LOSSLESS, strip=False)[2] == []


def test_lossy_files_have_eight_bits_and_all_the_rest() -> None:
    with pytest.warns(RoundelWarning, match="reduced to 8"):
        found = through(FULL, Kind.LOSSY)
    assert_equal(found, replace(image.reduce_depth(FULL), sample_max=None))


def test_strip_leaves_samples_alone() -> None:
    found = through(FULL, Kind.LOSSLESS, strip=True)
    assert_equal(found, Picture(FULL.pixels, FULL.alpha, sample_max=4095))


def test_small_boxes_stand_in_the_first_kilobyte() -> None:
    tags = [int(box.tag) for box in boxes.to_boxes(replace(FULL, icc=bytes(5000)), Kind.LOSSLESS, strip=False)[2]]
    assert tags.index(0x01) > max(tags.index(tag) for tag in (0x03, 0x04, 0x05))


@pytest.mark.parametrize(
    ("format", "resolution", "expected"),
    [
        ("PNG", (300, 300, 1), (11811, 11811, 3)),  # the nearest whole numbers per metre
        ("PNG", (4, 3, 0), (4, 3, 0)),
        ("PNG", (11811, 5906, 3), (11811, 5906, 3)),
        ("TIFF", (Fraction(1200, 7), 300, 2), (Fraction(1200, 7), 300, 2)),
        ("TIFF", (11811, 5906, 3), (Fraction(11811, 100), Fraction(5906, 100), 2)),  # TIFF has no metres
        ("JPEG", (11811, 11811, 3), (300, 300, 1)),
        ("JPEG", (118, 59, 2), (118, 59, 2)),
    ],
)
def test_resolution_from_file_to_file(
    format: str, resolution: tuple[Fraction, Fraction, int], expected: tuple[Fraction, Fraction, int]
) -> None:
    x, y, unit = resolution
    picture = Picture(np.zeros((9, 7, 3), np.uint8), resolution=Resolution(Fraction(x), Fraction(y), unit))
    out = io.BytesIO()
    image.write(through(picture, Kind.LOSSLESS), out, format)
    out.seek(0)
    assert image.read(out).resolution == expected


def test_damaged_planes_and_boxes_are_named() -> None:
    from roundel.container import Tag
    from roundel.errors import FormatError

    pixels, depth, found = boxes.to_boxes(FULL, Kind.LOSSLESS, strip=False)
    whole = Rect(0, 0, 9, 7)
    for tag in (Tag.RESOLUTION, Tag.COLOUR, Tag.TEXT, Tag.SAMPLE_MAX, Tag.ALPHA, Tag.LOW_BYTES):
        changed = {int(box.tag): b"nonsense" if box.tag == tag else box.data for box in [*found, Box(0, b"")]}
        with pytest.raises(FormatError):
            boxes.from_boxes(pixels, whole, depth, changed.get, whole)


@pytest.mark.parametrize("largest", [256, 1000, 1023, 4095, 16383, 32767, 32768, 65534])
def test_samples_of_fewer_bits_take_fewer_bits(largest: int) -> None:
    source = RNG.integers(0, largest + 1, (64, 300, 1), np.uint16)
    source[0, :2, 0] = 0, largest
    picture = Picture(scale_samples(source, largest), sample_max=largest)
    assert_equal(through(picture, Kind.LOSSLESS), picture)
    low = boxes.to_boxes(picture, Kind.LOSSLESS, strip=False)[2][-1].data
    plain = boxes.to_boxes(replace(picture, sample_max=None), Kind.LOSSLESS, strip=False)[2][-1].data
    if largest <= 4095:
        assert len(low) < 0.72 * len(plain)  # 4 bits of noise and PNG's Huffman codes, in place of 7 or more


def test_a_largest_sample_that_does_not_hold_is_not_noted() -> None:
    wrong = Picture(RNG.integers(0, 65536, (9, 7, 3), np.uint16), sample_max=4095)
    assert_equal(through(wrong, Kind.LOSSLESS), replace(wrong, sample_max=None))


def test_a_reduced_picture_has_fewer_pixels_per_inch() -> None:
    pixels, depth, found = boxes.to_boxes(FULL, Kind.LOSSLESS, strip=False)
    whole = Rect(0, 0, 9, 7)
    small = boxes.from_boxes(pixels[::2, ::2], whole, depth, {int(b.tag): b.data for b in found}.get, whole, 2)
    assert small.resolution == Resolution(Fraction(600, 7), Fraction(150), 2)
    np.testing.assert_array_equal(small.pixels, FULL.pixels[::2, ::2])
    assert shrink(FULL, 1).resolution == small.resolution
