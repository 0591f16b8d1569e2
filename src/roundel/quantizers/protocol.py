"""What a quantiser of latents is: how it acts in training and what it does at test."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor

Bits = Callable[[Tensor], Tensor]
"""Cost in bits of each residual y − loc under the model's prediction, differentiable; same shape."""


class Trained(NamedTuple):
    """What training sees instead of rounded latents; all shaped as y."""

    for_decoder: Tensor
    for_rate: Tensor


class Tested(NamedTuple):
    """What is coded and what the decoder gets; both shaped as y."""

    symbols: Tensor
    """Integers to code, float32."""
    y_hat: Tensor


class Quantizer(Protocol):
    """A rounding at test and its surrogate in training."""

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """Surrogates of latents y around the predicted means `loc`."""
        ...

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """The symbols to code and the latents that they decode to."""
        ...
