"""SSIMULACRA2 and its slope: which way a decoded picture should change to look more like its original.

Only encoders that take their time ask. At all borders lies black, where the original has mirrors above and below.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
F = TypeVar("F", bound=np.floating)

CONES = ((0.30, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.55180986650955360))
"""What three cones absorb of linear RGB: the opponent space of JPEG XL, XYB, is made of their cube roots."""
BIAS = 0.0037930732552754493
SHIFTS = 0.42, 0.01, 0.55
"""What makes X, which counts `RED_GREEN` times, Y and B − Y positive."""
RED_GREEN = 14
C2 = 0.0009
"""Keeps ratios of variances finite: next to it they count as none."""
TAPS = np.exp(-(np.arange(6) ** 2) / (2 * 1.5**2)) / np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2)).sum()
"""Of a Gaussian of σ = 1.5, its middle and one side."""

X, Y, B = 0, 1, 2
MEAN, FOURTH = 0, 1
STRUCTURE, ARTIFACT, LOST = 0, 1, 2
WEIGHTS = {
    (0, Y): ((FOURTH, STRUCTURE, 7.466890), (FOURTH, LOST, 17.445834)),
    (1, X): ((FOURTH, STRUCTURE, 1.104173),),
    (1, Y): ((FOURTH, STRUCTURE, 6.683678), (FOURTH, LOST, 1.027890)),
    (2, X): ((FOURTH, STRUCTURE, 1.842246), (FOURTH, ARTIFACT, 11.441173)),
    (2, Y): ((MEAN, STRUCTURE, 225.205153), (FOURTH, STRUCTURE, 19.213238)),
    (3, X): ((FOURTH, STRUCTURE, 1.878759), (FOURTH, ARTIFACT, 10.949070)),
    (3, Y): ((MEAN, STRUCTURE, 176.393176), (FOURTH, STRUCTURE, 24.433010), (FOURTH, ARTIFACT, 0.285208)),
    (3, B): ((FOURTH, STRUCTURE, 8.826983), (FOURTH, ARTIFACT, 23.192433)),
    (4, X): ((MEAN, ARTIFACT, 0.967794), (FOURTH, ARTIFACT, 0.998177)),
    (4, Y): ((FOURTH, STRUCTURE, 34.779063), (FOURTH, ARTIFACT, 44.835625)),
    (4, B): ((MEAN, STRUCTURE, 95.108050), (MEAN, ARTIFACT, 0.986398), (MEAN, LOST, 0.983438),
             (FOURTH, ARTIFACT, 171.266726), (FOURTH, LOST, 0.980786)),
}  # fmt: skip
"""SSIMULACRA2 at (scale, channel): (norm, term, weight); the 73 weights below 0.01 are left out.

