"""From a trained pyramid to the weights file that the codec loads."""

from pathlib import Path

import numpy as np
from torch import nn

from roundel.entropy.mixture import mixture_tables
from roundel.lab.calibrate import calibrated
from roundel.lab.lossless import PyramidTask
from roundel.lab.train import Task
from roundel.models import lossless_weights
from roundel.nets.pyramid import Pyramid

BATCHES = 32
BATCH_PX = 2**18


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model, its tables calibrated on training pictures."""
    assert isinstance(model, Pyramid)
    assert isinstance(task, PyramidTask)
    model = model.cpu().eval().requires_grad_(False)
    lossless_weights.freeze(model)
    side = task.validation.shape[3]
    batches = [task.batch(BATCH_PX // side**2, side, np.random.default_rng(k)) for k in range(BATCHES)]
    lossless_weights.save(path, model, notes, calibrated(model, mixture_tables(), batches))
