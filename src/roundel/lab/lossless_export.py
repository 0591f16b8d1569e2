"""From a trained pyramid to the weights file that the codec loads."""

from pathlib import Path

from torch import nn

from roundel.lab.train import Task
from roundel.models import lossless_weights
from roundel.nets.pyramid import Pyramid


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model."""
    assert isinstance(model, Pyramid)
    lossless_weights.save(path, model.cpu().eval(), notes)
