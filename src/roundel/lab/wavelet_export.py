"""From a trained wavelet network to the weights file that the codec loads."""

from pathlib import Path

from torch import nn

from roundel.lab.train import Task


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights file of a trained model."""
    raise NotImplementedError
