"""What the samples of a TIFF mean, and files whole: pages, limits, damage; one error names what is not read."""

import contextlib
import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from roundel import image
from roundel.errors import ImageError, RoundelWarning
from tests.image.tiffs import HEIGHT, ORDERS, RNG, WIDTH, read, samples, tiff


@ORDERS
@pytest.mark.parametrize("bits", [8, 16])
def test_a_fourth_sample_of_unspecified_meaning_is_kept(byteorder: str, bits: int) -> None:
    array = samples(4, bits)
    file = tiff(array, photometric="rgb", extrasamples=["unspecified"], byteorder=byteorder)
    with pytest.warns(RoundelWarning, match="does not say what its sample 4 is"):
        picture = image.read(file)
    np.testing.assert_array_equal(image.to_array(picture), array)


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colours_are_divided_so_that_multiplying_gives_them_back(bits: int) -> None:
    largest = 2**bits - 1
    alpha = samples(1, bits)
    alpha[0, 0] = 0
    straight = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 3)).astype(float)
    stored = np.rint(straight * alpha[:, :, None] / largest).astype(alpha.dtype)
    file = tiff(np.dstack([stored, alpha]), photometric="rgb", extrasamples=["assocalpha"])
    with pytest.warns(RoundelWarning, match="multiplied by alpha"):
        picture = image.read(file)
    np.testing.assert_array_equal(picture.alpha, alpha)
    again = np.rint(picture.pixels.astype(float) * alpha[:, :, None] / largest)
    np.testing.assert_array_equal(again, stored)


@pytest.mark.parametrize("deep", [False, True])
def test_palettes_of_eight_and_sixteen_bits(deep: bool) -> None:
    indices = samples(1)
    table = RNG.integers(0, 65536, (3, 256), dtype=np.uint16) if deep else RNG.integers(0, 256, (3, 256)) * 257
    found = read(tiff(indices, photometric="palette", colormap=table.astype(np.uint16)))
    expected = (table if deep else table >> 8).T[indices]
    assert found.dtype == (np.uint16 if deep else np.uint8)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palettes_of_few_colours(bits: int) -> None:
    pil = Image.new("P", (WIDTH, HEIGHT))
    indices = samples(1, bits)
    pil.putdata(indices.ravel().tolist())
    colours = RNG.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    pil.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    pil.save(buffer, "TIFF")
    buffer.seek(0)
    np.testing.assert_array_equal(read(buffer), colours[indices])


def test_cmyk_of_both_depths_is_converted_with_one_warning() -> None:
    for dtype, full in ((np.uint8, 255), (np.uint16, 65535)):
        cyan = np.zeros((HEIGHT, WIDTH, 4), dtype)
        cyan[:, :, 0] = full
        with pytest.warns(RoundelWarning, match="CMYK"):
            found = image.read(tiff(cyan, photometric="separated"))
        np.testing.assert_array_equal(found.pixels[3, 3], [0, 255, 255])


