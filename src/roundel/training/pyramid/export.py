"""From a trained pyramid to the weights file that the codec loads."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import nn

from roundel.codecs.pyramid import stored
from roundel.codecs.weights import read
from roundel.coding import Tables
from roundel.training.entropy.mixture import mixture_tables
from roundel.training.pyramid.calibrate import calibrated
from roundel.training.pyramid.graphs import graphs
from roundel.training.pyramid.net import Pyramid
from roundel.training.pyramid.rounding import round_afterwards
from roundel.training.pyramid.task import PyramidTask
from roundel.training.trainer import Task
from roundel.training.weights import write

ARCHITECTURE = "pyramid/1"
BATCHES = 32
BATCH_PX = 2**18


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model, its tables calibrated on training pictures."""
    assert isinstance(model, Pyramid)
    assert isinstance(task, PyramidTask)
    side = task.validation.shape[3]
    model = model.cpu().eval().requires_grad_(False)
    if not task.rounding.in_loop:
        round_afterwards(model, task.batch(task.rounding.crops, side, np.random.default_rng(BATCHES)))
    save(path, model, notes)
    nets = stored.nets_of(read(path))
    batches = [task.batch(BATCH_PX // side**2, side, np.random.default_rng(k)) for k in range(BATCHES)]
    pixels = [np.ascontiguousarray(batch.permute(0, 2, 3, 1).numpy()) for batch in batches]
    save(path, model, notes, calibrated(nets, mixture_tables(), pixels))


def save(path: Path, net: Pyramid, notes: Mapping[str, str], tables: Tables | None = None) -> None:
    """Write a weights file; the same inputs give the same bytes.

    Args:
        notes: free text for the file's metadata, such as the commit. tables: calibrated ones, instead of the family's.

    Raises:
        ModelError: a layer is not exact.
    """
    held = {stored.TABLES + key: array for key, array in (tables or mixture_tables()).to_arrays().items()}
    exported, shape = graphs(net.cpu().eval()), asdict(net.shape)
    write(path, ARCHITECTURE, shape, held, exported, notes)
    write(path, ARCHITECTURE, shape, held, exported, notes, stored.selftest(stored.nets_of(read(path))))
