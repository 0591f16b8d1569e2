"""PNG of 16 bits, which Pillow does not write in colour or with alpha."""

import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from roundel.image.png.chunks import SIGNATURE, chunk

_BAND_BYTES = 2**24


def write_deep(samples: np.ndarray, file: BinaryIO, chunks: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """A 16-bit PNG, written a band of rows at a time.

    Args:
        samples: uint16 (H, W, C), C = 1 (grey), 2 (grey, alpha), 3 or 4.
        file: Where to.
        chunks: Further chunks (type, content), written before the samples.
    """
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    file.write(SIGNATURE + b"".join(chunk(*found) for found in ((b"IHDR", header), *chunks)))
    coder = zlib.compressobj(6)
    above = np.zeros((1, 2 * channels * width), np.uint8)
    band = max(1, _BAND_BYTES // above.size)
    for top in range(0, height, band):
        rows = samples[top : top + band].astype(">u2").view(np.uint8).reshape(-1, above.size)
        packed = coder.compress(_filtered(rows, above, 2 * channels))
        above = rows[-1:]
        if packed:
            file.write(chunk(b"IDAT", packed))
    file.write(chunk(b"IDAT", coder.flush()) + chunk(b"IEND", b""))


def _filtered(rows: np.ndarray, above: np.ndarray, pixel_bytes: int) -> bytes:
    """Rows of bytes with the filter, left or up, whose differences are smaller. Args: above: the row before them."""
    up = np.diff(rows, axis=0, prepend=above)  # filter 2, modulo 256
    left = rows.copy()  # filter 1
    left[:, pixel_bytes:] -= rows[:, :-pixel_bytes]
    cost_up = np.abs(up.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
    cost_left = np.abs(left.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
    better = cost_left < cost_up
    filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = np.where(better, 1, 2)
    filtered[:, 1:] = np.where(better[:, None], left, up)
    return filtered.tobytes()
