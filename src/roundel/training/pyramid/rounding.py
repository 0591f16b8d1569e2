"""When a pyramid's weights are rounded: at every step of training, or once afterwards, with error feedback."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from roundel.training.exact.feedback import round_layers
from roundel.training.exact.sums import ExactSum
from roundel.training.pyramid.heads import round_head
from roundel.training.pyramid.net import Pyramid, to_ycocg
from roundel.training.pyramid.step import Step

COARSEST_PX = 4


@dataclass(frozen=True)
class Rounding:
    """The [rounding] table of a configuration."""

    in_loop: bool = True
    """Train with rounded weights; else with real ones, which are rounded when the weights file is written."""
    crops: int = 40
    """Of training pictures, for the rounding afterwards."""


def narrow_layers(net: Pyramid) -> list[ExactSum]:
    """Layers whose weights are bytes."""
    return [m for m in net.modules() if isinstance(m, ExactSum) and m.parts[0].narrow]


def set_rounding(net: Pyramid, *, on: bool) -> None:
    """Train with rounded weights or with real ones."""
    for layer in narrow_layers(net):
        layer.rounded = on


@torch.no_grad()
def round_afterwards(net: Pyramid, crops: Tensor) -> None:
    """Round weights that were trained as real ones. Args: crops: training pictures, uint8 (B, 3, S, S)."""
    set_rounding(net, on=True)
    x, generator = to_ycocg(crops.float()), torch.Generator().manual_seed(0)
    for level in range(len(net.levels)):
        pictures = [x]
        while level == len(net.levels) - 1 and pictures[-1].shape[3] > 2 * COARSEST_PX:
            pictures.append(pictures[-1][:, :, ::2, ::2])  # the last nets serve all coarser levels

        def run(pictures: list[Tensor] = pictures, level: int = level) -> None:
            for picture in pictures:
                net(picture, level)

        for step in net.steps(level):
            round_layers(_in_order(step), run, generator)
            for head in step.heads:
                round_head(head, run, generator)  # type: ignore[arg-type]
        x = x[:, :, ::2, ::2]


def _in_order(step: Step) -> Iterator[ExactSum]:
    """Narrow layers before the heads."""
    if step.carry is not None:
        yield step.carry
    for inner, outer in zip(step.inner, step.outer, strict=True):
        yield from (inner, outer)  # type: ignore[misc]
