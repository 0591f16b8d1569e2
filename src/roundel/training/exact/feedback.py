"""Rounding of trained weights that changes least what a layer says: the error of each weight is fed into the next ones.

Nearest rounding minimises the error of weights; what counts is the error of sums over inputs as they occur, whose
correlations let one weight make up for another.

Source: optimal brain quantisation as in GPTQ (Frantar et al. 2022), with one power of two per output channel.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.exact.sums import NARROW, ExactSum

DAMPING = 0.01
"""Of the mean variance of inputs: added to each, so that rare inputs do not rule."""
FINER = (0, 1, 2)
"""Steps to try, in halvings of the one that no weight exceeds: finer ones clip the largest weights."""
COLUMNS = 24_000
"""So many positions, drawn at random, stand for all."""


@torch.no_grad()
def round_layers(
    layers: Iterable[ExactSum], run: Callable[[], object], generator: torch.Generator, columns: int = COLUMNS
) -> None:
    """Round the weights of narrow layers, one after the other, each for the inputs that the ones before make.

    Args:
        layers: in the order in which they are run. run: runs the net that they are in on calibration pictures.
    """
    for layer in layers:
        seen = _inputs(layer, run)
        keep = torch.randperm(seen.shape[1], generator=generator)[:columns]
        round_weights(layer, seen[:, keep])


@torch.no_grad()
def round_weights(layer: ExactSum, inputs: Tensor, worth: Tensor | None = None) -> None:
    """Round a layer's weights for inputs (Σ C_in·k², positions); its bias makes up for the error's mean.

    The layer is balanced no more: its weights are the rounded ones, and their units are held.

    Args:
        worth: (1 or C_out, positions) what squared errors of the sums count; None for the same everywhere.
    """
    real, inputs = joined(layer), inputs.double()
    share = torch.ones(1, inputs.shape[1], dtype=torch.float64) if worth is None else worth.double()
    share = share / share.sum(1, keepdim=True)
    mean = share @ inputs.T
    covariance = torch.stack([(inputs * own) @ inputs.T for own in share]) - mean[:, :, None] * mean[:, None]
    variances = covariance.diagonal(dim1=1, dim2=2)
    covariance += torch.eye(real.shape[1]) * (DAMPING * variances.mean(1)[:, None, None] + 1e-9)
    # Large variances first: what is rounded last has the errors of all others to bear.
    order = torch.argsort(variances.mean(0), descending=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance[:, order][:, :, order]))
    factor = torch.linalg.cholesky(inverse, upper=True)
    coarse = torch.exp2(torch.ceil(torch.log2(real.abs().amax(1).clamp_min(1e-9) / (NARROW + 0.5))))[:, None]
    least, best, unit = torch.full((len(real), 1), torch.inf, dtype=torch.float64), real, coarse
    for finer in FINER:
        rounded, tried = torch.empty_like(real), coarse * 2.0**-finer
        rounded[:, order] = _fed_back(real[:, order], factor, tried)
        wrong = (rounded - real)[:, None]
        error = (wrong @ covariance @ wrong.mT)[:, 0]
        best, unit = torch.where(error < least, rounded, best), torch.where(error < least, tried, unit)
        least = torch.minimum(error, least)
    layer.bias.add_((((real - best) * mean).sum(1) / layer.unit).float())
    layer.hold(unit[:, 0].float())
    sizes = [p.channels * p.kernel**2 for p in layer.parts]
    for weight, part in zip(layer.weights, best.split(sizes, 1), strict=True):
        weight.copy_(part.view(weight.shape))


def joined(layer: ExactSum) -> Tensor:
    """The real weights of all parts, float64 (C_out, Σ C_in·k²)."""
    return torch.cat([layer.real(i).double().flatten(1) for i in range(len(layer.parts))], 1)


def _fed_back(weights: Tensor, factor: Tensor, step: Tensor) -> Tensor:
    """(C_out, K) weights rounded column by column. Args: factor: (1 or C_out, K, K) upper Cholesky factors of inverse
    covariances."""
    left, rounded = weights.clone(), torch.empty_like(weights)
    for i in range(weights.shape[1]):
        column = left[:, i : i + 1]
        rounded[:, i : i + 1] = torch.round(column / step).clamp(-NARROW, NARROW) * step
        left[:, i + 1 :] -= (column - rounded[:, i : i + 1]) / factor[:, i, i, None] * factor[:, i, i + 1 :]
    return rounded


def _inputs(layer: ExactSum, run: Callable[[], object]) -> Tensor:
    """(Σ C_in·k², positions) of all calls of a layer in a run."""
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: Sequence[Tensor]) -> None:
        rows = [
            F.unfold(x.float(), part.kernel, padding=part.kernel // 2).transpose(0, 1).flatten(1)
            for x, part in zip(inputs, layer.parts, strict=True)
        ]
        found.append(torch.cat(rows))

    handle = layer.register_forward_pre_hook(keep)
    run()
    handle.remove()
    return torch.cat(found, 1)
