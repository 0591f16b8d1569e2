"""TIFF files of every kind, written by tifffile: each sample comes in right, or one error names what is not read."""

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

RNG = np.random.default_rng(20)
HEIGHT, WIDTH = 37, 53


def samples(channels: int, bits: int = 8) -> np.ndarray:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    return RNG.integers(0, 2**bits, shape, dtype=np.uint8 if bits <= 8 else np.uint16)


def tiff(array: np.ndarray, **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    byteorder = options.pop("byteorder", "<")
    big = options.pop("bigtiff", False)
    with tifffile.TiffWriter(buffer, byteorder=byteorder, bigtiff=big) as writer:
        writer.write(array, **{"metadata": None, **options})
    buffer.seek(0)
    return buffer


def read(file: io.BytesIO) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return image.to_array(image.read(file))


def _pillow_has(compression: str) -> bool:
    try:
        Image.open(tiff(np.zeros((8, 8), np.uint8), compression=compression)).load()
    except OSError:
        return False
    return True


ORDERS = pytest.mark.parametrize("byteorder", "<>")


@ORDERS
@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero(byteorder: str, bits: int) -> None:
    array = samples(1, bits)
    found = read(tiff(array, photometric="miniswhite", byteorder=byteorder))
    np.testing.assert_array_equal(found, 2**bits - 1 - array)


@ORDERS
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_samples_planes_and_tiles(
    byteorder: str, bits: int, channels: int, planar: bool, tile: tuple[int, int] | None, compression: str | None
) -> None:
    array = samples(channels, bits)
    stored = np.moveaxis(array, -1, 0) if planar and channels > 1 else array
    found = read(
        tiff(
            stored,
            byteorder=byteorder,
            photometric="minisblack" if channels < 3 else "rgb",
            planarconfig=("separate" if planar else "contig") if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            tile=tile,
            rowsperstrip=None if tile else 10,
            compression=compression,
            predictor=compression is not None,
        )
    )
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("compression", "predictor"),
    [("packbits", False), *((name, p) for name in ("lzw", "zlib", "deflate", "lzma", "zstd") for p in (False, True))],
)
@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (3, 8), (1, 16), (4, 16)])
@ORDERS
def test_compressions_of_bytes(compression: str, predictor: bool, channels: int, bits: int, byteorder: str) -> None:
    if compression == "zstd" and not _pillow_has("zstd"):
        pytest.skip("the libtiff of this Pillow lacks zstd")
    array = samples(channels, bits)
    found = read(
        tiff(
            array,
            byteorder=byteorder,
            photometric="minisblack" if channels == 1 else "rgb",
            extrasamples=["unassalpha"] if channels == 4 else None,
            compression=compression,
            predictor=predictor,
            rowsperstrip=16,
        )
    )
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("channels", [1, 3])
def test_nine_to_fifteen_bits_are_scaled_to_sixteen_and_back(bits: int, channels: int) -> None:
    array = samples(channels, bits)
    array[0, 0], array[0, 1] = 0, 2**bits - 1
    file = tiff(
        array, bitspersample=bits, photometric="rgb" if channels == 3 else "minisblack",
        planarconfig="contig" if channels == 3 else None,
    )  # fmt: skip
    np.testing.assert_array_equal(tifffile.imread(file), array)  # it is what we think it is
    file.seek(0)
    picture = image.read(file)
    found = image.to_array(picture)
    np.testing.assert_array_equal(found, np.floor(array * (65535 / (2**bits - 1)) + 0.5))
    assert (found.min(), found.max()) == (0, 65535)
    np.testing.assert_array_equal(found >> (16 - bits), array)
    assert picture.sample_max == 2**bits - 1


@ORDERS
@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
def test_packed_samples_have_their_highest_bit_first(byteorder: str, bits: int, compression: str | None) -> None:
    array = samples(1, bits)
    spread = np.unpackbits(array.astype(">u2")[:, :, None].view(np.uint8), axis=2)[:, :, 16 - bits :]
    rows = np.packbits(spread.reshape(HEIGHT, -1), axis=1)  # as TIFF 6.0 says, page 38
    data = tiff(rows, photometric="minisblack", byteorder=byteorder, compression=compression).getvalue()
    data = patched(patched(data, 256, (256, 3, 1, WIDTH), byteorder), 258, (258, 3, 1, bits), byteorder)
    largest, whole = 2**bits - 1, 255 if bits <= 8 else 65535
    np.testing.assert_array_equal(read(io.BytesIO(data)), np.floor(array * (whole / largest) + 0.5))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_fewer_than_eight_bits_are_scaled_to_eight(bits: int, photometric: str) -> None:
    array = samples(1, bits)
    found = read(tiff(array, bitspersample=bits, photometric=photometric))
    expected = np.floor(array * (255 / (2**bits - 1)) + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(found, expected if photometric == "minisblack" else 255 - expected)


@pytest.mark.parametrize("compression", ["lzw", "packbits", "zlib", None])
@pytest.mark.parametrize("planar", [False, True])
def test_parts_that_were_never_written_are_zero(compression: str | None, planar: bool) -> None:
    array = samples(3)
    stored = np.moveaxis(array, -1, 0) if planar else array
    data = tiff(stored, photometric="rgb", planarconfig="separate" if planar else "contig", compression=compression,
                rowsperstrip=5).getvalue()  # fmt: skip
    with tifffile.TiffFile(io.BytesIO(data)) as found:
        tag = found.pages[0].tags[279]
    size = {3: 2, 4: 4}[tag.dtype]
    third = tag.valueoffset + 2 * size  # rows 10 to 14
    empty = data[:third] + bytes(size) + data[third + size :]
    expected = array.copy()
    expected[10:15, :, slice(0, 1) if planar else slice(None)] = 0
    np.testing.assert_array_equal(read(io.BytesIO(empty)), expected)


def test_fill_order_from_the_lowest_bit() -> None:
    array = samples(1, 1)
    data = bytearray(tiff(array, bitspersample=1, photometric="minisblack").getvalue())
    page = tifffile.TiffFile(io.BytesIO(bytes(data))).pages[0]
    assert 266 not in page.tags or page.tags[266].value == 1
    reversed_bytes = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8)[:, None], axis=1)[:, ::-1], axis=1).ravel()
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        data[start : start + count] = reversed_bytes[start : start + count].tobytes()
    with_tag = patched(bytes(data), 296, (266, 3, 1, 2))  # in the place of the resolution's unit
    np.testing.assert_array_equal(read(io.BytesIO(with_tag)), array * 255)


