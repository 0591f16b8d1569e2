"""PNG files of every kind, built by hand from the specification: colour types, depths, interlace, any chunk."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
]
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def build(
    samples: np.ndarray,
    colour_type: int,
    depth: int,
    *,
    interlaced: bool = False,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
    end: bool = True,
) -> io.BytesIO:
    """A PNG of samples (H, W, C). Args: before, after: further chunks, before and after the pixels."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    parts = [(top, left, down, across) for top, left, down, across in _ADAM7] if interlaced else [(0, 0, 1, 1)]
    rows = b""
    for top, left, down, across in parts:
        part = samples[top::down, left::across]
        if part.size:
            rows += b"".join(b"\0" + _packed(row, depth) for row in part)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(rows)), *after]
    if end:
        chunks.append((b"IEND", b""))
    return io.BytesIO(SIGNATURE + b"".join(chunk(*found) for found in chunks))


def _packed(row: np.ndarray, depth: int) -> bytes:
    values = row.ravel()
    if depth == 16:
        return values.astype(">u2").tobytes()
    bits = np.unpackbits(values.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
    return np.packbits(bits.ravel()).tobytes()
