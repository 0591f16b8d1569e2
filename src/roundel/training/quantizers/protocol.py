"""What a quantiser of latents is: how it acts in training and what it does at test."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

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
    """Integers to code, float32; with what the decoder knows beforehand they give y_hat."""
    y_hat: Tensor
    """What they decode to. Its cost is that of y_hat − loc, whatever the lattice: bins are one wide around it."""


class Quantizer(Protocol):
    """A rounding at test and its surrogate in training."""

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """Surrogates of latents y around the predicted means `loc`."""
        ...

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """The symbols to code and the latents that they decode to."""
        ...


@runtime_checkable
class Annealed(Protocol):
    """A quantiser that changes during training."""

    def at(self, progress: float) -> Quantizer:
        """What it is at a moment, 0 … 1, of the training in which it is used."""
        ...
