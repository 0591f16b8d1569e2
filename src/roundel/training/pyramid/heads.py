"""Rounding of heads: most of what rounded weights cost, since nothing after a head makes up for its errors.

Errors count by what they cost in bits: those of a mean by how sharp its distribution is, and none where a hidden
channel is clamped. The last layer, whose weights are nearly real, is then fitted to what the head said before.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from roundel.codecs.pyramid.distribution import LOG_SCALE_RANGE
from roundel.training.exact.feedback import joined, round_weights
from roundel.training.pyramid.step import FEATURE_MAX, LOG_UNIT, MEAN_UNIT, Head

LOCATION, SCALE = 1 / 3, (3 + torch.pi**2) / 9
"""Fisher information of a logistic distribution of scale 1 about its location, and of any about its log scale."""
ROUNDING = 1 / 12
"""Variance of samples that are rounded: no distribution is sharper."""
COLUMNS = 8_000
"""So many positions, drawn at random, stand for all; every output has a covariance of its own here."""
NEAR, CLAMPED = 4.0, 0.05
"""Sums so far beyond the range of bytes are taken to be clamped; what their errors count, to those of others."""
DAMPING = 1e-3


@torch.no_grad()
def round_head(head: Head, run: Callable[[], object], generator: torch.Generator) -> None:
    """Round the hidden layer of a head for the inputs of a run. Args: run: runs its net on calibration pictures."""
    head.hidden.rounded = False
    rows, log_scale = _seen(head, run)
    head.hidden.rounded = True
    keep = torch.randperm(rows.shape[1], generator=generator)[:COLUMNS]
    rows, log_scale = rows[:, keep], log_scale[keep]
    sharp = 1 / (torch.exp(2 * log_scale) + ROUNDING)
    sums = _sums(head, rows)
    before = torch.round(sums).clamp(0, FEATURE_MAX)
    said = joined(head.out)
    live = torch.where((sums > -NEAR) & (sums < FEATURE_MAX + NEAR), 1.0, CLAMPED)
    mean, scale = (LOCATION * (said[0] / MEAN_UNIT) ** 2)[:, None] * sharp, SCALE * (said[1] / LOG_UNIT) ** 2
    round_weights(head.hidden, rows, live * (mean + scale[:, None] + 1e-9))
    _refit(head, before, torch.round(_sums(head, rows)).clamp(0, FEATURE_MAX), sharp)


def _sums(head: Head, rows: Tensor) -> Tensor:
    """(C, positions) of the hidden layer, before they are clamped."""
    return joined(head.hidden) @ rows + (head.hidden.bias.double() * head.hidden.unit)[:, None]


def _refit(head: Head, before: Tensor, after: Tensor, sharp: Tensor) -> None:
    """Fit the last layer on hidden channels (C, positions) after rounding to what it said before."""
    missing = joined(head.out) @ (before - after)
    inputs = torch.cat([after, torch.ones(1, after.shape[1], dtype=after.dtype)])
    for row, worth in enumerate((sharp, torch.ones_like(sharp), torch.ones_like(sharp))):
        weighed = inputs * (worth / worth.sum())
        normal = weighed @ inputs.T
        normal += torch.eye(len(normal)) * (DAMPING * normal.diagonal().mean() + 1e-9)
        change = torch.linalg.solve(normal, weighed @ missing[row])
        head.out.weights[0][row, :, 0, 0] += change[:-1].float()
        head.out.bias[row] += float(change[-1]) / head.out.unit


def _seen(head: Head, run: Callable[[], object]) -> tuple[Tensor, Tensor]:
    """Inputs of the hidden layer, float64 (Σ C_in, positions), and the log scales (positions,) that the head says."""
    rows, scales = [], []

    def keep(module: nn.Module, inputs: Any, said: Any) -> None:
        features, _, *around = inputs
        rows.append(torch.cat([part[0, :, :, 0] for part in (features, *around)]).double())
        scales.append((said.log_scale.double() / LOG_UNIT).clamp(*LOG_SCALE_RANGE))

    handle = head.register_forward_hook(keep)
    run()
    handle.remove()
    return torch.cat(rows, 1), torch.cat(scales)
