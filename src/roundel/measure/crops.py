"""One picture through several codecs at equal bytes, cut where they err most: what figures look like."""

from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from roundel import image
from roundel.measure import metrics, ssimulacra2
from roundel.measure.curves import Point
from roundel.measure.matching import best_within
from roundel.measure.rd import Codec

CROP_PX = 256
_STRIDE_PX = 8


class Crop(NamedTuple):
    """What a codec made of a picture, and a part of it; the figures are of the whole picture."""

    codec: str
    setting: float
    file_bytes: int
    psnr_db: float
    ssimulacra2: float
    """NaN where the package is missing."""
    pixels: np.ndarray
    """uint8 (h, w, C)."""


class Exhibit(NamedTuple):
    """The same part of a picture as each codec shows it."""

    name: str
    size: tuple[int, int]
    """Width and height of the picture in pixels."""
    corner: tuple[int, int]
    """Left and top of the part in pixels."""
    original: np.ndarray
    """The part, uint8 (h, w, C)."""
    crops: tuple[Crop, ...]


def setting_near(points: Sequence[Point], codec: str, bpp: float) -> float:
    """The setting of a codec whose mean rate is nearest to so many bits a pixel, by their ratio."""
    own = [point for point in points if point.codec == codec]
    return min(own, key=lambda point: abs(np.log(point.bpp / bpp))).setting


def exhibit(
    codecs: Sequence[Codec], setting: float, file: Path, *, advance: Callable[[], object] = lambda: None
) -> Exhibit:
    """Put a picture through codecs at equal bytes.

    The first one's file at `setting` says how many; the others get their best setting that does not need more, as
    `best_within` finds it. The part that is shown is the square of 256 pixels where all of them together err most.

    Args:
        codecs: at least one.
        setting: of the first one.
        file: the picture; alpha is left out, and 16 bits are reduced to 8.
        advance: called after each codec.
    """
    pixels = image.reduce_depth(image.read(file)).pixels
    height, width = pixels.shape[:2]
    found: list[Crop] = []
    squares = np.zeros((height, width))
    for codec in codecs:
        if found:
            setting, data = best_within(codec, pixels, found[0].file_bytes)
        else:
            data = codec.encode(pixels, setting)
        decoded = codec.decode(data)
        original = np.broadcast_to(pixels, decoded.shape)  # some formats turn grey into colour
        error = np.square(original.astype(np.float32) - decoded).mean(axis=2, dtype=np.float64)
        squares += error / max(error.mean(), 1e-9)  # no codec has more say than another
        score = ssimulacra2.ssimulacra2(original, decoded) if ssimulacra2.installed() else nan
        found.append(Crop(codec.name, setting, len(data), metrics.psnr(original, decoded), score, decoded))
        advance()
    top, left = _worst(squares)
    part = np.s_[top : top + CROP_PX, left : left + CROP_PX]
    crops = tuple(crop._replace(pixels=crop.pixels[part].copy()) for crop in found)
    return Exhibit(file.name, (width, height), (left, top), pixels[part], crops)


def spread(files: Sequence[Path], count: int) -> list[Path]:
    """So many files at equal distances in a list, or all of them.

    >>> [file.name for file in spread([Path(name) for name in "abcdefg"], 3)]
    ['a', 'd', 'g']
    """
    count = min(count, len(files))
    return [files[round(i * (len(files) - 1) / max(1, count - 1))] for i in range(count)]


def _worst(squares: np.ndarray) -> tuple[int, int]:
    """Top and left of the square with the largest sum, in steps of a few pixels; at 0 along a shorter side."""
    sums = np.pad(squares, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    tops = np.arange(0, max(1, squares.shape[0] - CROP_PX + 1), _STRIDE_PX)
    lefts = np.arange(0, max(1, squares.shape[1] - CROP_PX + 1), _STRIDE_PX)
    bottoms = np.minimum(tops + CROP_PX, squares.shape[0])
    rights = np.minimum(lefts + CROP_PX, squares.shape[1])
    inside = (sums[np.ix_(bottoms, rights)] - sums[np.ix_(tops, rights)] - sums[np.ix_(bottoms, lefts)]) + sums[
        np.ix_(tops, lefts)
    ]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return int(tops[row]), int(lefts[column])
