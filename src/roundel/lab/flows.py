"""Training the flows of the literature: likelihoods side by side, by the same command as the model that ships."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from roundel.training.pyramid import task as lossless
from roundel.training.pyramid.task import Data, Source

VALIDATION_BATCH = 100


@dataclass
class FlowTask:
    """Minimises bits per subpixel of a flow. Args: validation: uint8 (N, 3, S, S)."""

    model: nn.Module
    source: Source
    validation: Tensor

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Training pictures, uint8 (count, 3, side, side)."""
        return self.source.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Bits per subpixel of a batch in [0, 1]."""
        loss = model(on_grid(x)).mean() / x[0].numel()
        return loss, {"loss": float(loss.detach())}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """Bits per subpixel of the validation pictures, in float32; dequantised with a fixed seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            parts = self.validation.split(VALIDATION_BATCH)
            bits = sum(float(model(on_grid(part.float() / 255)).sum()) for part in parts)
        return bits / self.validation.numel(), {}


def on_grid(x: Tensor) -> Tensor:
    """Pixels in [0, 1] from 255ths to 256ths."""
    return torch.floor(x * 255 + 0.5) / 256


def build(model: nn.Module, settings: Data, folders: Sequence[Path]) -> FlowTask:
    """The task of a flow on the same data as the lossless model's."""
    source, validation = lossless.sources(settings, folders)
    return FlowTask(model, source, validation)
