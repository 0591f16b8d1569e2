"""A layer whose outputs are too large for bfloat16."""

import torch
from torch import Tensor, nn


class PreciseConv1x1(nn.Conv2d):
    """A 1 × 1 convolution that stays in float32 under autocast.

    Latents count in rounding steps and may be hundreds of them: bfloat16 would be off by more than a step.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())
