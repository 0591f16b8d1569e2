"""RGB in whole numbers as luma and two colour differences, and back; docs/format.md, "Colour"."""

import numpy as np
from numpy.typing import NDArray

LUMA_CENTRE = 128


def to_ycocg(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(B, H, W, 3) RGB, or (B, H, W, 1) grey, to (B, 3, H, W) YCoCg-R with luma centred at 0."""
    x = np.zeros((len(pixels), 3, *pixels.shape[1:3]), np.int16)
    y, co, cg = x[:, 0], x[:, 1], x[:, 2]
    if pixels.shape[3] == 1:
        np.subtract(pixels[..., 0], LUMA_CENTRE, out=y, dtype=np.int16)
        return x
    red, green, blue = (pixels[..., c] for c in range(3))
    np.subtract(red, blue, out=co, dtype=np.int16)
    np.right_shift(co, 1, out=y)
    y += blue
    np.subtract(green, y, out=cg, dtype=np.int16)
    y += cg >> 1
    y -= LUMA_CENTRE
    return x


def from_ycocg(x: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The inverse of `to_ycocg`, (B, H, W, 3); a preview's colours may lie outside RGB and are clipped."""
    y, co, cg = x[:, 0], x[:, 1], x[:, 2]
    pixels = np.empty((*y.shape, 3), np.uint8)
    rest = y + LUMA_CENTRE - (cg >> 1)
    pixels[..., 1] = np.clip(rest + cg, 0, 255)
    rest -= co >> 1
    pixels[..., 2] = np.clip(rest, 0, 255)
    rest += co
    pixels[..., 0] = np.clip(rest, 0, 255)
    return pixels
