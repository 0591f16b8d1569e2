"""Lossless prediction of a small picture from coarse to fine: each sample is guessed from the known ones around it."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

STAGES = 9
"""Kinds of stages that statistics tell apart: the first sample, then the finest four strides, diagonals and sides."""

_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))


class Stage(NamedTuple):
    """Samples that are known at the same time."""

    kind: int
    """0 … STAGES − 1; stages with strides beyond the fourth share the kinds of the fourth."""
    fields: Tensor
    """(h, w) bool: the samples of this stage."""
    stride: int
    """Distance of the neighbours that they are guessed from; 0 for the first sample."""
    around: tuple[tuple[int, int], ...]


def stages(height: int, width: int, device: torch.device) -> Iterator[Stage]:
    """The stages of a picture, in order: every sample is in exactly one."""
    rows, columns = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)[None]
    yield Stage(0, (rows == 0) & (columns == 0), 0, ())
    stride = 1 << max(height - 1, width - 1, 0).bit_length()
    while stride > 1:
        step = stride // 2
        kind = max(STAGES - 2 * step.bit_length(), 1)
        odd_rows, odd_columns = rows % stride == step, columns % stride == step
        even_rows, even_columns = rows % stride == 0, columns % stride == 0
        yield Stage(kind, odd_rows & odd_columns, step, _DIAGONAL)
        yield Stage(kind + 1, (odd_rows & even_columns) | (even_rows & odd_columns), step, _SIDES)
        stride = step


def predict(x: Tensor, stage: Stage) -> Tensor:
    """Rounded means of the neighbours that lie inside the picture, meaningful in the stage's fields.

    Args:
        x: (B, C, h, w) integer-valued; samples of this and later stages do not matter there.
    """
    height, width = x.shape[2:]
    total, count = torch.zeros_like(x), x.new_zeros(height, width)
    for row, column in stage.around:
        dy, dx = row * stage.stride, column * stage.stride
        if abs(dy) >= height or abs(dx) >= width:
            continue
        here = (..., slice(max(-dy, 0), height - max(dy, 0)), slice(max(-dx, 0), width - max(dx, 0)))
        there = (..., slice(max(dy, 0), height - max(-dy, 0)), slice(max(dx, 0), width - max(-dx, 0)))
        total[here] += x[there]
        count[here] += 1
    count.clamp_(min=1)
    return torch.floor((2 * total + count) / (2 * count))


def residuals(x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, h, w) integer-valued samples to their residuals and the kinds (h, w) of their stages."""
    out, kinds = torch.zeros_like(x), torch.zeros(x.shape[2:], dtype=torch.long, device=x.device)
    for stage in stages(x.shape[2], x.shape[3], x.device):
        out = torch.where(stage.fields, x - predict(x, stage), out)
        kinds[stage.fields] = stage.kind
    return out, kinds
