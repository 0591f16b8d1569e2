"""16-bit samples without loss: high bytes go through the model as a picture, what they leave open beside it as a PNG.

What a high byte leaves open is the low byte. Of samples that were scaled from fewer bits (12, say, of which 16 samples
have each high byte) it is the place among those, which takes fewer bits.
"""

import numpy as np

from roundel.image.picture import scale_samples, source_samples
from roundel.image.planes import pack_plane, unpack_plane


def split(pixels: np.ndarray, sample_max: int | None = None) -> tuple[np.ndarray, bytes]:
    """High bytes, and packed what they leave open.

    Args:
        pixels: (H, W, C) uint16. sample_max: the samples are those of 0 … sample_max, scaled (`is_scaled`).

    Returns:
        (H, W, C) uint8, and a grey PNG of the rest, channels one below the other; no bytes at all if every low byte
        equals its high byte, as in 8-bit samples that were widened.
    """
    high, low = (pixels >> 8).astype(np.uint8), (pixels & 0xFF).astype(np.uint8)
    if np.array_equal(high, low):
        return high, b""
    if sample_max is not None:
        low = (source_samples(pixels, sample_max) - _first(_scaled(sample_max))[high]).astype(np.uint8)
    return high, pack_plane(low.transpose(2, 0, 1).reshape(-1, pixels.shape[1]))


def join(
    high: np.ndarray,
    packed: bytes | None,
    height: int,
    width: int,
    rows: slice,
    columns: slice,
    sample_max: int | None = None,
) -> np.ndarray:
    """The samples that were split, uint16, of a part of the picture.

    Args:
        high: (h, w, C) uint8, the part's high bytes. packed: the rest; None where a preview has not got it.
        height, width: of the whole picture. rows, columns: the part. sample_max: as for `split`.

    Raises:
        FormatError: the rest is not a plane of this size.
    """
    wide = high.astype(np.uint16)
    if not packed:
        return wide * 257
    channels = high.shape[2]
    low = unpack_plane(packed, height * channels, width).reshape(channels, height, width).transpose(1, 2, 0)
    low = low[rows, columns]
    if sample_max is None:
        return wide << 8 | low
    scaled = _scaled(sample_max)
    return scaled[np.minimum(_first(scaled)[high] + low, sample_max)]


def ranked(sample_max: int | None) -> int | None:
    """The largest sample for `split` and `join`, where few enough samples have each high byte."""
    return sample_max if sample_max is not None and 255 < sample_max < 2**15 else None


def _scaled(sample_max: int) -> np.ndarray:
    """What each sample of 0 … sample_max was scaled to, uint16."""
    return scale_samples(np.arange(sample_max + 1, dtype=np.uint16), sample_max)


def _first(scaled: np.ndarray) -> np.ndarray:
    """The smallest sample whose scaled one has at least this high byte, for each high byte, uint16 (256,)."""
    return np.searchsorted(scaled, np.arange(256, dtype=np.uint16) << 8).astype(np.uint16)
