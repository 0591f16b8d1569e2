"""Two pictures of one size measured against each other."""

from typing import NamedTuple

import numpy as np

from roundel import image
from roundel.errors import ImageError
from roundel.image import Picture
from roundel.measure import metrics
from roundel.measure.ssimulacra2 import installed, ssimulacra2


class Figures(NamedTuple):
    """How far two pictures are apart, at 8 bits a sample, alpha left out."""

    psnr_db: float | None
    """None for equal pictures: JSON has no infinity."""
    ms_ssim: float
    ssimulacra2: float | None
    """None where the package is missing."""
    identical: bool


def figures(reference: Picture, other: Picture) -> Figures:
    """Measure two pictures; grey beside colour counts as three equal channels.

    Raises:
        ImageError: they differ in size.

    Example:
        >>> black = image.from_array(np.zeros((20, 20, 3), np.uint8))
        >>> figures(black, black).identical
        True
    """
    first, second = (image.reduce_depth(picture).pixels for picture in (reference, other))
    if first.shape[:2] != second.shape[:2]:
        sizes = [f"{pixels.shape[1]}×{pixels.shape[0]}" for pixels in (first, second)]
        raise ImageError(f"{sizes[0]} and {sizes[1]} pixels: only pictures of one size can be compared")
    shape = (*first.shape[:2], max(first.shape[2], second.shape[2]))
    first, second = (np.ascontiguousarray(np.broadcast_to(pixels, shape)) for pixels in (first, second))
    identical = bool(np.array_equal(first, second))
    return Figures(
        None if identical else round(metrics.psnr(first, second), 6),
        1.0 if identical else round(metrics.ms_ssim(first, second), 6),
        round(ssimulacra2(first, second), 4) if installed() else None,
        identical,
    )
