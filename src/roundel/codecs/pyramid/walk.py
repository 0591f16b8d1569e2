"""The order in which a pyramid's samples are coded: one walk that encoders, decoders and previews share.

From one pixel to the whole picture, level by level; within a level phases d, b, c; within a phase luma, then chroma.
The walk asks a `Samples` for each group; an encoder knows them, a decoder reads them, a preview makes them up.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.training.pyramid.net import PHASES, Place, Prediction, Pyramid, edged

PASSES = 6
"""All levels from the fourth finest down, the third, the second, and phases d, b, c of the finest."""
COLOURS, LUMA, CHROMA = slice(0, 3), slice(0, 1), slice(1, 3)


class Group(NamedTuple):
    """Samples of one phase that are coded together: pixels [row::stride, column::stride] of some colours."""

    in_pass: int
    row: int
    column: int
    stride: int
    colours: slice
    positions: NDArray[np.int64] | None = None
    """Where only some of them are meant: (picture·h + row)·w + column in the phase; one colour then."""

    def of(self, x: NDArray[np.int32]) -> NDArray[np.int32]:
        """The group's samples in pictures (B, 3, H, W): (B, n, h, w), or (1, 1, positions, 1)."""
        x = x[:, self.colours, self.row :: self.stride, self.column :: self.stride]
        return x if self.positions is None else x.reshape(1, 1, -1, 1)[:, :, self.positions]


class Samples(Protocol):
    """Where the walk gets samples from."""

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """Values of a group; index, centre and result have the shape of `group.of(x)`."""
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
            # Beyond the border a phase continues with phase a's samples, which both sides know.
            now = known[:, :3].clone()
            if here.size:
                group = Group(pass_of(level, phase), row * stride, column * stride, 2 * stride, COLOURS)
                step.code(features, linear, _Exchange(samples, group, here, now), 3 if colour else 1)
            known = torch.cat([known, now], 1)
    return x


@dataclass(frozen=True)
class _Exchange:
    """Gets the samples of one phase from a `Samples`, into the pictures and into the nets' view of the phase."""

    samples: Samples
    whole: Group
    here: NDArray[np.int32]
    """The pictures' (B, 3, h, w) view of the phase."""
    now: Tensor
    """The same on the grid of phase a, which may reach beyond the picture by a row and a column."""

    def __call__(self, place: Place, predicted: Prediction) -> Tensor:
        """Samples at a place of the grid, given their prediction there."""
        b, _, h, w = self.here.shape
        numbers = [p.cpu().numpy().astype(np.int32) for p in predicted]
        if place.positions is None:
            group = self.whole._replace(colours=place.colours)
            values = self.samples.next(group, *mixture_index(*(p[:, :, :h, :w] for p in numbers)))
            self.here[:, place.colours] = values
        else:
            picture, row, column = np.unravel_index(place.positions.cpu().numpy(), (b, *self.now.shape[2:]))
            inside = (row < h) & (column < w)
            where = np.ravel_multi_index((picture[inside], row[inside], column[inside]), (b, h, w))
            group = self.whole._replace(colours=place.colours, positions=where)
            values = self.samples.next(group, *mixture_index(*(p[:, :, inside] for p in numbers)))
            self.here[picture[inside], place.colours.start, row[inside], column[inside]] = values.ravel()
        self.now[:, place.colours, :h, :w] = _tensor(self.here[:, place.colours], self.now.device)
        return place.of(self.now)


def _tensor(x: NDArray[np.int32], device: torch.device) -> Tensor:
    return torch.from_numpy(x.astype(np.float32)).to(device)
