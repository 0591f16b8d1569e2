"""The grid of scales that lossy models name tables by, and what their forward passes give."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from roundel.training.quantizers import Bits, Quantizer

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.11, 256.0
SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
"""The grid of scales: SCALE_MIN · exp(SCALE_STEP · index), index 0 … 63."""


class RateDistortion(NamedTuple):
    """Per image of a batch (B,)."""

    y_bpp: Tensor
    z_bpp: Tensor
    mse: Tensor
    """Mean squared error with pixels in [0, 255]."""
    lmbda: Tensor

    @property
    def loss(self) -> Tensor:
        """R + λ·D in bits per pixel."""
        return self.y_bpp + self.z_bpp + self.lmbda * self.mse


def quantize(quantizer: Quantizer, y: Tensor, loc: Tensor, bits: Bits, training: bool) -> tuple[Tensor, Tensor]:
    """What the decoder and the rate see of latents y."""
    if training:
        return quantizer.train(y, loc, bits)
    y_hat = quantizer.test(y, loc, bits).y_hat
    return y_hat, y_hat


def scale_of(index: Tensor) -> Tensor:
    """Standard deviation of a (possibly straight-through) scale index."""
    return SCALE_MIN * torch.exp(SCALE_STEP * index)
