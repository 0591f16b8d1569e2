"""How uncertain each wavelet coefficient is, told by those already known: coarse levels first, then neighbours.

Within a level luma comes first, on the white fields of a chessboard and then on the black ones, then the colours. All
is exact integer arithmetic once frozen: it decides probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.exact import round_ste
from roundel.training.exact.sums import ExactSum, Part
from roundel.training.nets.quality import QualityTable
from roundel.training.wavelet.transform import BANDS

FEATURE_MAX = 255
MAGNITUDE_UNIT = 16
MAGNITUDE_MAX = 127
"""Magnitudes count as round(16·log2(1 + |s|)), at most 127."""
OUT_MAX = 1023
INDEX_UNIT = 8
"""Heads count in eighths of a step of the grid of scales."""


@dataclass(frozen=True)
class SubbandShape:
    """Features per level, coarsest first."""

    widths: tuple[int, ...] = (48, 48, 48, 32, 24)

    @property
    def levels(self) -> int:
        return len(self.widths)


def magnitudes(symbols: Tensor) -> Tensor:
    """Integers of any shape to integers 0 … 127, on a scale of logarithms.

    The gradient is the difference to one step nearer to zero; at zero, to one step up.
    """
    return _Magnitudes.apply(symbols)


class _Magnitudes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, symbols: Tensor) -> Tensor:
        ctx.save_for_backward(symbols)
        return _logarithms(symbols.abs())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (symbols,) = ctx.saved_tensors
        size = symbols.abs().clamp(min=1)
        return gradient * (_logarithms(size) - _logarithms(size - 1)) * torch.where(symbols < 0, -1, 1)


def _logarithms(sizes: Tensor) -> Tensor:
    # Powers of two fall on whole numbers; no other argument comes near a half, so that every machine rounds alike.
    return torch.floor(MAGNITUDE_UNIT * torch.log2(1 + sizes.clamp(max=255)) + 0.5).clamp(max=MAGNITUDE_MAX)


def white_fields(height: int, width: int, device: torch.device) -> Tensor:
    """(height, width) bool: the fields of a chessboard whose row and column sum to an even number."""
    rows, columns = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)[None]
    return (rows + columns) % 2 == 0


class LevelContext(nn.Module):
    """The nets of one level.

    Args:
        before: features of the coarser level; 0 where this is the coarsest, which sees the residuals of the low band.
        width: features of this level.
    """

    def __init__(self, before: int, width: int, anchors: int) -> None:
        super().__init__()
        self.finer = 2 if before else 1
        relu = (0, FEATURE_MAX)
        features, signed = Part(width, 3, FEATURE_MAX), (-OUT_MAX, OUT_MAX)
        point, luma = Part(width, 1, FEATURE_MAX), Part(BANDS, 3, MAGNITUDE_MAX)
        above = (
            [Part(3 * BANDS, 3, MAGNITUDE_MAX), Part(before, 1, FEATURE_MAX)] if before else [Part(3, 3, MAGNITUDE_MAX)]
        )
        self.up = ExactSum(above, self.finer**2 * width, relu)
        self.shift = QualityTable(width, anchors)
        self.white = ExactSum([features], width, relu)
        self.white_out = ExactSum([point], BANDS, signed, unit=INDEX_UNIT, gain=0.1)
        self.black = ExactSum([point, luma], width, relu)
        self.black_out = ExactSum([point], BANDS, signed, unit=INDEX_UNIT, gain=0.1)
        self.chroma = ExactSum([features, luma], width, relu)
        self.chroma_out = ExactSum([point], 2 * BANDS, signed, unit=INDEX_UNIT, gain=0.1)

    def offsets(self, t: Tensor) -> Tensor:
        """Integer offsets (B, width) of the features at qualities t (B,)."""
        return round_ste(self.shift(t) * 16).clamp(-FEATURE_MAX, FEATURE_MAX)

    def forward(
        self, coarse: list[Tensor], offsets: Tensor, step: Callable[[slice, Tensor, Tensor | None], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Walk the level.

        Args:
            coarse: magnitudes and features of the coarser level. offsets: (B, width), from `offsets`.
            step: called with (channels, index, fields), gives the symbols there (B, C, h, w), 0 outside `fields`.

        Returns:
            Magnitudes (B, 9, h, w) and features of this level.
        """
        offsets = offsets.repeat_interleave(self.finer**2, 1)[:, :, None, None]
        f = F.pixel_shuffle(self.up(*coarse, add=offsets), self.finer)
        board = white_fields(f.shape[2], f.shape[3], f.device)
        f = self.white(f)
        luma = slice(0, BANDS)
        white = step(luma, self.white_out(f), board)
        g = self.black(f, magnitudes(white), add=f)
        black = step(luma, self.black_out(g), ~board)
        found = magnitudes(white + black)
        h = self.chroma(g, found, add=g)
        colours = step(slice(BANDS, 3 * BANDS), self.chroma_out(h), None)
        return torch.cat([found, magnitudes(colours)], 1), h


class SubbandContexts(nn.Module):
    """The nets of all levels, coarsest first."""

    def __init__(self, shape: SubbandShape, anchors: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(LevelContext(a, b, anchors) for a, b in pairwise((0, *shape.widths)))

    def steps(self) -> list[LevelContext]:
        """The levels, for those who read types."""
        return list(self.levels)  # type: ignore[arg-type]
