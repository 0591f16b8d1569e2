"""TIFF files for tests, written by tifffile."""

import io
import struct
import warnings

import numpy as np
import pytest
import tifffile

from roundel import image

RNG = np.random.default_rng(20)
HEIGHT, WIDTH = 37, 53
ORDERS = pytest.mark.parametrize("byteorder", "<>")


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
