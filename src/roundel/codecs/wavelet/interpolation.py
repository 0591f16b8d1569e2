"""Lossless prediction of a small picture from coarse to fine: each sample is guessed from the known ones around it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STAGES = 9
"""Kinds of stages that statistics tell apart: the first sample, then the finest four strides, diagonals and sides."""

_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))


class Stage(NamedTuple):
    """Samples that are known at the same time; N of them."""

    kind: int
    """0 … STAGES − 1; stages with strides beyond the fourth share the kinds of the fourth."""
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    """(N,) where they are, in raster order."""
    around: NDArray[np.intp]
    """(4, N) where the neighbours are that they are guessed from, in the picture as one row; outside it, anywhere."""
    inside: NDArray[np.int32]
    """(4, N, 1) 1 for neighbours inside the picture, 0 for others."""
    known: NDArray[np.int32]
    """(N, 1) of those inside, at least 1."""


@lru_cache(maxsize=16)
def stages(height: int, width: int) -> tuple[Stage, ...]:
    """The stages of a picture, in order: every sample is in exactly one."""
    zero = np.zeros(1, np.intp)
    found = [_stage(0, zero, zero, 0, _SIDES, height, width)._replace(inside=np.zeros((4, 1, 1), np.int32))]
    stride = 1 << max(height - 1, width - 1, 0).bit_length()
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    while stride > 1:
        step = stride // 2
        kind = max(STAGES - 2 * step.bit_length(), 1)
        odd_rows, odd_columns = rows % stride == step, columns % stride == step
        even_rows, even_columns = rows % stride == 0, columns % stride == 0
        y, x = np.nonzero(odd_rows & odd_columns)
        found.append(_stage(kind, y, x, step, _DIAGONAL, height, width))
        y, x = np.nonzero((odd_rows & even_columns) | (even_rows & odd_columns))
        found.append(_stage(kind + 1, y, x, step, _SIDES, height, width))
        stride = step
    return tuple(found)


def _stage(
    kind: int,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    stride: int,
    around: tuple[tuple[int, int], ...],
    height: int,
    width: int,
) -> Stage:
    down, across = (np.array(steps)[:, None] * stride for steps in zip(*around, strict=True))
    y, x = rows + down, columns + across
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    where = y.clip(0, height - 1) * width + x.clip(0, width - 1)
    known = np.maximum(inside.sum(0), 1).astype(np.int32)
    return Stage(kind, rows, columns, where, inside[:, :, None].astype(np.int32), known[:, None])


def predict(x: NDArray[np.int32], stage: Stage) -> NDArray[np.int32]:
    """(N, C) means, rounded, of those neighbours of a stage's samples that lie inside the picture x (h, w, C)."""
    flat = x.reshape(-1, x.shape[2])
    total = (flat.take(stage.around, 0) * stage.inside).sum(0, dtype=np.int64)
    return ((2 * total + stage.known) // (2 * stage.known)).astype(np.int32)
