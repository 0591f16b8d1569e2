"""What a discrete bottleneck is: real vectors in, small integers out, and values rebuilt from the integers alone."""

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from roundel.errors import ModelError

MAX_LEVELS = 1 << 20
"""Places on an axis must be exact in float32, with bits to spare for the gradient."""


class NotFiniteError(ModelError):
    """Latents are NaN or infinite: the net before the quantiser has diverged."""


class Codes(NamedTuple):
    """What a bottleneck makes of z (B, D, ...)."""

    values: Tensor
    """What the decoder gets, (B, D, ...) float32; exactly `Bottleneck.values(codes)`, with the encoder's gradient."""
    codes: Tensor
    """Integers to code, (B, K, ...) int64, code channel c in [0, levels[c])."""
    position: Tensor
    """(B, K, ...) float32: where z lies on the axis of each code, differentiable where there is such an axis."""
    loss: Tensor
    """Scalar to add to the distortion; 0 for quantisers without one."""


class Float32(nn.Module):
    """A module whose buffers decide codes: they keep their types when the model is moved to another.

    In bfloat16 the middle of 1,000 levels would be 500.0 ± 1, and a moving average would stop to move.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:  # what .to(), .half(), .cuda() call
        def moved(tensor: Tensor) -> Tensor:
            found = fn(tensor)
            return found if found.dtype == tensor.dtype else tensor.to(found.device)

        return super()._apply(moved, recurse)


class Bottleneck(Float32):
    """Base of the discrete bottlenecks. Channels are axis 1, so (B, D) and (B, D, H, W) are treated alike.

    Codes stay one integer per channel: a joint index of 64 dimensions of 8 levels would need 192 bits.
    """

    dims: int
    """D, channels of z and of values."""
    levels: tuple[int, ...]
    """Number of symbols of each code channel, (K,)."""

    def forward(self, z: Tensor) -> Codes:
        """Quantise z (B, D, ...)."""
        raise NotImplementedError

    def values(self, codes: Tensor) -> Tensor:
        """Codes (B, K, ...) to values (B, D, ...) float32. Raises: ModelError, codes out of range."""
        raise NotImplementedError


@runtime_checkable
class Soft(Protocol):
    """A bottleneck that can be soft while it trains."""

    def soften(self, z: Tensor, temperature: float) -> Codes:
        """Soft values of z (B, D, ...) at a temperature above 0; the codes are the hard ones."""
        ...


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """`hard`, to the bit, with the gradient of `soft`."""
    # soft + (hard − soft).detach() would round differently from hard.
    return hard.detach() + (soft - soft.detach())


def along_channels(constants: Tensor, like: Tensor) -> Tensor:
    """(D,) as (1, D, 1, ...), to broadcast with `like` (B, D, ...)."""
    return constants.view(1, -1, *[1] * (like.ndim - 2))


class HasDims(Protocol):
    """A layer of D dimensions."""

    dims: int


def check_input(z: Tensor, layer: HasDims) -> Tensor:
    """z as float32, whatever autocast made of it.

    Raises:
        ModelError: it is not (B, D, ...).
        NotFiniteError: some of it is NaN or infinite, which no code stands for and no moving average survives.
    """
    if z.ndim < 2 or z.shape[1] != layer.dims:
        raise ModelError(f"the quantiser takes (B, {layer.dims}, ...), not {tuple(z.shape)}; channels are axis 1")
    return check_finite(z.float(), layer)


def check_finite(z: Tensor, layer: object) -> Tensor:
    """z itself. Raises: NotFiniteError, with the layer's name and how much is not finite."""
    finite = torch.isfinite(z)
    if not finite.all():
        wrong = int((~finite).sum())
        raise NotFiniteError(f"{type(layer).__name__}: {wrong} of {z.numel()} latents are NaN or infinite")
    return z


def check_levels(levels: Sequence[int]) -> tuple[int, ...]:
    """Levels as a tuple. Raises: ModelError, there are none, or one is no integer of 2 … `MAX_LEVELS`."""
    found = tuple(levels) if isinstance(levels, Iterable) else levels
    if not isinstance(found, tuple) or not found or not all(isinstance(n, Integral) and n >= 2 for n in found):
        raise ModelError(f"levels {found}: a quantiser needs one integer of at least 2 for each dimension")
    if max(found) > MAX_LEVELS:
        raise ModelError(f"levels {found}: float32 tells at most {MAX_LEVELS} levels of a dimension apart")
    return tuple(int(n) for n in found)


def check_dims(dims: int) -> int:
    """The number of dimensions. Raises: ModelError, it is below 1."""
    if dims < 1:
        raise ModelError(f"a quantiser of {dims} dimensions codes nothing; expected 1 or more")
    return dims


def check_codes(codes: Tensor, levels: Sequence[int]) -> Tensor:
    """Codes as int64. Raises: ModelError, the wrong number of channels, not integers, or one is out of range."""
    if codes.ndim < 2 or codes.shape[1] != len(levels) or codes.dtype.is_floating_point:
        raise ModelError(
            f"codes must be integers (B, {len(levels)}, ...), channels on axis 1, "
            f"not {codes.dtype} {tuple(codes.shape)}"
        )
    top = along_channels(torch.tensor(levels, device=codes.device), codes)
    wrong = ((codes < 0) | (codes >= top)).transpose(0, 1).flatten(1).any(1)
    if wrong.any():
        channel = int(wrong.nonzero()[0])
        found = codes[:, channel]
        raise ModelError(
            f"codes of channel {channel} are {int(found.min())} .. {int(found.max())}; "
            f"it has {levels[channel]} levels, 0 .. {levels[channel] - 1}"
        )
    return codes.long()
