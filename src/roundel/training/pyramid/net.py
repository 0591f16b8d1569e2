"""The lossless flow: a pyramid whose every 2×2 phase is predicted from the phases already known.

A picture's pixels at even rows and columns (phase a) are the next, coarser picture; the other three follow in the
order d, b, c, each predicted from all before it. As a flow, every step is a triangular integer coupling whose residual
keeps a conditional scale.

Everything is integer-valued: pixels YCoCg-R with luma centred at 0, features in 0..255, and heads whose outputs are
sixteenths of a sample (means) and 1/64 of a natural-log unit (scales) or of a logit (tail weights).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from roundel.training.pyramid.step import Prediction, Step, edged

PHASES = ((1, 1), (0, 1), (1, 0))
"""(row, column) of phases d, b, c in their 2×2 cell, in coding order."""


@dataclass(frozen=True)
class PyramidShape:
    """Sizes: features of each level, finest first, the last serving all coarser ones; residual blocks; head width."""

    widths: tuple[int, ...] = (64, 64, 48)
    blocks: int | tuple[int, int, int] = 1
    """Of every step, or of the steps of phases d, b, c."""
    head: int = 64
    term_step: int = 1
    """1 or 2: what is added to features counts in so many units, and reaches 128 of them."""


class Pyramid(nn.Module):
    """All steps of all levels; level 0 is the finest."""

    def __init__(self, shape: PyramidShape) -> None:
        super().__init__()
        self.shape = shape
        blocks = (shape.blocks,) * 3 if isinstance(shape.blocks, int) else shape.blocks
        self.levels = nn.ModuleList(
            nn.ModuleList(Step(k + 1, width * (k > 0), width, blocks[k], shape.head, shape.term_step) for k in range(3))
            for width in shape.widths
        )

    def steps(self, level: int) -> Sequence[Step]:
        """The nets of phases d, b, c at a level, level 0 being the finest."""
        return self.levels[min(level, len(self.levels) - 1)]  # type: ignore[return-value]

    def forward(self, x: Tensor, level: int = 0) -> tuple[Tensor, Prediction]:
        """Samples of phases d, b, c and their distributions, for one level whose samples are all known.

        Args:
            x: (B, 3, H, W) YCoCg-R, luma centred, H and W even. level: whose nets to use.

        Returns:
            (N,) samples and their prediction, in the order of coding.
        """
        known, f = x[:, :, 0::2, 0::2], None
        samples: list[Tensor] = []
        predictions: list[Prediction] = []
        for step, (row, column) in zip(self.steps(level), PHASES, strict=True):
            around = edged(known).contiguous(memory_format=torch.channels_last)
            now = x[:, :, row::2, column::2]
            f = step.features(around, f)
            found = step.predict(f, step.linear_mean(around), now)
            samples += found[0]
            predictions += found[1]
            known = torch.cat([known, now], 1)
        return torch.cat(samples), Prediction(*(torch.cat(p) for p in zip(*predictions, strict=True)))


def to_ycocg(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) RGB 0..255 as float to YCoCg-R with luma less 128, as float: Y −128..127, Co and Cg −255..255."""
    r, g, b = rgb.unbind(1)
    co = r - b
    t = b + torch.floor(co / 2)
    cg = g - t
    return torch.stack([t + torch.floor(cg / 2) - 128, co, cg], 1)
