"""From a trained hyperprior to the weights file that the codec loads."""

from pathlib import Path

from torch import nn

from roundel.lab.train import Task
from roundel.models import lossy_weights
from roundel.models.hyperprior import MeanScaleHyperprior


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model."""
    assert isinstance(model, MeanScaleHyperprior)
    model = model.cpu().eval()
    lossy_weights.save(path, model, lossy_weights.integers(model), notes)
