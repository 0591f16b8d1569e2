"""The parts of a tile with the most detail: an encoder that asks what a net does to a tile asks there first."""

import numpy as np

from roundel.codecs.protocol import Window

SIDE_PX = 128
LEAST, LEAST_TAKEN = 8, 2
"""Of fewer squares the whole is taken; and so many at least."""


def detailed(pixels: np.ndarray, part: int) -> list[Window]:
    """Squares of a tile (H, W, 3) in which neighbours differ most, one in `part`, or the whole where it is small."""
    height, width = pixels.shape[:2]
    rows, columns = height // SIDE_PX, width // SIDE_PX
    if rows * columns < LEAST:
        return [Window(0, 0, height, width)]
    green = pixels[: rows * SIDE_PX : 2, : columns * SIDE_PX, 1].astype(np.int16)
    differences = np.zeros(green.shape, np.int16)
    differences[:, 1:] = np.abs(np.diff(green, axis=1))
    detail = differences.reshape(rows, SIDE_PX // 2, columns, SIDE_PX).sum((1, 3), np.int64)
    most = np.argsort(-detail, axis=None, kind="stable")[: max(rows * columns // part, LEAST_TAKEN)]
    corners = (divmod(place, columns) for place in most.tolist())
    return [Window(SIDE_PX * row, SIDE_PX * column, SIDE_PX, SIDE_PX) for row, column in corners]


def cut(pixels: np.ndarray, window: Window) -> np.ndarray:
    """A window of an array, in one piece."""
    return np.ascontiguousarray(pixels[window.top :, window.left :][: window.height, : window.width])
