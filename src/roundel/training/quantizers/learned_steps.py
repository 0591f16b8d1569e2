"""Steps of quantisation that are learned, one a channel, and may be made coarser or finer afterwards."""

import math

import torch
from torch import Tensor, nn

from roundel.errors import ModelError


class LearnedSteps(nn.Module):
    """Latents in steps Δ of their channel, and back. Every quantiser works between the two, on unit steps.

    y/Δ + u, u uniform on a unit, is y + Δ·u in steps, so that noise as wide as the step is what is learned from. At
    test all steps may be scaled by a factor: several rates from one training.

    Args:
        shape: (C, 1, 1) for latents (B, C, h, w), or what else broadcasts with them. first: the steps at first.

    Source: Dumas, Roumy & Guillemot 2018, sections 2 and 4.
    """

    def __init__(self, shape: tuple[int, ...], first: float | Tensor = 1.0) -> None:
        super().__init__()
        self.log_steps = nn.Parameter(torch.log(torch.as_tensor(first)) + torch.zeros(shape))
        self.factor = 1.0

    def scale(self, factor: float) -> None:
        """Make steps so many times as wide. Raises: ModelError, the factor is not above 0."""
        if not 0 < factor < math.inf:
            raise ModelError(f"steps cannot be {factor:g} times as wide; give a factor above 0")
        self.factor = factor

    @property
    def steps(self) -> Tensor:
        """Δ, of the shape given."""
        return self.log_steps.exp() * self.factor

    def divide(self, y: Tensor) -> Tensor:
        """Latents in steps."""
        return y / self.steps

    def multiply(self, y_hat: Tensor) -> Tensor:
        """Steps as latents."""
        return y_hat * self.steps


class Divide(nn.Module):
    """The end of an analysis: latents in steps."""

    def __init__(self, steps: LearnedSteps) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, y: Tensor) -> Tensor:
        return self.steps.divide(y)


class Multiply(nn.Module):
    """The beginning of a synthesis: steps as latents."""

    def __init__(self, steps: LearnedSteps) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, y_hat: Tensor) -> Tensor:
        return self.steps.multiply(y_hat)
