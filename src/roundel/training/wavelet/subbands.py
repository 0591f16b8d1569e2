"""How uncertain each wavelet coefficient is, told by those already known: coarse levels first, then neighbours.

Within a level luma comes first, on the white fields of a chessboard and then on the black ones, then the colours. All
is integer arithmetic once exported: it decides probabilities.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from roundel.codecs.wavelet.walk import VALUES
from roundel.training.wavelet.density import SKEWS
from roundel.training.wavelet.narrow import POSITIVE, SIGNED, Narrow
from roundel.training.wavelet.transform import BANDS, COLOURS
from roundel.training.wavelet.tuned import TunedTable

DETAILS = len(COLOURS) * BANDS
FEATURE_UNIT = 16
MAGNITUDE_UNIT = 16
HEAD_SCALE = 1 / 8
"""Of what the heads say, in steps of their grids."""
MAGNITUDE_MAX = 127
"""Sizes count as round(16·log2(1 + 0.8·|v|)), at most 127."""


class Shape(NamedTuple):
    """Features per level, coarsest first; knots of what varies with the quality; tunings."""

    widths: tuple[int, ...]
    anchors: int
    tunings: int


def magnitudes(symbols: Tensor) -> Tensor:
    """Integers of any shape to integers 0 … 127, on a scale of logarithms.

    The gradient is the difference to one step nearer to zero; at zero, to one step up.
    """
    return _Magnitudes.apply(symbols)


def signed(symbols: Tensor) -> Tensor:
    """Integers (B, C, h, w) to (B, 2·C, h, w): the magnitudes of positive ones, then those of negative ones."""
    return torch.cat([magnitudes(symbols.clamp(min=0)), magnitudes(-symbols.clamp(max=0))], 1)


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
    # No argument comes near a half, so that every machine rounds alike.
    return torch.floor(MAGNITUDE_UNIT * torch.log2(1 + VALUES * sizes.clamp(max=255)) + 0.5).clamp(max=MAGNITUDE_MAX)


def white_fields(height: int, width: int, device: torch.device) -> Tensor:
    """(height, width) bool: the fields of a chessboard whose row and column sum to an even number."""
    rows, columns = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)[None]
    return (rows + columns) % 2 == 0


def shuffle(x: Tensor, finer: int) -> Tensor:
    """(B, finer²·C, h, w) to (B, C, finer·h, finer·w); channel (finer·i + j)·C + c goes to row i, column j of a cell.

    Cells of a channels-last array come apart in runs of finer·C neighbours this way.
    """
    b, c, h, w = x.shape
    cells = x.permute(0, 2, 3, 1).reshape(b, h, w, finer, finer * (c // finer**2)).transpose(2, 3)
    return cells.reshape(b, h * finer, w * finer, c // finer**2).permute(0, 3, 1, 2)


class Said(NamedTuple):
    """What contexts say of a group of coefficients (B, C, h, w)."""

    scale: Tensor
    """In steps of the grid of scales, before what the band and the quality add."""
    skew: Tensor
    """Places of the skew."""


Step = Callable[[slice, Said, Tensor | None], Tensor]


class Both(nn.Module):
    """ReLU(what features say, 1×1, + what is known by now says, 3×3), each rounded to bytes before.

    Features have looked around already: nine taps of theirs would cost five times as much and say little more.
    """

    def __init__(self, features: int, known: int, width: int) -> None:
        super().__init__()
        self.features = Narrow(features, width, 1, SIGNED, bias=False)
        self.known = Narrow(known, width, 3, SIGNED)

    def forward(self, features: Tensor, known: Tensor, add: Tensor | None = None) -> Tensor:
        """(B, width, h, w). Args: add: (B, width), what the quality adds, in steps."""
        return (self.features(features) + self.known(known, add)).clamp(*POSITIVE)


class LevelContext(nn.Module):
    """The nets of one level.

    Args:
        before: features of the coarser level; 0 where this is the coarsest, which sees the residuals of the low band.
        width: features of this level.
    """

    def __init__(self, before: int, width: int, shape: Shape) -> None:
        super().__init__()
        self.finer = 2 if before else 1
        known = 2 * (DETAILS if before else len(COLOURS))
        self.before = before
        up = self.finer**2 * width
        self.up = Both(before, known, up) if before else Narrow(known, up, 3)
        self.shift = TunedTable(width, shape.anchors, shape.tunings)
        self.white = Narrow(width, width, 3)
        self.white_out = Narrow(width, 2 * BANDS, 1, None, gain=0.1, scale=HEAD_SCALE, bias=False)
        self.black = Both(width, 2 * BANDS, width)
        self.black_out = Narrow(width, 2 * BANDS, 1, None, gain=0.1, scale=HEAD_SCALE, bias=False)
        self.chroma = Both(width, 2 * BANDS, width)
        self.chroma_out = Narrow(width, 4 * BANDS, 1, None, gain=0.1, scale=HEAD_SCALE, bias=False)

    @property
    def entrance(self) -> Narrow:
        """The layer whose bias the quality adds to."""
        return self.up.known if isinstance(self.up, Both) else self.up

    def shifts(self, t: Tensor, tuning: Tensor) -> Tensor:
        """What is added to the features (B, width) at qualities t (B,), in steps; integers."""
        shifts = self.shift(t, tuning) * FEATURE_UNIT
        return shifts + (torch.round(shifts) - shifts).detach()

    def forward(self, known: Tensor, features: Tensor | None, shifts: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Walk the level.

        Args:
            known: signed magnitudes of the coarser level. features: of the coarser level. shifts: from `shifts`.
            step: called with (channels, said, fields), gives the symbols there (B, C, h, w), 0 outside `fields`.

        Returns:
            Signed magnitudes (B, 18, h, w) and features of this level.
        """
        shifts = shifts.repeat(1, self.finer**2)
        f = self.up(known, shifts) if features is None else self.up(features, known, shifts)
        f = shuffle(f, self.finer)
        board = white_fields(f.shape[2], f.shape[3], f.device)
        f = self.white(f)
        luma = slice(0, BANDS)
        white = step(luma, said(self.white_out(f)), board)
        g = self.black(f, signed(white).to(f.dtype))
        black = step(luma, said(self.black_out(g)), ~board)
        found = white + black
        h = self.chroma(g, signed(found).to(f.dtype))
        colours = step(slice(BANDS, DETAILS), said(self.chroma_out(h)), None)
        return signed(torch.cat([found, colours], 1)).to(f.dtype), h


def said(out: Tensor) -> Said:
    """Of the outputs of a head, scales first."""
    scale, skew = out.chunk(2, 1)
    return Said(scale, skew + SKEWS // 2)


class SubbandContexts(nn.Module):
    """The nets of all levels, coarsest first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.levels = nn.ModuleList(LevelContext(a, b, shape) for a, b in pairwise((0, *shape.widths)))

    def steps(self) -> list[LevelContext]:
        """The levels, for those who read types."""
        return list(self.levels)  # type: ignore[arg-type]
