"""What predicts one phase, in six groups: luma, Co, Cg, each first on the black squares, then on the white.

Neighbours within a phase are not independent given what came before: residuals of pictures that hold little detail at
the highest frequencies alternate in sign. And Cg learns from Co how much colour there is to expect.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.exact.sums import HALVES, ExactSum, Part

PIXEL_MAX = 255
FEATURE_MAX = 255
RESIDUAL_MAX = 127
OUT_MAX = 8191
MEAN_UNIT = 16
LOG_UNIT = 64
COLOURS = 3
TAPS = 9
PLANES = (0, 1, 1, 2, 2, 3)
"""Colours whose residuals the head of each group sees."""
# The four nearest known pixels of phases d, b, c, as (known phase, row, column) of a 3×3 kernel: where training starts.
NEAREST = (
    ((0, 1, 1), (0, 1, 2), (0, 2, 1), (0, 2, 2)),
    ((0, 1, 1), (0, 1, 2), (1, 1, 1), (1, 0, 1)),
    ((0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 1, 0)),
)


class Prediction(NamedTuple):
    """Distribution of each sample, integer-valued (N,)."""

    mean: Tensor
    """In 1/MEAN_UNIT."""
    log_scale: Tensor
    """In 1/LOG_UNIT; not yet clamped to the tables' range."""
    tail: Tensor
    """Logit of the weight of the wide component, in 1/LOG_UNIT; not yet clamped."""


