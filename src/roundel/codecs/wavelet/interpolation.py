"""Lossless prediction of a small picture from coarse to fine: each sample is guessed from the known ones around it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STAGES = 9
"""Kinds of stages that statistics tell apart: the first sample, then the finest four strides, diagonals and sides."""

_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))


class Stage(NamedTuple):
    """Samples that are known at the same time."""

    kind: int
    """0 … STAGES − 1; stages with strides beyond the fourth share the kinds of the fourth."""
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    """Where they are, in raster order."""
    stride: int
    """Distance of the neighbours that they are guessed from; 0 for the first sample."""
    around: tuple[tuple[int, int], ...]


def stages(height: int, width: int) -> Iterator[Stage]:
    """The stages of a picture, in order: every sample is in exactly one."""
    zero = np.zeros(1, np.intp)
    yield Stage(0, zero, zero, 0, ())
    stride = 1 << max(height - 1, width - 1, 0).bit_length()
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    while stride > 1:
        step = stride // 2
        kind = max(STAGES - 2 * step.bit_length(), 1)
        odd_rows, odd_columns = rows % stride == step, columns % stride == step
        even_rows, even_columns = rows % stride == 0, columns % stride == 0
        diagonal = np.nonzero(odd_rows & odd_columns)
        yield Stage(kind, diagonal[0], diagonal[1], step, _DIAGONAL)
        sides = np.nonzero((odd_rows & even_columns) | (even_rows & odd_columns))
        yield Stage(kind + 1, sides[0], sides[1], step, _SIDES)
        stride = step


def predict(x: NDArray[np.int32], stage: Stage) -> NDArray[np.int32]:
    """(N, C) means, rounded, of those neighbours of a stage's samples that lie inside the picture x (h, w, C)."""
    height, width, channels = x.shape
    total = np.zeros((len(stage.rows), channels), np.int64)
    count = np.zeros((len(stage.rows), 1), np.int64)
    for dy, dx in stage.around:
        rows, columns = stage.rows + dy * stage.stride, stage.columns + dx * stage.stride
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        total += np.where(inside[:, None], x[rows.clip(0, height - 1), columns.clip(0, width - 1)], 0)
        count += inside[:, None]
    count = np.maximum(count, 1)
    return ((2 * total + count) // (2 * count)).astype(np.int32)
