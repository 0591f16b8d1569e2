"""From a trained hyperprior to the weights file that the codec loads."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from roundel.entropy.densities import gaussian_bits
from roundel.lab.lossy import LossyTask
from roundel.lab.train import Task
from roundel.models import lossy_weights
from roundel.models.hyperprior import MeanScaleHyperprior, scale_of
from roundel.quantizers import Thrifty

GROUPS = 5
"""Passes after the hyper-latents."""
ORDER_QUALITY = 0.5
"""The passes share the bits evenly at this quality."""


@torch.no_grad()
def passes(model: MeanScaleHyperprior, validation: Tensor, groups: int = GROUPS) -> tuple[np.ndarray, np.ndarray]:
    """The order of latent channels by value (distortion removed per bit) and the ends of groups with equal bits.

    With an almost orthonormal transform the distortion that a channel removes is the energy of its symbols.
    """
    energy = bits = torch.zeros(model.shape.latents, dtype=torch.float64)
    for x in validation.split(8):
        t = torch.full((len(x),), ORDER_QUALITY)
        y = model.analysis(x.float() / 255, t) * torch.exp(model.log_gain(t))[:, :, None, None]
        z = torch.floor(model.hyper_analysis(y, t) + 0.5)
        cost = partial(gaussian_bits, scale=scale_of(model.scale_index(z, t)))
        symbols = Thrifty().test(y, model.mean(z, t), cost).symbols
        energy = energy + symbols.square().sum((0, 2, 3)).double()
        bits = bits + cost(symbols).sum((0, 2, 3)).double()
    # Where there is nothing to code, the order is by index: channels start in order of energy.
    order = torch.argsort(energy / (bits + 1e3), descending=True, stable=True)
    share = torch.cumsum(bits[order], 0) / bits.sum()
    ends = torch.searchsorted(share, torch.arange(1, groups) / groups) + 1
    return order.numpy(), np.append(ends.numpy(), model.shape.latents)


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model; the passes are ordered on the validation pictures."""
    assert isinstance(model, MeanScaleHyperprior)
    assert isinstance(task, LossyTask)
    model = model.cpu().eval()
    order, ends = passes(model, task.validation)
    lossy_weights.save(path, model, lossy_weights.integers(model, order, ends), notes)
