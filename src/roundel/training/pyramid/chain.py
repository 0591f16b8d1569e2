"""A pyramid's step that codes a phase in six groups: luma, Co, Cg, each first on the black squares, then on the white.

Neighbours within a phase are no longer independent given what came before: residuals of pictures that hold little
detail at the highest frequencies alternate in sign. And Cg learns from Co how much colour there is to expect.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.exact.sums import ExactSum, Part
from roundel.training.pyramid.net import (
    FEATURE_MAX,
    LOG_UNIT,
    MEAN_UNIT,
    OUT_MAX,
    PIXEL_MAX,
    Place,
    Prediction,
    luma_residual,
    start_from_nearest,
)

COLOURS = 3


class _Reorder(torch.autograd.Function):
    """Rows in another order; a gather both ways, where autograd's own backward would scatter and add."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return gradient.index_select(0, torch.empty_like(order).index_copy_(0, order, _count(order))), None


class Head(nn.Module):
    """Mean, scale and tail weight of one group from features and residuals around."""

    def __init__(self, width: int, head: int, planes: int) -> None:
        super().__init__()
        around = [Part(9 * planes, 1, PIXEL_MAX)] if planes else []
        self.hidden = ExactSum([Part(width, 1, FEATURE_MAX, balanced=1), *around], head, (0, FEATURE_MAX))
        self.out = ExactSum([Part(head, 1, FEATURE_MAX)], 3, (-OUT_MAX, OUT_MAX), unit=LOG_UNIT, gain=0.1)

    def forward(self, f: Tensor, linear: Tensor, *around: Tensor) -> Prediction:
        """Distributions at the positions of `f`. Args: linear: the linear part of the means."""
        mean, log_scale, tail = self.out(self.hidden(f, *around)).float().chunk(3, 1)
        return Prediction(linear + mean, log_scale, tail)


class ChainStep(nn.Module):
    """Predicts one phase from `known` phases and the features of the step before."""

    def __init__(self, known: int, carried: int, width: int, blocks: int, head: int) -> None:
        super().__init__()
        pixels = Part(3 * known, 3, PIXEL_MAX, padded=True)
        # Features are never negative: what they have in common would drown what sets them apart.
        features, point = Part(width, 3, FEATURE_MAX, balanced=1), Part(width, 1, FEATURE_MAX, balanced=1)
        relu, both = (0, FEATURE_MAX), (-FEATURE_MAX, FEATURE_MAX)
        self.linear = nn.ModuleList([ExactSum([pixels], 3, (-OUT_MAX, OUT_MAX), unit=MEAN_UNIT, scaled=True)])
        self.enter = ExactSum([pixels._replace(balanced=3)], width, relu)
        self.carry = ExactSum([point], width, both) if carried else None
        self.inner = nn.ModuleList(ExactSum([features], width, relu) for _ in range(blocks))
        self.outer = nn.ModuleList(ExactSum([features], width, relu, gain=0.1) for _ in range(blocks))
        self.heads = nn.ModuleList(Head(width, head, planes) for planes in (0, 1, 1, 2, 2, 3))
        with torch.no_grad():
            self.enter.weights[0].mul_(2)
            start_from_nearest(self.linear[0].weights[0], known)  # type: ignore[index]

    def features(self, known: Tensor, carried: Tensor | None) -> Tensor:
        """Features of this step, (B, width, h, w); arguments as `Step.features`."""
        f = self.enter(known, add=None if carried is None or self.carry is None else self.carry(carried))
        for inner, outer in zip(self.inner, self.outer, strict=True):
            f = outer(inner(f), add=f)
        return f

    def linear_mean(self, known: Tensor) -> Tensor:
        """Linear part of the means, (B, 3, h, w); in float32 while training, since bfloat16 cannot hold its digits."""
        with torch.autocast(known.device.type, enabled=False):
            return self.linear[0](known)

    def code(self, f: Tensor, linear: Tensor, exchange: Callable[[Place, Prediction], Tensor], colours: int) -> None:
        """See `Step.code`."""
        b, _, h, w = f.shape
        places = checkerboard(b, h, w, f.device)
        order, sizes = torch.cat(places), [len(p) for p in places]
        rows = _Reorder.apply(_rows(f), order).split(sizes)
        means = _Reorder.apply(_rows(linear), order).split(sizes)
        residual = torch.zeros(b * h * w, COLOURS, device=f.device)
        for i, head in enumerate(self.heads[: 2 * colours]):
            colour, white = divmod(i, 2)
            here = places[white]
            if not len(here):
                continue
            around = [_picture(_around(residual[:, : colour + white], b, h, w)[here])] if i else []
            predicted = head(_picture(rows[white]), _picture(means[white][:, colour : colour + 1]), *around)
            values = exchange(Place(slice(colour, colour + 1), here), predicted)
            residual[here, colour] = luma_residual(values, predicted.mean.detach()).flatten()


def checkerboard(b: int, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions (picture·h + row)·w + column of the black squares, then of the white, ascending."""
    odd = (torch.arange(h, device=device)[:, None] + torch.arange(w, device=device)) % 2
    first = torch.arange(b, device=device)[:, None] * (h * w)
    black, white = ((first + torch.nonzero(odd.flatten() == k).flatten()).flatten() for k in (0, 1))
    return black, white


def _count(order: Tensor) -> Tensor:
    return torch.arange(len(order), device=order.device)


def _rows(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B·h·w, C)."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _picture(rows: Tensor) -> Tensor:
    """(n, C) as one picture (1, C, n, 1), for layers that see one position at a time."""
    return rows.T[None, :, :, None]


def _around(residual: Tensor, b: int, h: int, w: int) -> Tensor:
    """(B·h·w, k) to (B·h·w, 9k): each position's 3×3 neighbourhood; what is not known yet, or outside, is 0."""
    padded = F.pad(residual.view(b, h, w, -1), (0, 0, 1, 1, 1, 1))
    taps = [padded[:, dy : dy + h, dx : dx + w] for dy in range(3) for dx in range(3)]
    return torch.cat(taps, 3).flatten(0, 2)
