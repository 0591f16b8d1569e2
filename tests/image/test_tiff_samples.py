"""How samples lie in a TIFF: each comes in right, whatever its bits, planes, tiles and compression."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from roundel import image
from roundel.errors import ImageError
from tests.image.tiffs import HEIGHT, ORDERS, WIDTH, patched, read, samples, tiff


def _pillow_has(compression: str) -> bool:
    try:
        Image.open(tiff(np.zeros((8, 8), np.uint8), compression=compression)).load()
    except OSError:
        return False
    return True


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
