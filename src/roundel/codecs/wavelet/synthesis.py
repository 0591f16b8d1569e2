"""Dequantised wavelet coefficients to pixels in integers: the same bytes on every machine.

Samples count 1/32 of a pixel value and are kept in 16 bits. The low band of every level is a picture
of the usual range: the wavelet's lengths are in the multipliers that dequantise. docs/format.md has the
bounds by which no sum leaves 32 bits.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.coding import compiled

UNIT = 32
"""Of a sample, to a pixel value."""
MULTIPLIER_SHIFT = 8
"""Multipliers count 2^-8 units."""
LIMIT = 2**24
"""Bound of |symbol · multiplier|: anything beyond it is damage."""
GREY = UNIT * 255 // 2
"""Middle grey, which samples are relative to."""

FRACTION = 14
"""Constants count 2^-14."""
ALPHA, BETA, GAMMA, DELTA = 9604, 868, 1918, 7266
"""Lifting steps of the CDF 9/7 wavelet (Daubechies & Sweldens 1998, table 2): −α − 1, −β, 1 − γ and δ, rounded so that
even and odd samples of a flat picture are alike."""
LOW_GAIN = 24793
"""2/ζ², ζ = 1.1496: what the low band of a level is multiplied by."""
RED_GREEN_BLUE = 9459
ORANGE_BLUE = 11585
GREEN_MAGENTA = 6689
"""1/√3, 1/√2 and 1/√6: opponent colours to RGB."""


def dequantize(symbols: NDArray[np.int16], multipliers: NDArray[np.int32]) -> NDArray[np.int16]:
    """Coefficients of symbols (…, C) within `LIMIT`; multipliers (C,)."""
    scaled = symbols * multipliers + (1 << (MULTIPLIER_SHIFT - 1))
    return np.clip(scaled >> MULTIPLIER_SHIFT, -(2**15), 2**15 - 1).astype(np.int16)


def synthesis(parts: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    """Coefficients to the picture (3, H, W) in opponent colours, relative to middle grey.

    Args:
        parts: (3, h, w) of the low band, then (9, 2^k·h, 2^k·w) of the details of level k: the bands horizontal,
            vertical, diagonal of luma, then of the two colours.
    """
    low = parts[0]
    for details in parts[1:]:
        low = merge(low, details)
    return low


def merge(low: NDArray[np.int16], details: NDArray[np.int16]) -> NDArray[np.int16]:
    """One level: (3, h, w) and (9, h, w) to (3, 2h, 2w)."""
    height, width = low.shape[1:]
    native = compiled.native()
    if native:
        out = np.empty((3, 2 * height, 2 * width), np.int16)
        native.merge(np.ascontiguousarray(low), np.ascontiguousarray(details), out, height, width)
        return out
    bands = details.reshape(3, 3, height, width).astype(np.int32)
    scaled = _times(low.astype(np.int32), LOW_GAIN)
    left = _joined(scaled, bands[:, 1], 1)
    right = _joined(bands[:, 0], bands[:, 2], 1)
    return _joined(left.astype(np.int32), right.astype(np.int32), 2)


class Drawn(NamedTuple):
    """A picture before the filter."""

    samples: NDArray[np.int16]
    """(H, W, 3) red, green and blue relative to middle grey, in 1/32 of a pixel value."""
    pixels: NDArray[np.uint8]
    """(H, W, 3) the same, rounded to pixels."""


def draw(opponent: NDArray[np.int16]) -> Drawn:
    """Luma, orange–blue and green–magenta (3, H, W) to red, green and blue."""
    height, width = opponent.shape[1:]
    native = compiled.native()
    if native:
        samples, pixels = np.empty((height, width, 3), np.int16), np.empty((height, width, 3), np.uint8)
        native.rgb(np.ascontiguousarray(opponent), samples, pixels, height * width)
        return Drawn(samples, pixels)
    luma, orange, green = (plane.astype(np.int32) for plane in opponent)
    grey = luma * RED_GREEN_BLUE
    rgb = (
        grey + orange * ORANGE_BLUE - green * GREEN_MAGENTA,
        grey + green * (2 * GREEN_MAGENTA),
        grey - orange * ORANGE_BLUE - green * GREEN_MAGENTA,
    )
    samples = np.stack([_saturated(_times(plane, 1)) for plane in rgb], 2)
    whole = (samples.astype(np.int32) + (GREY + UNIT // 2)) >> 5
    return Drawn(samples, whole.clip(0, 255).astype(np.uint8))


def repaired(samples: NDArray[np.int16], corrections: NDArray[np.uint8], gain: int) -> NDArray[np.uint8]:
    """Samples (H, W, 3) plus what the filter says of them, to pixels.

    Args:
        corrections: (H, W, 3) with zero point 128, in units of `gain` / 4096 of a pixel value.
    """
    native = compiled.native()
    if native:
        pixels = np.empty(samples.shape, np.uint8)
        own, changes = np.ascontiguousarray(samples), np.ascontiguousarray(corrections)
        native.repair(own, changes, pixels, gain, pixels.size)
        return pixels
    exact = (samples.astype(np.int32) + GREY) << 7
    exact += (corrections.astype(np.int32) - 128) * gain + (1 << 11)
    return (exact >> 12).clip(0, 255).astype(np.uint8)


def _joined(low: NDArray[np.int32], high: NDArray[np.int32], axis: int) -> NDArray[np.int16]:
    """The inverse wavelet along an axis: halves (…, n, …) to even and odd samples (…, 2n, …)."""
    even = low - _times(high + _last(high, axis), DELTA)
    around = even + _next(even, axis)
    odd = high - around + _times(around, GAMMA)
    even += _times(odd + _last(odd, axis), BETA)
    around = even + _next(even, axis)
    odd += around + _times(around, ALPHA)
    shape = list(even.shape)
    shape[axis] *= 2
    return _saturated(np.stack([even, odd], axis + 1).reshape(shape))


def _times(x: NDArray[np.int32], constant: int) -> NDArray[np.int32]:
    """x · constant · 2^-14, to the nearest, halves up."""
    return (x * constant + (1 << (FRACTION - 1))) >> FRACTION


def _saturated(x: NDArray[np.int32]) -> NDArray[np.int16]:
    return np.clip(x, -(2**15), 2**15 - 1).astype(np.int16)


def _next(x: NDArray[np.int32], axis: int) -> NDArray[np.int32]:
    """Each sample's successor; the last is its own, which is the mirror at the border."""
    n = x.shape[axis]
    return np.take(x, np.minimum(np.arange(1, n + 1), n - 1), axis)


def _last(x: NDArray[np.int32], axis: int) -> NDArray[np.int32]:
    """Each sample's predecessor; the first is its own."""
    return np.take(x, np.maximum(np.arange(-1, x.shape[axis] - 1), 0), axis)
