"""How far a picture is from another, and a codec from another: PSNR, MS-SSIM, BD-rate. NumPy alone."""

import math
from typing import NamedTuple

import numpy as np

from roundel.errors import RoundelError

_BAND = 1 << 20
_WINDOW_PX = 11
_WINDOW_SIGMA = 1.5
_SCALE_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # as published; their sum is 1.0001
_C1, _C2 = 0.01**2, 0.03**2


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all samples of all channels; infinite for equal pictures.

    Args:
        first: uint8 or uint16, any shape.
        second: The same type and shape.

    Example:
        >>> round(psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 1, np.uint8)), 2)
        48.13
    """
    _check_pair(first, second)
    a, b = first.reshape(-1), second.reshape(-1)
    total = 0.0
    for start in range(
        0, a.size, _BAND
    ):  # the differences of a large picture at once would take eight times its memory
        difference = a[start : start + _BAND].astype(np.float32) - b[start : start + _BAND]
        total += float(np.square(difference, dtype=np.float64).sum())
    error = total / a.size
    return 10 * math.log10(np.iinfo(first.dtype).max ** 2 / error) if error else math.inf


def ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Multi-scale structural similarity, 1 for equal pictures; the mean over channels.

    Five scales need a smaller side of 161 px, so that the coarsest is one 11-px window wide. Smaller pictures use as
    many scales as fit, with their weights rescaled to the same sum; sides below 11 px are mirrored up to 11.

    Args:
        first: uint8 or uint16 (H, W, C) or (H, W).
        second: The same type and shape.

    Source: Wang, Simoncelli, Bovik 2003, with the negative contrast terms clipped to 0 as in pytorch-msssim.
    """
    _check_pair(first, second)
    scale = np.float32(np.iinfo(first.dtype).max)
    x, y = (a.reshape(*a.shape[:2], -1).transpose(2, 0, 1).astype(np.float32) / scale for a in (first, second))
    missing = [max(0, _WINDOW_PX - side) for side in x.shape[1:]]
    if any(missing):
        x, y = (np.pad(a, [(0, 0), (0, missing[0]), (0, missing[1])], "symmetric") for a in (x, y))
    scales = 1
    while scales < len(_SCALE_WEIGHTS) and min(x.shape[1:]) > (_WINDOW_PX - 1) << scales:
        scales += 1
    weights = _SCALE_WEIGHTS[:scales] * (_SCALE_WEIGHTS.sum() / _SCALE_WEIGHTS[:scales].sum())
    value = np.ones(x.shape[0])
    for scale_index, weight in enumerate(weights):
        structure, full = _similarity(x, y)
        last = scale_index == scales - 1
        value *= np.maximum(full if last else structure, 0) ** weight
        if not last:
            x, y = _halve(x), _halve(y)
    return float(value.mean())


def ms_ssim_db(value: float) -> float:
    """MS-SSIM on a decibel scale, −10·log10(1 − value); infinite for 1."""
    return -10 * math.log10(1 - value) if value < 1 else math.inf


