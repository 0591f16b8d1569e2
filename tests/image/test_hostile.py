"""Picture files changed at random: each is read, or is an ImageError; what is read is written and comes back."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from roundel import image
from roundel.errors import ImageError
from tests.image import pngs

ARRAY = np.random.default_rng(30).integers(0, 256, (40, 50, 4), dtype=np.uint8)
RGB = np.ascontiguousarray(ARRAY[:, :, :3])
MARKS = (b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\1\0\0\0", b"\xff\xd9\xff\xd9")
TURNED = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"


def pillow(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, format, **options)
    return buffer.getvalue()


def tiff(array: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


SEEDS = {
    "png": pillow("PNG", dpi=(300, 300)),
    "png16": pngs.build(ARRAY.astype(np.uint16) * 257, 6, 16, before=[(b"iTXt", b"a\0\0\0\0\0abc")]).getvalue(),
    "png2": pngs.build(ARRAY[:, :, :1] % 4, 3, 2, interlaced=True, before=[(b"PLTE", bytes(12))]).getvalue(),
    "jpeg": pillow("JPEG", exif=TURNED, comment=b"x", icc_profile=b"a" * 200, xmp=b"<x/>", progressive=True),
    "tiff": tiff(RGB, photometric="rgb", compression="zlib", tile=(16, 16)),
    "tiff jpeg": tiff(RGB, photometric="rgb", compression="jpeg", tile=(16, 16)),
    "tiff 5 bits": tiff(ARRAY[:, :, 0] % 32, bitspersample=5, photometric="miniswhite"),
    "tiff 16 bits": tiff(ARRAY.astype(np.uint16), photometric="rgb", extrasamples=["assocalpha"], bigtiff=True),
    "webp": pillow("WEBP", lossless=True),
    "gif": pillow("GIF"),
    "bmp": pillow("BMP"),
    "ppm": pillow("PPM"),
    "plain ppm": b"P3 2 2 1000 1 2 3 4 5 6 7 8 9 10 11 12",
    "pam": b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 2\nMAXVAL 999\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n" + bytes(16),
    "avif": pillow("AVIF"),
}


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(0, min(len(out), 400) if rng.random() < 0.6 else len(out)))
        match rng.integers(4):
            case 0:
                out[place] = rng.integers(256)
            case 1:
                out[place] ^= 1 << rng.integers(8)
            case 2:
                out[place : place + 4] = MARKS[rng.integers(len(MARKS))]
            case _:
                del out[place : place + int(rng.integers(1, 20))]
        out = out or bytearray(b"x")
    return bytes(out)


def with_checks(data: bytes) -> bytes:
    """A PNG whose chunks have checks that match, so that damage reaches what is behind them."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        out += data[at : at + 8 + length] + struct.pack(">I", zlib.crc32(data[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(out) + data[at:]


@pytest.mark.parametrize("name", SEEDS)
def test_changed_files(name: str) -> None:
    rng = np.random.default_rng(len(name))
    whole = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(60):
            data = changed(SEEDS[name], rng)
            data = with_checks(data) if data.startswith(pngs.SIGNATURE) and number % 2 else data
            try:
                picture = image.read(io.BytesIO(data), max_pixels=1_000_000)
            except ImageError:
                continue
            for format in ("PNG", "TIFF"):
                out = io.BytesIO()
                image.write(picture, out, format)
                out.seek(0)
                again = image.read(out)
                np.testing.assert_array_equal(image.to_array(again), image.to_array(picture))
                assert (again.icc, again.xmp) == (picture.icc, picture.xmp)
            whole += 1
    assert whole < 60
