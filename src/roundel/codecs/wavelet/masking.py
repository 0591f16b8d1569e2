"""Where errors are seen less: what a bit may cost there, in the encoder's choice of symbols.

By measures of structure an error counts relative to the contrast around it: texture hides what a plain wall shows. Once
a tile was coded, a measure can be asked how much its errors count. Decoders know nothing of it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.analysis import GREY, analysis
from roundel.codecs.wavelet.eye import BIAS, C2, CONES, linear
from roundel.codecs.wavelet.places import LEVELS

RANGE = (0.2, 4.0)
"""Least and greatest of the factors."""
HALVINGS = (2, COARSEST := 3)
"""Contrast is that of a picture halved so often: the finer one's for the finer levels, the other for the rest."""
COARSE_LEVELS = 2
CONTRAST_REACH = 2
"""Contrast is that of so many samples on each side."""
ASKED_REACHES = (0, 0, 1, 1, 2)
"""How much errors count is asked of so many places on each side, for every level."""
ASKED_POWER, ASKED_MOST = -0.3, 2.0
"""Of how much they count; and the most that a factor changes by."""
DOUBT, FLOOR = 0.05, 0.1
"""Squared errors that are there besides, to their mean; and how much errors count at least, to the median."""


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


def repriced(
    maps: Sequence[NDArray[np.float32]], slope: NDArray[np.float32], error: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """The same factors, smaller where errors were seen to count more, and larger where less.

    Args:
        slope: of a measure of distance for the samples of what was decoded, (H, W, 3). error: that, less the original.
    """
    found = []
    for own, reach, steep, wrong in zip(maps, ASKED_REACHES, _details(slope), _details(error), strict=True):
        squares, products = _box(np.square(wrong).sum(2), reach), _box((steep * wrong).sum(2), reach)
        counts = products / (squares + DOUBT * squares.mean() + np.float32(1e-12))
        usual = max(float(np.median(counts)), 1e-12)
        counts = (np.maximum(counts, 0) / usual + FLOOR) / (1 + FLOOR)
        found.append(own * (counts**ASKED_POWER).clip(1 / ASKED_MOST, ASKED_MOST).astype(np.float32))
    return found


def _details(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """(h, w, 9) for every level."""
    ones = np.ones(9, np.float32)
    return analysis(x + GREY, [ones[:3], *[ones] * LEVELS])[1:]


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
    mean = _box(y, CONTRAST_REACH)
    variance = np.maximum(_box(y * y, CONTRAST_REACH) - mean * mean, 0)
    weight = 1 / (2 * variance + C2)  # so small a variance counts as none
    return np.clip((weight / weight.mean()) ** -power, *RANGE).astype(np.float32)


def _y(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Y of XYB: what the eye's cones say of lightness."""
    cones = np.cbrt(np.maximum(light @ np.array(CONES[:2]).T + BIAS, 0)) - np.cbrt(BIAS)
    return cones.mean(2)


def _box(x: NDArray[np.floating], reach: int) -> NDArray[np.floating]:
    """Means over (2·reach + 1)², borders mirrored."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach, reach)
        wide = np.moveaxis(np.pad(x, pad, "symmetric"), axis, 0)
        parts = [wide[start : start + x.shape[axis]] for start in range(2 * reach + 1)]
        x = np.moveaxis(sum(parts[1:], parts[0]) / len(parts), 0, axis)
    return x


def _resized(x: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """To other sides, which are multiples or fractions of x's."""
    if height < x.shape[0]:
        return x.reshape(height, x.shape[0] // height, width, x.shape[1] // width).mean((1, 3))
    times = height // x.shape[0]
    return x.repeat(times, 0).repeat(times, 1)