class _Reorder(torch.autograd.Function):
    """Rows in another order; a gather both ways, where autograd's own backward would scatter and add."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        count = torch.arange(len(order), device=order.device)
        return gradient.index_select(0, torch.empty_like(order).index_copy_(0, order, count)), None


class Head(nn.Module):
    """Mean, scale and tail weight of one group from features and residuals around."""

    def __init__(self, width: int, head: int, planes: int) -> None:
        super().__init__()
        around = [Part(TAPS * planes, 1, RESIDUAL_MAX + 1, narrow=True)] if planes else []
        own = Part(width, 1, FEATURE_MAX, narrow=True, balanced=1)
        self.hidden = ExactSum([own, *around], head, (0, FEATURE_MAX))
        hidden = Part(head, 1, FEATURE_MAX)
        self.out = ExactSum([hidden], 3, (-OUT_MAX, OUT_MAX), unit=LOG_UNIT, gain=0.1, largest=HALVES)

    def forward(self, f: Tensor, linear: Tensor, *around: Tensor) -> Prediction:
        """Distributions at the positions of `f`. Args: linear: (N,) the linear part of the means."""
        mean, log_scale, tail = self.out(self.hidden(f, *around)).float()[0, :, :, 0]
        return Prediction(linear + mean, log_scale, tail)


class Step(nn.Module):
    """Predicts one phase from `known` phases and the features of the step before.

    Additions saturate at 0 … 255; what is added to features is within −128 … 127 of some step, so that all fits bytes.
    """

    def __init__(self, known: int, carried: int, width: int, blocks: int, head: int, term_step: int = 1) -> None:
        super().__init__()
        pixels = Part(3 * known, 3, PIXEL_MAX, padded=True)
        # Features are never negative: what they have in common would drown what sets them apart.
        features = Part(width, 3, FEATURE_MAX, narrow=True, balanced=1)
        relu, signed = (0, FEATURE_MAX), (-128, 127)
        linear = ExactSum([pixels], COLOURS, (-OUT_MAX, OUT_MAX), unit=MEAN_UNIT, scaled=True)
        self.linear = nn.ModuleList([linear])  # its name tells the optimiser to tread softly
        details = pixels._replace(balanced=COLOURS)
        self.enter = ExactSum([details], width, signed, step=term_step) if carried else ExactSum([details], width, relu)
        self.carry = ExactSum([features._replace(kernel=1)], width, signed, step=term_step) if carried else None
        self.inner = nn.ModuleList(ExactSum([features], width, relu) for _ in range(blocks))
        outer = (ExactSum([features], width, signed, gain=0.1, step=term_step) for _ in range(blocks))
        self.outer = nn.ModuleList(outer)
        self.heads = nn.ModuleList(Head(width, head, planes) for planes in PLANES)
        with torch.no_grad():
            self.enter.weights[0].mul_(2)
            start_from_nearest(linear.weights[0], known)

    def branches(self) -> list[tuple[ExactSum, ExactSum]]:
        """See `revival.Residual`."""
        return list(zip(self.inner, self.outer, strict=True))  # type: ignore[arg-type]

    def features(self, known: Tensor, carried: Tensor | None) -> Tensor:
        """Features of this step, (B, width, h, w).

        Args:
            known: (B, 3k, h + 2, w + 2) pixels of the known phases, from `edged`. carried: the last step's features.
        """
        f = self.enter(known)
        if self.carry is not None:
            f = (f + self.carry(carried)).clamp(0, FEATURE_MAX)
        for inner, outer in zip(self.inner, self.outer, strict=True):
            f = (f + outer(inner(f))).clamp(0, FEATURE_MAX)
        return f

    def linear_mean(self, known: Tensor) -> Tensor:
        """Linear part of the means, (B, 3, h, w); in float32 while training, since bfloat16 cannot hold its digits."""
        with torch.autocast(known.device.type, enabled=False):
            return self.linear[0](known)

    def predict(self, f: Tensor, linear: Tensor, now: Tensor) -> tuple[list[Tensor], list[Prediction]]:
        """Samples (N,) and predictions of each group of a phase whose samples `now`, (B, 3, h, w), are known."""
        b, _, h, w = f.shape
        squares = checkerboard(b, h, w, f.device)
        order, sizes = torch.cat(squares), [len(p) for p in squares]
        rows, means, values = (_Reorder.apply(_rows(x), order).split(sizes) for x in (f, linear, now))
        residual = torch.zeros(b * h * w, COLOURS, device=f.device)
        samples, predictions = [], []
        for group, head in enumerate(self.heads):
            colour, white = divmod(group, 2)
            here, sample = squares[white], values[white][:, colour]
            if not len(here):
                continue  # a phase of one pixel has no white square
            seen = residual[:, : PLANES[group]]
            around = [_picture(_around(seen, b, h, w)[here])] if group else []
            predicted = head(_picture(rows[white]), means[white][:, colour], *around)
            residual[here, colour] = residual_of(sample, predicted.mean.detach())
            samples.append(sample)
            predictions.append(predicted)
        return samples, predictions


def start_from_nearest(predictor: Tensor, known: int) -> None:
    """Set a linear predictor (3, 3·known, 3, 3) to the mean of the four nearest known pixels."""
    predictor.zero_()
    for phase, row, column in NEAREST[known - 1]:
        for colour in range(COLOURS):
            predictor[colour, COLOURS * phase + colour, row, column] = 0.25


def edged(known: Tensor) -> Tensor:
    """(B, C, h, w) to (B, C, h + 2, w + 2): the border continues with its own pixels."""
    return F.pad(known, (1, 1, 1, 1), mode="replicate")


def residual_of(samples: Tensor, mean: Tensor) -> Tensor:
    """Samples less their rounded means, as heads see them."""
    return (samples - torch.floor(mean / MEAN_UNIT + 0.5)).clamp(-RESIDUAL_MAX, RESIDUAL_MAX)


def checkerboard(b: int, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions (picture·h + row)·w + column of the black squares, then of the white, ascending."""
    odd = (torch.arange(h, device=device)[:, None] + torch.arange(w, device=device)) % 2
    first = torch.arange(b, device=device)[:, None] * (h * w)
    black, white = ((first + torch.nonzero(odd.flatten() == k).flatten()).flatten() for k in (0, 1))
    return black, white


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
