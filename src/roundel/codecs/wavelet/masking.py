"""Where errors are seen less: what a bit may cost there, in the encoder's choice of symbols.

By measures of structure an error counts relative to the contrast around it: texture hides what a plain wall shows.
Decoders know nothing of it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.eye import BIAS, C2, CONES, linear
from roundel.codecs.wavelet.places import LEVELS

RANGE = (0.2, 4.0)
"""Least and greatest of the factors."""
HALVINGS = (2, COARSEST := 3)
"""Contrast is that of a picture halved so often: the finer one's for the finer levels, the other for the rest."""
COARSE_LEVELS = 2
_REACH = 2


def price_maps(pixels: NDArray[np.uint8], power: float) -> list[NDArray[np.float32]]:
    """Factors of a bit's price (h, w) for the details of every level, coarsest first.

    Args:
        pixels: (H, W, 3), sides multiples of 2^LEVELS.
        power: of the contrast; 0 makes all factors 1.
    """
    sums, found = pixels.astype(np.uint16), []
    for halvings in range(1, COARSEST + 1):
        sums = _halved(sums)
        if halvings in HALVINGS:
            found.append(_factors(_light(4**halvings).take(sums), power))
    fine, coarse = found
    height, width = pixels.shape[:2]
    maps = []
    for level in range(LEVELS):
        cell = 2 ** (LEVELS - level)
        own = coarse if level < COARSE_LEVELS else fine
        maps.append(_resized(own, height // cell, width // cell))
    return maps


def _halved(x: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Sums of 2 × 2, a channel at a time: NumPy is slow where the last axis is short."""
    rows = x[0::2] + x[1::2]
    out = np.empty((rows.shape[0], rows.shape[1] // 2, rows.shape[2]), np.uint16)
    for channel in range(rows.shape[2]):
        np.add(rows[:, 0::2, channel], rows[:, 1::2, channel], out=out[..., channel])
    return out


@lru_cache(maxsize=len(HALVINGS))
def _light(count: int) -> NDArray[np.float32]:
    """(255·count + 1,) linear light of the mean of so many samples, by their sum."""
    srgb = np.arange(255 * count + 1, dtype=np.float32) / np.float32(255 * count)
    return linear(srgb)


def _factors(light: NDArray[np.float32], power: float) -> NDArray[np.float32]:
    y = _y(light)
    mean = _box(y)
    variance = np.maximum(_box(y * y) - mean * mean, 0)
    weight = 1 / (2 * variance + C2)  # so small a variance counts as none
    return np.clip((weight / weight.mean()) ** -power, *RANGE).astype(np.float32)


def _y(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Y of XYB: what the eye's cones say of lightness."""
    cones = np.cbrt(np.maximum(light @ np.array(CONES[:2]).T + BIAS, 0)) - np.cbrt(BIAS)
    return cones.mean(2)


def _box(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Means over 5 × 5, borders mirrored."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (_REACH, _REACH)
        wide = np.moveaxis(np.pad(x, pad, "symmetric"), axis, 0)
        parts = [wide[start : start + x.shape[axis]] for start in range(2 * _REACH + 1)]
        x = np.moveaxis(sum(parts[1:], parts[0]) / len(parts), 0, axis)
    return x


def _resized(x: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """To other sides, which are multiples or fractions of x's."""
    if height < x.shape[0]:
        return x.reshape(height, x.shape[0] // height, width, x.shape[1] // width).mean((1, 3))
    times = height // x.shape[0]
    return x.repeat(times, 0).repeat(times, 1)