Source: Sneyers 2022, SSIMULACRA 2.1.
"""
SCALES, QUARTER = 5, np.float32(0.25)


class _Original(NamedTuple):
    """What is known of a channel of the original at a scale, (h, w) each."""

    own: Map
    mean: Map
    square: Map
    """Mean of squares."""
    edge: Map
    """1 / (1 + |own − mean|)."""


class Eye:
    """Looks at decoded pictures beside their original.

    Args:
        original: uint8 (H, W, 3), sides multiples of 16.
    """

    def __init__(self, original: NDArray[np.uint8]) -> None:
        light = _light(original)
        self._originals: list[dict[int, _Original]] = []
        for scale in range(SCALES):
            opponent, _ = _xyb(light)
            self._originals.append({c: _known(opponent[c]) for c in (X, Y, B) if (scale, c) in WEIGHTS})
            light = _halved(light)

    def look(self, decoded: NDArray[np.uint8]) -> tuple[float, Map]:
        """The distance behind SSIMULACRA2, 0 for the original, and its slope for each sample, (H, W, 3)."""
        lights = [_light(decoded)]
        for _ in range(SCALES - 1):
            lights.append(_halved(lights[-1]))
        distance, slope = self._at(SCALES - 1, lights[-1])
        for scale in reversed(range(SCALES - 1)):
            found, own = self._at(scale, lights[scale])
            distance, slope = distance + found, own + slope.repeat(2, 1).repeat(2, 2) * QUARTER
        return distance, np.ascontiguousarray(slope.transpose(1, 2, 0)) * _LIGHT_SLOPE.take(decoded)

    def _at(self, scale: int, light: Map) -> tuple[float, Map]:
        """Of one scale, as a function of its linear light (3, h, w)."""
        opponent, roots = _xyb(light)
        distance, slopes = 0.0, np.zeros_like(opponent)
        for channel, original in self._originals[scale].items():
            found, slopes[channel] = _compared(original, opponent[channel], WEIGHTS[scale, channel])
            distance += found
        x, y, blue = slopes
        middle = (y - blue) / 2
        red_green = x * np.float32(RED_GREEN / 2)
        cones = np.stack([middle + red_green, middle - red_green, blue]) / (3 * np.square(roots))
        return distance, np.tensordot(_CONES.T, cones, 1)


def _compared(a: _Original, b: Map, weights: tuple[tuple[int, int, float], ...]) -> tuple[float, Map]:
    """Distance and its slope of one channel at one scale."""
    mean, square, product = _blurred(b), _blurred(b * b), _blurred(a.own * b)
    apart, against = a.mean - mean, square + a.square - mean * mean - a.mean * a.mean + np.float32(C2)
    alike, with_it = 1 - apart * apart, 2 * (product - a.mean * mean) + np.float32(C2)
    offset = b - mean
    terms = {STRUCTURE: 1 - alike * with_it / against, ARTIFACT: (1 + np.abs(offset)) * a.edge - 1}
    terms[LOST] = -terms[ARTIFACT]
    distance, slopes = 0.0, {term: np.float32(0) for term in terms}
    for norm, term, weight in weights:
        found = np.maximum(terms[term], 0)
        if norm == MEAN:
            distance += weight * float(found.mean())
            slopes[term] = slopes[term] + (terms[term] > 0) * np.float32(weight / b.size)
        else:
            fourth = float(np.square(np.square(found)).mean()) + 1e-20
            distance += weight * fourth**0.25
            slopes[term] = slopes[term] + found**3 * np.float32(weight / b.size / fourth**0.75)
    to_product = slopes[STRUCTURE] * alike / against
    to_square = to_product * with_it / against
    to_edge = np.sign(offset) * a.edge * (slopes[ARTIFACT] - slopes[LOST])
    to_mean = 2 * (to_product * a.mean - to_square * mean - slopes[STRUCTURE] * with_it / against * apart) - to_edge
    return distance, to_edge + _blurred(to_mean) + 2 * (b * _blurred(to_square) - a.own * _blurred(to_product))


def _known(own: Map) -> _Original:
    mean = _blurred(own)
    return _Original(own, mean, _blurred(own * own), 1 / (1 + np.abs(own - mean)))


def _xyb(light: Map) -> tuple[Map, Map]:
    """Linear light (3, h, w) to X, Y and B − Y, and the cube roots that they are made of."""
    roots = np.cbrt(np.tensordot(_CONES, light, 1) + np.float32(BIAS))
    long, middle, short = roots
    y = (long + middle) / 2
    parts = (long - middle) * np.float32(RED_GREEN / 2), y - np.float32(BIAS ** (1 / 3)), short - y
    return np.stack([part + np.float32(shift) for part, shift in zip(parts, SHIFTS, strict=True)]), roots


def _blurred(x: Map) -> Map:
    """By `TAPS`, black beyond; it is its own transpose."""
    for _ in (0, 1):
        wide = np.pad(x, ((TAPS.size - 1, TAPS.size - 1), (0, 0)))
        n, middle = len(x), TAPS.size - 1
        x = wide[middle : middle + n] * np.float32(TAPS[0])
        for distance in range(1, TAPS.size):
            x += (wide[middle - distance :][:n] + wide[middle + distance :][:n]) * np.float32(TAPS[distance])
        x = np.ascontiguousarray(x.T)
    return x


def linear(srgb: NDArray[F]) -> NDArray[F]:
    """sRGB to linear light, both in [0, 1]."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _halved(light: Map) -> Map:
    """Means of 2 × 2, (3, h, w)."""
    rows = light[:, 0::2] + light[:, 1::2]
    return (rows[:, :, 0::2] + rows[:, :, 1::2]) * QUARTER


_CONES = np.array(CONES, np.float32)
_SRGB: NDArray[np.float64] = np.arange(256) / 255
_LIGHT: Map = linear(_SRGB).astype(np.float32)
_BRIGHTENING = np.where(_SRGB <= 0.04045, 1 / 12.92, 2.4 / 1.055 * ((_SRGB + 0.055) / 1.055) ** 1.4)
_LIGHT_SLOPE: Map = (_BRIGHTENING / 255).astype(np.float32)


def _light(pixels: NDArray[np.uint8]) -> Map:
    """sRGB (H, W, 3) to linear light (3, H, W)."""
    return _LIGHT.take(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
