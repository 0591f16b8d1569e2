"""Layers on integers: trained with rounding in the loop, run as integer arithmetic that is the same on every machine."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.exact.gemm import EXACT_LIMIT, convolve, headroom


def round_ste(x: Tensor) -> Tensor:
    """floor(x + ½) forward, identity backward."""
    return x + (torch.floor(x + 0.5) - x).detach()


def clamp_leaky(x: Tensor, low: float, high: float) -> Tensor:
    """Clamp forward; backward, values beyond a bound still feel gradients that push them back inside."""
    clamped = x.clamp(low, high)
    return clamped + 0.1 * (x - clamped) - (0.1 * (x - clamped)).detach()


class ExactConv2d(nn.Module):
    """Stride-1 convolution from integers to integers.

    Input and output are integer-valued float32 tensors. One unit of bias is `unit` integer steps, so that weights and
    biases train at the usual magnitudes when activations are read as multiples of 1/unit.

    While training, weights are real and only the output is rounded (straight-through), which is what the exported layer
    computes but for weight rounding. `freeze` turns the weights into integers w = round(weight·2^shift), one shift per
    output channel, the largest with Σ|w|·max_input + |b| < 2^24 and |w| < 2^15, and from then on `forward` is exact.

    Args:
        c_in, c_out: channels. kernel: odd side. max_input: bound of |input|, promised by the caller.
        out_range: (low, high) of the output; out of it values are clamped. (0, n) is a ReLU as well.

    Source: quantisation by powers of two as in integer-only inference (Jacob et al. 2018), float32 as the integer unit.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 3, *, max_input: int, out_range: tuple[int, int], unit: int = 16
    ) -> None:
        super().__init__()
        self.max_input, self.out_range, self.unit = max_input, out_range, unit
        self.weight = nn.Parameter(torch.empty(c_out, c_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(c_out))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        self.register_buffer("int_weight", None)
        self.register_buffer("int_bias", None)
        self.register_buffer("shift", None)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) integers to (B, C_out, H, W) integers, both as float32."""
        if self.int_weight is None:
            y = F.conv2d(x, self.weight, padding="same").float() + (self.bias * self.unit)[:, None, None]
            return clamp_leaky(round_ste(y), *self.out_range)
        acc = convolve(x, self.int_weight, self.int_bias)
        return torch.floor_(acc.mul_(torch.exp2(-self.shift)[:, None, None]).add_(0.5)).clamp_(*self.out_range)

    @torch.no_grad()
    def integers(self) -> tuple[Tensor, Tensor, Tensor]:
        """The frozen form of the present weights: weight int16 (C_out, C_in, k, k), bias int32 and shift int8 (C_out,)."""
        weight, bias = self.weight.double(), self.bias.double() * self.unit
        l1 = weight.abs().flatten(1).sum(1) * self.max_input + bias.abs() + 1e-12
        # Rounding adds at most ½ per weight; the margin of 1/16 covers it for any layer that fits in memory.
        shift = torch.floor(torch.log2(EXACT_LIMIT * 15 / 16 / l1))
        peak = torch.maximum(weight.abs().flatten(1).amax(1), bias.abs() / 2**8) + 1e-12
        shift = torch.minimum(shift, torch.floor(torch.log2((2**15 - 1) / peak))).clamp(-8, 22)
        scale = torch.exp2(shift)
        int_weight = torch.floor(weight * scale[:, None, None, None] + 0.5)
        int_bias = torch.floor(bias * scale + 0.5)
        return int_weight.to(torch.int16), int_bias.to(torch.int32), shift.to(torch.int8)

    def load_integers(self, weight: Tensor, bias: Tensor, shift: Tensor, name: str = "layer") -> None:
        """Make the layer exact with stored integers.

        Raises:
            ModelError: when an input within `max_input` could overflow the exact range of float32.
        """
        weight, bias = weight.float(), bias.float()
        if weight.shape != self.weight.shape or bias.shape != self.bias.shape:
            raise ModelError(f"{name}: integer weights have shape {tuple(weight.shape)}, the layer {tuple(self.weight.shape)}")
        if (room := headroom(weight, bias, self.max_input)) >= 1:
            raise ModelError(f"{name}: partial sums may reach {room:.2f} × 2^24, so the layer is not exact")
        self.int_weight, self.int_bias, self.shift = weight, bias, shift.float()

    def freeze(self) -> None:
        """Become exact with the present weights."""
        self.load_integers(*self.integers())