def patched(data: bytes, tag: int, entry: tuple[int, int, int, int], order: str = "<") -> bytes:
    """A file in whose first directory one entry is replaced by one short number, and entries sorted anew."""
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    entries = [struct.unpack_from(order + "HHI4s", data, start + 2 + 12 * i) for i in range(count)]
    assert tag in {found[0] for found in entries}
    value = struct.pack(order + "HH", entry[3], 0)
    entries = sorted((*entry[:3], value) if found[0] == tag else found for found in entries)
    return (
        data[: start + 2] + b"".join(struct.pack(order + "HHI4s", *e) for e in entries) + data[start + 2 + 12 * count :]
    )


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


def test_bigtiff_and_many_strips() -> None:
    array = samples(3, 16)
    np.testing.assert_array_equal(read(tiff(array, photometric="rgb", bigtiff=True, rowsperstrip=1)), array)
    np.testing.assert_array_equal(
        read(tiff(array, photometric="rgb", bigtiff=True, byteorder=">", tile=(16, 16))), array
    )


def test_a_compression_that_pillow_s_libtiff_may_lack_is_named() -> None:
    data = tiff(samples(1), compression="zstd").getvalue()
    (start,) = tifffile.TiffFile(io.BytesIO(data)).pages[0].dataoffsets
    with pytest.raises(ImageError, match="damaged, or the libtiff of this Pillow lacks compression 50000"):
        image.read(io.BytesIO(data[:start] + bytes(8) + data[start + 8 :]))


def test_pixels_under_jpeg_and_fax() -> None:
    smooth = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    rgb = np.dstack([smooth, smooth[::-1], 255 - smooth])
    for photometric, subsampling in (("ycbcr", (1, 1)), ("ycbcr", (2, 2)), ("rgb", (1, 1))):
        file = tiff(rgb, photometric=photometric, compression="jpeg", tile=(32, 32), subsampling=subsampling)
        expected = tifffile.imread(file)
        file.seek(0)
        off = np.abs(read(file).astype(int) - expected.astype(int))
        assert off.max() <= (2 if subsampling == (1, 1) else 40)  # another JPEG decoder, which blends chroma otherwise
        assert off.mean() < 1
    for channels in (3, 4):
        exact = samples(channels)
        file = tiff(
            exact, photometric="rgb", compression="webp", compressionargs={"lossless": True}, tile=(16, 16),
            extrasamples=["unassalpha"] if channels == 4 else None,
        )  # fmt: skip
        expected = tifffile.imread(file)
        file.seek(0)
        np.testing.assert_array_equal(read(file), expected)
    grey = tiff(smooth, photometric="minisblack", compression="jpeg", rowsperstrip=16)
    expected = tifffile.imread(grey)
    grey.seek(0)
    assert np.abs(read(grey).astype(int) - expected.astype(int)).max() <= 2
    bits = samples(1, 1).astype(bool)
    for kind in ("group3", "group4", "tiff_ccitt", "packbits", "tiff_lzw"):
        buffer = io.BytesIO()
        Image.fromarray(bits).save(buffer, "TIFF", compression=kind)
        buffer.seek(0)
        np.testing.assert_array_equal(read(buffer), bits * np.uint8(255))


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


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_written_others_read(bits: int, channels: int) -> None:
    array = samples(channels, bits)
    buffer = io.BytesIO()
    image.write(image.from_array(array), buffer, "TIFF")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(buffer.getvalue())), array)
    np.testing.assert_array_equal(read(io.BytesIO(buffer.getvalue())), array)
    if bits == 8:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(buffer.getvalue()))), array)


def test_bigtiff_is_written_where_four_gigabytes_do_not_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundel.image.tiff.writer._CLASSIC_BYTES", 1000)
    array = samples(3, 16)
    buffer = io.BytesIO()
    image.write(image.Picture(array, icc=b"profile" * 10), buffer, "TIFF")
    assert buffer.getvalue()[:4] == b"II+\0"
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as found:
        np.testing.assert_array_equal(found.asarray(), array)
        assert bytes(found.pages[0].tags[34675].value) == b"profile" * 10


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
