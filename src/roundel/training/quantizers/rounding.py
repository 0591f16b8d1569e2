"""Roundings that the quantisers share."""

import torch
from torch import Tensor

from roundel.training.quantizers.protocol import Tested


def nearest(v: Tensor) -> Tensor:
    """The nearest integers, halves up; same shape."""
    return torch.floor(v + 0.5)


def straight_through(v: Tensor) -> Tensor:
    """The nearest integers, with the gradient of v."""
    return v + (nearest(v) - v).detach()


def uniform_noise(v: Tensor) -> Tensor:
    """Independent noise in [−½, ½) from torch's generator, shaped as v."""
    return torch.rand_like(v) - 0.5


def centred(y: Tensor, loc: Tensor) -> Tested:
    """Rounding on the integers around the predicted means."""
    symbols = nearest(y - loc)
    return Tested(symbols, symbols + loc)


def plain(y: Tensor) -> Tested:
    """Rounding on the integers, wherever the means are."""
    symbols = nearest(y)
    return Tested(symbols, symbols)
