"""Pixels to wavelet coefficients, in floating point: only encoders need it.

The C core does each level where it is built, with the same roundings.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.walk import BANDS
from roundel.coding import compiled

_ALPHA, _BETA, _GAMMA, _DELTA = (
    np.float32(c) for c in (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
)
# Lifting steps and scale of the CDF 9/7 wavelet (Daubechies & Sweldens 1998, table 2).
_LOW_SCALE = np.float32(1.149604398860241**2 / 2)

GREY = np.float32(127.5)
"""What samples are relative to."""
_OPPONENT = np.array(
    [
        [1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)],
        [1 / math.sqrt(2), 0, -1 / math.sqrt(2)],
        [-1 / math.sqrt(6), 2 / math.sqrt(6), -1 / math.sqrt(6)],
    ],
    np.float32,
)


def analysis(pixels: NDArray[np.float32], factors: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Pixels (H, W, 3) of 0 … 255, sides multiples of 2^levels, to the coefficients that `synthesis` turns into them.

    Args:
        factors: (C,) of every part: how many units of a coefficient there are to a pixel value.

    Returns:
        (h, w, 3) of the low band, then (2^k·h, 2^k·w, 9) of the details of level k.
    """
    low = _colours(pixels)
    parts: list[NDArray[np.float32]] = []
    for own in reversed(factors[1:]):
        low, details = split(low, own)
        parts.append(details)
    return [np.ascontiguousarray(low.transpose(1, 2, 0)) * factors[0], *reversed(parts)]


def _colours(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels (H, W, 3) to opponent colours (3, H, W), relative to middle grey."""
    height, width, _ = pixels.shape
    native = compiled.native()
    if native:
        out = np.empty((3, height, width), np.float32)
        native.opponent(np.ascontiguousarray(pixels), _OPPONENT, out, GREY, height * width)
        return out
    red, green, blue = (pixels - GREY).transpose(2, 0, 1)
    return np.stack([red * r + green * g + blue * b for r, g, b in _OPPONENT])


def split(x: NDArray[np.float32], factors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One level: (3, H, W) to the low band (3, H/2, W/2) and details (H/2, W/2, 9), times factors (9,)."""
    native = compiled.native()
    if native:
        height, width = x.shape[1] // 2, x.shape[2] // 2
        low, details = np.empty((3, height, width), np.float32), np.empty((height, width, 9), np.float32)
        native.split(np.ascontiguousarray(x), factors, low, details, _LOW_SCALE, height, width)
        return low, details
    left, right = _forward(x[:, :, 0::2], x[:, :, 1::2], 2)
    low, vertical = _forward(left[:, 0::2], left[:, 1::2], 1)
    horizontal, diagonal = _forward(right[:, 0::2], right[:, 1::2], 1)
    details = np.stack([horizontal, vertical, diagonal], 1)
    height, width = low.shape[1:]
    return low * _LOW_SCALE, np.ascontiguousarray(details.reshape(9, height, width).transpose(1, 2, 0)) * factors


def _forward(
    even: NDArray[np.float32], odd: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    high = odd + _ALPHA * _around(even, axis, 1)
    low = even + _BETA * _around(high, axis, -1)
    high += _GAMMA * _around(low, axis, 1)
    low += _DELTA * _around(high, axis, -1)
    return low, high


def _around(x: NDArray[np.float32], axis: int, step: int) -> NDArray[np.float32]:
    """Each sample plus the next (step 1) or the last (−1), borders mirrored."""
    out = x.copy()
    inner, other = [slice(None)] * 3, [slice(None)] * 3
    edge = [slice(None)] * 3
    if step > 0:
        inner[axis], other[axis], edge[axis] = slice(None, -1), slice(1, None), slice(-1, None)
    else:
        inner[axis], other[axis], edge[axis] = slice(1, None), slice(None, -1), slice(None, 1)
    out[tuple(inner)] += x[tuple(other)]
    out[tuple(edge)] += x[tuple(edge)]
    return out


class Coded(NamedTuple):
    """What was chosen of a level's coefficients, and what they are."""

    values: NDArray[np.int16]
    """(h, w, 9)."""
    y: NDArray[np.float32]
    """(h, w, 9)."""
    white: bool
    """Whether only values of the chessboard's white fields are there."""


def joined(low: NDArray[np.float32], coded: Coded | None, factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Errors in the picture that a level makes, (C, 2h, 2w): those of a low band (C, h, w), and of what is coded.

    Args:
        coded: None if nothing is; of its channels the first 3·C count. factors: (9,) pixel values of its units.
    """
    planes, height, width = low.shape
    native = compiled.native()
    if native:
        out = np.empty((planes, 2 * height, 2 * width), np.float32)
        values, y, white = coded or (None, None, False)
        native.joined(low, values, y, factors, out, _LOW_SCALE, height, width, planes, white)
        return out
    bands = np.zeros((planes, BANDS, height, width), np.float32)
    if coded:
        wrong = (coded.values - coded.y) * factors
        if coded.white:
            wrong[np.indices((height, width)).sum(0) % 2 == 1] = 0
        bands = wrong.transpose(2, 0, 1)[: BANDS * planes].reshape(bands.shape)
    left, right = _inverse(low / _LOW_SCALE, bands[:, 1], 1), _inverse(bands[:, 0], bands[:, 2], 1)
    return _inverse(left, right, 2)


def pulled(
    x: NDArray[np.float32], factors: NDArray[np.float32], y: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Coefficients y (h, w, 9) less what the transpose of `joined`, but for the borders, makes of x (C, 2h, 2w).

    Args:
        factors: (3·C,) of that. out: (h, w, 9) receives the first 3·C channels.
    """
    native, planes = compiled.native(), len(x)
    height, width, _ = y.shape
    if native:
        native.pulled(x, factors, y, out, height, width, planes)
        return
    left, right = _transposed(x[:, :, 0::2], x[:, :, 1::2], 2)
    _, vertical = _transposed(left[:, 0::2], left[:, 1::2], 1)
    horizontal, diagonal = _transposed(right[:, 0::2], right[:, 1::2], 1)
    found = np.stack([horizontal, vertical, diagonal], 1).reshape(BANDS * planes, height, width).transpose(1, 2, 0)
    out[..., : BANDS * planes] = y[..., : BANDS * planes] - found * factors


def _inverse(low: NDArray[np.float32], high: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    low = low - _DELTA * _around(high, axis, -1)
    high = high - _GAMMA * _around(low, axis, 1)
    low -= _BETA * _around(high, axis, -1)
    high -= _ALPHA * _around(low, axis, 1)
    shape = list(low.shape)
    shape[axis] *= 2
    return np.stack([low, high], axis + 1).reshape(shape)


def _transposed(
    even: NDArray[np.float32], odd: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    even = even - _ALPHA * _around(odd, axis, -1)
    odd = odd - _BETA * _around(even, axis, 1)
    even -= _GAMMA * _around(odd, axis, -1)
    odd -= _DELTA * _around(even, axis, 1)
    return even, odd
