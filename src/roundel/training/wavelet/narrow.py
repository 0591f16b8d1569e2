"""Convolutions that run as QLinearConv: bytes in, bytes out, weights within ±64; trained with all of that in the loop.

A byte is a number of steps; weights are w · 2^-shift with one shift per output channel and |w| ≤ 64. Activations are
either 0 … 255 (after a ReLU) or −128 … 127 (stored with zero point 128).

Source: straight-through rounding (Bengio et al. 2013); powers of two as in integer-only inference (Jacob et al. 2018).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

WEIGHT_MAX = 64
"""Pairs of products of bytes by these fit 16 bits, which AVX2 and AVX-512 without VNNI add them up in."""
POSITIVE, SIGNED = (0, 255), (-128, 127)


class Integers(NamedTuple):
    """A layer as the engine runs it: out = clamp(round((Σ w·x + bias) · 2^-shift)), halves to even."""

    weight: NDArray[np.int8]
    """(C_out, C_in, k, k)."""
    bias: NDArray[np.int32]
    shift: NDArray[np.int32]
    """(C_out,)."""


class Clamped(torch.autograd.Function):
    """Round and clamp; the gradient passes where the output is strictly inside the range, and a tenth of it beyond."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, low: float, high: float) -> Tensor:
        out = y.round().clamp_(low, high)
        ctx.save_for_backward(out)
        ctx.bounds = (low, high)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return torch.ops.aten.hardtanh_backward(gradient, ctx.saved_tensors[0], *ctx.bounds), None, None


def step_of(weight: Tensor) -> Tensor:
    """(C_out, 1, 1, 1) the step of each output channel: the least power of two that keeps its weights within ±64."""
    peak = weight.abs().flatten(1).amax(1).clamp_min(2.0**-20) / (WEIGHT_MAX + 0.5)
    return torch.exp2(torch.ceil(torch.log2(peak)))[:, None, None, None]


def narrowed(weight: Tensor) -> Tensor:
    """Weights as the engine has them; straight-through."""
    with torch.no_grad():
        step = step_of(weight)
        rounded = torch.round(weight / step).clamp_(-WEIGHT_MAX, WEIGHT_MAX) * step
    return weight + (rounded - weight).detach()


class Narrow(nn.Module):
    """A convolution with zero padding whose weights are narrow. Inputs and outputs count in steps.

    Args:
        out_range: of the rounded output; None leaves it real and in float32, for what says a probability.
        gain: of the initial weights, relative to He's.
        unit: output steps to a unit, of which biases are trained.
        scale: what trained weights are multiplied by, so that they and their learning rate are of the usual size where
            input and output count in different units.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int, out_range: tuple[int, int] | None = POSITIVE, *, stride: int = 1,
        gain: float = 1.0, unit: float = 16.0, scale: float = 1.0, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.out_range, self.stride, self.unit, self.scale = out_range, stride, unit, scale
        self.weight = nn.Parameter(torch.randn(c_out, c_in, kernel, kernel) * gain * math.sqrt(2 / (c_in * kernel**2)))
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H/stride, W/stride).

        Args:
            add: (B, C_out), what the quality adds to the bias, in steps.
        """
        weight = narrowed(self.weight.float() * self.scale)
        bias = None if self.bias is None else self.bias * self.unit
        padding = weight.shape[2] // 2
        if self.out_range is None:
            with torch.autocast(x.device.type, enabled=False):
                y = F.conv2d(x.float(), weight, bias, self.stride, padding)
                return y if add is None else y + add[:, :, None, None]
        y = F.conv2d(x, weight, bias, self.stride, padding)
        if add is not None:
            y = y + add[:, :, None, None].to(y.dtype)
        return Clamped.apply(y, float(self.out_range[0]), float(self.out_range[1]))

    @torch.no_grad()
    def integers(self) -> Integers:
        """As the engine runs it. The bias counts in steps of the weights: what `shift` takes off the sum."""
        real = self.weight.float() * self.scale
        step = step_of(real)
        weight = torch.round(real / step).clamp_(-WEIGHT_MAX, WEIGHT_MAX)
        shift = -torch.log2(step).round().flatten()
        bias = torch.zeros(len(shift)) if self.bias is None else self.bias * self.unit
        return Integers(
            weight.to(torch.int8).cpu().numpy(),
            torch.round(bias.double() * torch.exp2(shift.double())).to(torch.int32).cpu().numpy(),
            shift.to(torch.int32).cpu().numpy(),
        )
