"""Training with adaptive levels: now and then every dimension moves to the notch that it earns."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.quantizers.adaptive import FREEZE_AT, AdaptiveFSQ, decoder_gain
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.tokens.task import FSQTask
from roundel.training.trainer import Schedule

PICTURES = 256
"""How many training pictures decide; the first `PROBED` of them also how much a dimension matters."""
PROBED = 64


@dataclass(frozen=True)
class Adaptation:
    """`[adaptation]` of a configuration."""

    every_steps: int
    """The reference asks for five epochs: 3,910 steps of 64 pictures of CIFAR-10."""
    lmbda: float
    """Squared error of a picture, pixels in [0, 1], summed over its subpixels, that a bit is worth."""


@dataclass
class AdaptiveTask(FSQTask):
    """An `FSQTask` that moves the levels of its `AdaptiveFSQ`, one notch at a time, until 70 % of the training.

    Args:
        adaptation: when and at what price. schedule: of the training.

    Raises:
        ModelError: the quantiser has no levels to move.
    """

    adaptation: Adaptation
    schedule: Schedule

    def __post_init__(self) -> None:
        model = self.model
        if not isinstance(model, DiscreteAutoencoder) or not isinstance(model.bottleneck, AdaptiveFSQ):
            raise ModelError('[adaptation] is for quantizer = "adaptive-fsq"')

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `FSQTask.loss`; also logs the mean of the levels."""
        step = round(progress * self.schedule.steps)
        if step and step % self.adaptation.every_steps == 0 and progress < FREEZE_AT:
            self.adapt(step)
        loss, values = super().loss(model, x, progress)
        assert isinstance(self.model, DiscreteAutoencoder)
        return loss, {**values, "levels": float(np.mean(self.model.bottleneck.levels))}

    def adapt(self, step: int) -> None:
        """Move each dimension by a notch at most, on pictures drawn for this step."""
        model = self.model
        assert isinstance(model, DiscreteAutoencoder)
        assert isinstance(model.bottleneck, AdaptiveFSQ)
        side, _ = self.schedule.crop(step)
        x = self.batch(PICTURES, side, np.random.default_rng([step, PICTURES]))
        x = x.to(next(model.parameters()).device).float() / 255
        # Without gradients of weights, and with the statistics of batch normalisation left as they are.
        model.eval()
        with torch.no_grad():
            z = model.net.analysis(x)
        values = model.bottleneck(z[:PROBED]).values
        gain = decoder_gain(lambda v: torch.sigmoid(model.net.synthesis(v, side, side)), values)
        model.bottleneck.adapt(z, gain, self.adaptation.lmbda)
        model.train()
