"""A smaller picture by averaging: for models and tiles that cannot be decoded at a smaller size themselves."""

from dataclasses import replace

import numpy as np

from roundel.image.picture import Picture


def shrink(picture: Picture, level: int) -> Picture:
    """The picture at 1 / 2**level of its size, sides rounded up: means of squares, rounded half to even.

    Squares at the right and lower border count only the pixels that are there.

    >>> shrink(Picture(np.arange(6, dtype=np.uint8).reshape(2, 3, 1)), 1).pixels[..., 0]
    array([[2, 4]], dtype=uint8)
    """
    if level == 0:
        return picture
    alpha = None if picture.alpha is None else _means(picture.alpha[..., None], level)[..., 0]
    density = picture.resolution and picture.resolution.reduced(1 << level)
    # means are no longer samples that were scaled
    return replace(picture, pixels=_means(picture.pixels, level), alpha=alpha, resolution=density, sample_max=None)


def _means(samples: np.ndarray, level: int) -> np.ndarray:
    """Of squares of 2**level × 2**level samples (H, W, C)."""
    side = 1 << level
    height, width = samples.shape[:2]
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    sums = np.add.reduceat(np.add.reduceat(samples, rows, axis=0, dtype=np.uint64), columns, axis=1)
    counts = np.minimum(side, height - rows)[:, None, None] * np.minimum(side, width - columns)[:, None]
    return np.rint(sums / counts).astype(samples.dtype)
