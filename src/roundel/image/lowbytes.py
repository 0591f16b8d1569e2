"""16-bit samples without loss: high bytes go through the model as a picture, low bytes beside it as a PNG."""

import numpy as np

from roundel.image.planes import pack_plane, unpack_plane


def split(pixels: np.ndarray) -> tuple[np.ndarray, bytes]:
    """High bytes and the packed low bytes.

    Args:
        pixels: (H, W, C) uint16.

    Returns:
        (H, W, C) uint8, and a grey PNG of the low bytes, channels one below the other; no bytes at all if every low
        byte equals its high byte, as in 8-bit samples that were widened.
    """
    high, low = (pixels >> 8).astype(np.uint8), (pixels & 0xFF).astype(np.uint8)
    if np.array_equal(high, low):
        return high, b""
    return high, pack_plane(low.transpose(2, 0, 1).reshape(-1, pixels.shape[1]))


def join(high: np.ndarray, packed: bytes | None, height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    """The samples that were split, uint16, of a part of the picture.

    Args:
        high: (h, w, C) uint8, the part's high bytes. packed: the low bytes; None where a preview has not got them.
        height, width: of the whole picture. rows, columns: the part.

    Raises:
        FormatError: the low bytes are not a plane of this size.
    """
    wide = high.astype(np.uint16)
    if not packed:
        return wide * 257
    channels = high.shape[2]
    low = unpack_plane(packed, height * channels, width).reshape(channels, height, width).transpose(1, 2, 0)
    return wide << 8 | low[rows, columns]
