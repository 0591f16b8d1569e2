"""16-bit samples in the box SAMPLES: chosen where smaller, regions and reduced sizes exact, damage named."""

from dataclasses import replace

import numpy as np
import pytest

from roundel import container, deep
from roundel.codec import decode_array, encode
from roundel.container import Box, Tag
from roundel.errors import FormatError
from roundel.image import Picture
from roundel.image.picture import scale_samples
from roundel.restore import restore
from roundel.tiling import Rect


def depths(height: int, width: int) -> np.ndarray:
    """A slope of 12 bits with noise far below what a high byte tells, uint16 (H, W)."""
    y, x = np.indices((height, width))
    return np.rint(900 + 3 * x + 2 * y + np.random.default_rng(0).normal(0, 3, (height, width))).astype(np.uint16)


@pytest.fixture(scope="module")
def coded() -> bytes:
    return encode(depths(60, 90), lossless=True, model="photo-fast")


def test_a_depth_map_is_samples_and_comes_back_in_part_too(coded: bytes) -> None:
    pixels = depths(60, 90)
    assert container.read(coded).box(Tag.SAMPLES) is not None
    assert container.read(coded).box(Tag.LOW_BYTES) is None
    assert np.array_equal(decode_array(coded), pixels)
    assert np.array_equal(decode_array(coded, region=(7, 5, 40, 30)), pixels[5:35, 7:47])
    assert np.array_equal(decode_array(coded, reduce=1), pixels[::2, ::2])


def test_squares_meet_in_a_large_picture() -> None:
    pixels = depths(deep.SIDE_PX + 3, deep.SIDE_PX + 5)[..., None]
    data, whole = deep.pack(pixels, None), Rect(0, 0, *pixels.shape[:2])
    for rows, columns in (
        (slice(0, 515), slice(0, 517)),
        (slice(500, 515, 4), slice(3, 517, 2)),
        (slice(513, 514), slice(1, 9)),
    ):
        assert np.array_equal(deep.unpack(data, whole, rows, columns, 1), pixels[rows, columns])


def test_samples_that_were_scaled_are_coded_as_they_were() -> None:
    source = depths(50, 70)[..., None]
    scaled = scale_samples(source, 4095)
    data, rows, columns = deep.pack(scaled, 4095), slice(0, 50), slice(0, 70)
    assert data == deep.pack(source, None)
    whole = Rect(0, 0, 50, 70)
    assert np.array_equal(deep.unpack(data, whole, rows, columns, 1, 4095), scaled)
    with pytest.raises(FormatError, match="more than 900"):
        deep.unpack(data, whole, rows, columns, 1, 900)


def test_damaged_boxes_are_refused(coded: bytes) -> None:
    file = container.read(coded)
    data = file.box(Tag.SAMPLES)
    assert data is not None
    tiles = [file.passes(tile) for tile in range(file.header.tiles)]
    for bad in (b"", data[:-1], data + b"a", b"\x01\x10", bytes([data[0], 255]) + data[2:]):
        spoiled = container.write(file.header, [Box(Tag.SAMPLES, bad)], tiles)
        with pytest.raises(FormatError):
            restore(spoiled)


def test_there_is_no_preview(coded: bytes) -> None:
    with pytest.raises(FormatError, match="no preview"):
        restore(coded[:-10], partial_file=True)


def test_alpha_and_colour_stand_beside(coded: bytes) -> None:
    colour = np.stack([depths(40, 50)] * 3, -1) + np.arange(3, dtype=np.uint16)
    picture = Picture(colour, depths(40, 50))
    found = restore(encode(picture, lossless=True, model="photo-fast")).picture
    assert np.array_equal(found.pixels, colour)
    assert found.alpha is not None
    assert np.array_equal(found.alpha, depths(40, 50))
    assert replace(found, pixels=colour).depth == 16
