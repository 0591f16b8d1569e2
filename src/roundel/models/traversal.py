"""The order in which a pyramid's samples are coded: one walk that encoders, decoders and previews share.

From one pixel to the whole picture, level by level; within a level phases d, b, c; within a phase luma, then chroma.
The walk asks a `Samples` for each group; an encoder knows them, a decoder reads them, a preview makes them up.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.entropy.mixture import UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.nets.pyramid import PHASES, Prediction, Pyramid, edged, luma_residual

PASSES = 6
"""All levels from the fourth finest down, the third, the second, and phases d, b, c of the finest."""
LUMA, CHROMA = slice(0, 1), slice(1, 3)


class Group(NamedTuple):
    """Samples of one phase that are coded together: pixels [row::stride, column::stride] of some colours."""

    in_pass: int
    row: int
    column: int
    stride: int
    colours: slice


class Samples(Protocol):
    """Where the walk gets samples from."""

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """Values of a group; index, centre and result are (B, n, h, w) without the positions outside the picture."""
        ...


def level_count(height: int, width: int) -> int:
    """Halvings that bring both sides down to one pixel."""
    return max(height - 1, width - 1).bit_length()


def pass_of(level: int, phase: int) -> int:
    """The pass that a phase (0 d, 1 b, 2 c) of a level belongs to, level 0 being the finest."""
    return PASSES - 3 + phase if level == 0 else max(0, PASSES - 3 - level)


@torch.inference_mode()
def walk(net: Pyramid, samples: Samples, count: int, height: int, width: int, *, colour: bool) -> NDArray[np.int32]:
    """All samples of `count` pictures in YCoCg-R, luma centred: int32 (count, 3, height, width).

    Args:
        net: frozen. colour: whether chroma is coded; it is 0 otherwise.
    """
    levels = level_count(height, width)
    x = np.zeros((count, 3, height, width), np.int32)
    top = 1 << levels
    for colours, table in ((LUMA, UNIFORM_LUMA), (CHROMA, UNIFORM_CHROMA))[: 1 + colour]:
        index = np.full((count, colours.stop - colours.start, 1, 1), table, np.int32)
        x[:, colours, ::top, ::top] = samples.next(Group(0, 0, 0, top, colours), index, np.zeros_like(index))
    device = next(net.parameters()).device
    for level in reversed(range(levels)):
        stride = 1 << level
        known = _tensor(x[:, :, :: 2 * stride, :: 2 * stride], device)
        features = None
        for phase, (step, (row, column)) in enumerate(zip(net.steps(level), PHASES, strict=True)):
            here = x[:, :, row * stride :: 2 * stride, column * stride :: 2 * stride]
            around = edged(known)
            features, linear = step.features(around, features), step.linear_mean(around)
            where = Group(pass_of(level, phase), row * stride, column * stride, 2 * stride, LUMA)
            luma = step.luma(features, linear)
            _fill(samples, where, luma, here)
            # Beyond the border a phase continues with phase a's samples, which both sides know.
            now = known[:, :3].clone()
            h, w = here.shape[2:]
            now[:, :1, :h, :w] = _tensor(here[:, :1], device)
            if colour:
                chroma = step.chroma(features, linear, luma_residual(now[:, :1], luma.mean))
                _fill(samples, where._replace(colours=CHROMA), chroma, here)
                now[:, 1:, :h, :w] = _tensor(here[:, 1:], device)
            known = torch.cat([known, now], 1)
    return x


def _fill(samples: Samples, group: Group, predicted: Prediction, here: NDArray[np.int32]) -> None:
    """Get one group into `here`, the picture's (B, 3, h, w) view of the phase."""
    if here.size == 0:
        return
    h, w = here.shape[2:]
    mean, log_scale, tail = (p[:, :, :h, :w].cpu().numpy().astype(np.int32) for p in predicted)
    here[:, group.colours] = samples.next(group, *mixture_index(mean, log_scale, tail))


def _tensor(x: NDArray[np.int32], device: torch.device) -> Tensor:
    return torch.from_numpy(x.astype(np.float32)).to(device)