def _check_pair(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape or first.dtype != second.dtype or first.dtype not in (np.uint8, np.uint16):
        raise RoundelError(
            f"two pictures of one shape and type (uint8 or uint16) were expected; found "
            f"{first.dtype} {first.shape} and {second.dtype} {second.shape}"
        )


def _similarity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per channel the means of the contrast-structure term and of the whole SSIM; x, y (C, H, W) in [0, 1]."""
    mean_x, mean_y = _blur(x), _blur(y)
    products = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    variances = _blur(x * x + y * y) - squares
    covariance = _blur(x * y) - products
    structure = (2 * covariance + _C2) / (variances + _C2)
    full = structure * (2 * products + _C1) / (squares + _C1)
    return structure.mean(axis=(1, 2), dtype=np.float64), full.mean(axis=(1, 2), dtype=np.float64)


def _blur(x: np.ndarray) -> np.ndarray:
    """The Gaussian window at every place where it fits: (C, H, W) -> (C, H − 10, W − 10)."""
    distance = np.arange(_WINDOW_PX) - _WINDOW_PX // 2
    taps = np.exp(-(distance**2) / (2 * _WINDOW_SIGMA**2))
    taps = (taps / taps.sum()).astype(x.dtype)
    height, width = x.shape[1] - _WINDOW_PX + 1, x.shape[2] - _WINDOW_PX + 1
    down = sum(tap * x[:, i : i + height] for i, tap in enumerate(taps))
    return sum(tap * down[:, :, i : i + width] for i, tap in enumerate(taps))


def _halve(x: np.ndarray) -> np.ndarray:
    """Means of 2×2 blocks; an odd side gets a border of zeros on both ends first, as in the reference code."""
    odd = [side % 2 for side in x.shape[1:]]
    x = np.pad(x, [(0, 0), (odd[0], odd[0]), (odd[1], odd[1])])
    height, width = (side // 2 * 2 for side in x.shape[1:])
    x = x[:, :height, :width]
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


class Curve(NamedTuple):
    """A codec's rate-distortion points, in any order: rates in any one unit, qualities in any, more is better."""

    rates: tuple[float, ...]
    qualities: tuple[float, ...]


class BdRate(NamedTuple):
    """The mean difference in rate at equal quality, and where the curves were compared.

    `percent` is negative where the codec needs less than the anchor; `overlap` is the compared range over the range
    that either curve covers.
    """

    percent: float
    low: float
    high: float
    overlap: float


def bd_rate(anchor: Curve, other: Curve) -> BdRate:
    """Bjøntegaard's mean rate difference of a codec against an anchor, over the qualities that both reach.

    Log-rate is interpolated over quality by PCHIP (monotone piecewise cubics), and integrated exactly.

    Raises:
        RoundelError: A curve has fewer than two points or repeats a quality, or the curves share no range of quality.

    Source: Bjøntegaard 2001 (VCEG-M33), with PCHIP in place of one cubic.
    """
    knots = [_sorted_log_rates(curve) for curve in (anchor, other)]
    starts, ends = [q[0] for q, _ in knots], [q[-1] for q, _ in knots]
    low, high = max(starts), min(ends)
    if low >= high:
        raise RoundelError(
            f"the curves share no quality ({starts[0]:.2f} to {ends[0]:.2f}, {starts[1]:.2f} to {ends[1]:.2f}); "
            "measure more settings"
        )
    means = [_pchip_integral(q, r, low, high) / (high - low) for q, r in knots]
    overlap = (high - low) / (max(ends) - min(starts))
    return BdRate(100 * math.expm1(means[1] - means[0]), low, high, overlap)


def _sorted_log_rates(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(curve.qualities)
    qualities, rates = np.asarray(curve.qualities, float)[order], np.log(np.asarray(curve.rates, float)[order])
    if len(qualities) < 2 or (np.diff(qualities) <= 0).any() or not np.isfinite([qualities, rates]).all():
        raise RoundelError("a rate-distortion curve needs two or more finite points of different quality")
    return qualities, rates


def _pchip_integral(x: np.ndarray, y: np.ndarray, low: float, high: float) -> float:
    """The integral from low to high of the PCHIP through (x, y)."""
    slopes = _pchip_slopes(x, y)

    def value(at: np.ndarray) -> np.ndarray:
        k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
        h = x[k + 1] - x[k]
        t = (at - x[k]) / h
        hermite_y = y[k] + (y[k + 1] - y[k]) * t * t * (3 - 2 * t)
        return hermite_y + h * t * (1 - t) * (slopes[k] * (1 - t) - slopes[k + 1] * t)

    breaks = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
    left, right = breaks[:-1], breaks[1:]
    pieces = value(left) + 4 * value((left + right) / 2) + value(right)  # Simpson's rule is exact for cubics
    return float(((right - left) / 6 * pieces).sum())


def _pchip_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Derivatives at the knots: weighted harmonic means inside, limited three-point formulas at the ends.

    Source: Fritsch, Butland 1984; the ends as in SLATEC's PCHIM.
    """
    h, secants = np.diff(x), np.diff(y) / np.diff(x)
    if len(x) == 2:
        return np.repeat(secants, 2)
    slopes = np.zeros(len(x))
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    same = secants[:-1] * secants[1:] > 0
    slopes[1:-1][same] = ((w1 + w2)[same]) / (w1[same] / secants[:-1][same] + w2[same] / secants[1:][same])
    slopes[0] = _end_slope(h[0], h[1], secants[0], secants[1])
    slopes[-1] = _end_slope(h[-1], h[-2], secants[-1], secants[-2])
    return slopes


def _end_slope(h0: float, h1: float, s0: float, s1: float) -> float:
    slope = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    if slope * s0 <= 0:
        return 0.0
    return 3 * s0 if s0 * s1 <= 0 and abs(slope) > 3 * abs(s0) else slope
