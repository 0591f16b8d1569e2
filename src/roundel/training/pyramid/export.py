"""From a trained pyramid to the weights file that the codec loads."""

from pathlib import Path

import numpy as np
from torch import nn

from roundel.training.entropy.mixture import mixture_tables
from roundel.training.pyramid import stored as lossless_weights
from roundel.training.pyramid.calibrate import calibrated
from roundel.training.pyramid.net import Pyramid
from roundel.training.pyramid.task import PyramidTask
from roundel.training.trainer import Task

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