@pytest.mark.parametrize(
    ("array", "options", "named"),
    [
        (np.zeros((9, 9), np.int8), {}, "signed integers"),
        (np.zeros((9, 9), np.int16), {}, "signed integers"),
        (np.zeros((9, 9, 3), np.int16), {"photometric": "rgb"}, "signed integers"),
        (np.zeros((9, 9), np.float32), {}, "floating point"),
        (np.zeros((9, 9), np.float16), {}, "floating point"),
        (np.zeros((9, 9), np.uint32), {}, "32-bit samples"),
        (np.zeros((9, 9, 3), np.uint8), {"photometric": "cielab"}, "CIELAB"),
        (np.zeros((9, 9, 3), np.uint8), {"photometric": "rgb", "compression": "jpegxl"}, "JPEG XL"),
        (np.zeros((9, 9, 3), np.uint8), {"photometric": "rgb", "compression": "jpeg2000"}, "JPEG 2000"),
        (np.zeros((16, 16, 3), np.uint8), {"photometric": "rgb", "compression": 33005, "tile": (16, 16)}, "33005"),
        (np.zeros((16, 16, 3), np.uint8), {"photometric": "rgb", "compression": 33003, "tile": (16, 16)}, "33003"),
        (np.zeros((9, 9, 6), np.uint8), {"photometric": "rgb"}, "6 samples"),
        (np.zeros((5, 9, 9), np.uint8), {"photometric": "minisblack", "planarconfig": "separate"}, "5 samples"),
        (np.zeros((9, 9), np.uint8), {"photometric": "cfa"}, "colour filter array"),
        (np.zeros((8, 8, 3), np.uint8), {"photometric": "ycbcr"}, "YCbCr without JPEG"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(array: np.ndarray, options: dict[str, object], named: str) -> None:
    file = tiff(array, **options)
    with pytest.raises(ImageError, match=named) as caught:
        image.read(file)
    assert "not a picture" not in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_several_pages_give_the_first_and_one_warning_with_their_number() -> None:
    buffer = io.BytesIO()
    pages = [samples(3) for _ in range(4)]
    with tifffile.TiffWriter(buffer) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", metadata=None)
        writer.write(pages[0][::2, ::2], photometric="rgb", metadata=None, subfiletype=1)  # a reduced one counts not
    buffer.seek(0)
    with pytest.warns(RoundelWarning, match="first of 4 pages is kept; 3 are left out") as caught:
        found = image.read(buffer)
    assert len(caught) == 1
    np.testing.assert_array_equal(found.pixels, pages[0])


def test_a_thumbnail_before_the_picture_is_not_the_picture() -> None:
    buffer = io.BytesIO()
    whole = samples(3)
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(whole[::4, ::4], photometric="rgb", metadata=None, subfiletype=1)
        writer.write(whole, photometric="rgb", metadata=None)
    buffer.seek(0)
    np.testing.assert_array_equal(read(buffer), whole)


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_turns_pixels_and_resolution(turn: int) -> None:
    array = samples(3)
    file = tiff(array, photometric="rgb", extratags=[(274, 3, 1, turn, True)], resolution=(300, 200))
    picture = image.read(file)
    file.seek(0)
    pillow = Image.open(file)
    pillow.load()  # turns it, too
    np.testing.assert_array_equal(picture.pixels, np.asarray(pillow))
    assert picture.resolution is not None
    assert (picture.resolution.x, picture.resolution.y) == ((300, 200) if turn < 5 else (200, 300))


def test_cut_short_or_changed_never_raises_anything_else() -> None:
    rng = np.random.default_rng(5)
    files = [
        tiff(samples(3), photometric="rgb", compression="zlib", tile=(16, 16)).getvalue(),
        tiff(samples(1, 12), bitspersample=12).getvalue(),
        tiff(samples(4, 16), photometric="rgb", compression="lzw", predictor=True, rowsperstrip=8).getvalue(),
        tiff(samples(1), photometric="palette", colormap=np.zeros((3, 256), np.uint16), bigtiff=True).getvalue(),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RoundelWarning)
        for whole in files:
            for length in (4, 9, 20, len(whole) // 2):
                with pytest.raises(ImageError):
                    image.read(io.BytesIO(whole[:length]))
            for _ in range(80):
                data = bytearray(whole)
                for position in (*rng.integers(0, len(data), 2), rng.integers(0, 300)):
                    data[position] = rng.integers(256)
                with contextlib.suppress(ImageError):
                    image.read(io.BytesIO(bytes(data)), max_pixels=10_000)


def test_large_pictures_obey_our_limit_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow would raise from 200 on
    array = samples(3)
    for options in ({"tile": (64, 64)}, {"compression": "lzw"}, {"compression": "jpeg", "tile": (32, 32)}):
        file = tiff(array, photometric="rgb", **options)
        assert image.read(file).pixels.shape == array.shape
        file.seek(0)
        with pytest.raises(ImageError, match="53×37 pixels are more than the limit of 1,960"):
            image.read(file, max_pixels=1960)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_camera_s_raw_file_is_not_its_thumbnail() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        thumb = {
            "photometric": "rgb",
            "metadata": None,
            "subfiletype": 1,
            "extratags": [(50706, 1, 4, (1, 4, 0, 0), True)],
        }
        writer.write(samples(3), subifds=1, **thumb)
        writer.write(samples(1, 16), photometric="cfa", metadata=None)
    buffer.seek(0)
    with pytest.raises(ImageError, match="raw file"):
        image.read(buffer)


def test_directories_that_overlap_end_in_time() -> None:
    import time

    entries, step, count = 4000, 4, 4000  # each directory begins within the one before it
    data = bytearray(struct.pack("<4sI", b"II*\0", 8) + bytes(2 + 12 * entries + 4 + step * count))
    for number in range(count):
        start = 8 + step * number
        struct.pack_into("<H", data, start, entries)
        struct.pack_into("<I", data, start + 2 + 12 * entries, start + step)
    begin = time.perf_counter()
    with pytest.raises(ImageError), pytest.warns(RoundelWarning, match="4000 are left out"):
        image.read(io.BytesIO(bytes(data)))
    assert time.perf_counter() - begin < 5
