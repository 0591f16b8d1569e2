"""A convolution over several inputs at once, whose contributions add up before the one rounding."""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

EXACT_LIMIT = 2**24
NARROW = 64
"""Largest |weight| of what runs as int8: pairs of products of bytes by these fit the 16 bits of some processors."""
HALVES = NARROW * 128 + NARROW - 1
"""Largest |weight| of what runs as two int8 halves: the high one, in 128ths, and the low one are then narrow."""


FINEST = 22
"""The largest shift of a layer."""


class Part(NamedTuple):
    """One input: its channels, the odd side of its kernel, and the bound of |input|."""

    channels: int
    kernel: int
    max_input: int
    padded: bool = False
    """The caller has already added the kernel's margin; other inputs continue with zeros."""
    narrow: bool = False
    """Weights are integers within ±64 times one power of two per output channel."""
    balanced: int = 0
    """So many interleaved kinds of channels whose weights each sum to zero: the layer sees differences only."""


class Integers(NamedTuple):
    """A layer as it is exported: clamp(round((Σ w·x + bias) / 2^shift)), halves to even."""

    weights: list[NDArray[np.int64]]
    """(C_out, C_in, k, k) of each part."""
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    """(C_out,)."""


class _Requantize(torch.autograd.Function):
    """Round and clamp in place; the gradient passes where the output is strictly inside the range."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, low: float, high: float) -> Tensor:
        out = y.round_().clamp_(low, high)
        ctx.mark_dirty(y)
        ctx.save_for_backward(out)
        ctx.bounds = (low, high)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return torch.ops.aten.hardtanh_backward(gradient, ctx.saved_tensors[0], *ctx.bounds), None, None


class ExactSum(nn.Module):
    """clamp(round(Σ convolution of each part + bias)) from integers to integers, as float32 or bfloat16 hold them.

    In training weights of narrow parts are rounded as in the export (straight-through), others are real: those are
    exported with 13 bits or more, and rounding them changes next to nothing.

    Args:
        parts: the inputs. c_out: channels of the output. out_range: (low, high) of the output; (0, n) is a ReLU too.
        unit: integer steps of the output per unit of the real-valued layer; scales biases, and weights if `scaled`.
        gain: of the initial weights, relative to He's.
        scaled: whether weights too count in units: for inputs that are read as integers and outputs as fractions.
        largest: |weight| of the exported integers, where they are not narrow.
        step: a power of two: outputs are multiples of it, and `out_range` counts in steps. What is stored are steps.

    Source: quantisation by powers of two as in integer-only inference (Jacob et al. 2018).
    """

    held: Tensor

    def __init__(
        self,
        parts: list[Part],
        c_out: int,
        out_range: tuple[int, int],
        *,
        unit: float = 16,
        gain: float = 1.0,
        scaled: bool = False,
        largest: int = 2**15 - 1,
        step: int = 1,
    ) -> None:
        super().__init__()
        self.parts, self.out_range, self.unit, self.scaled, self.largest = parts, out_range, unit, scaled, largest
        self.step = step
        self.rounded = parts[0].narrow
        """Whether weights are rounded in training too; always in the export."""
        fan_in = sum(p.channels * p.kernel**2 for p in parts)
        shapes = [(c_out, p.channels, p.kernel, p.kernel) for p in parts]
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(s) * gain * (2 / fan_in) ** 0.5) for s in shapes])
        self.bias = nn.Parameter(torch.zeros(c_out))
        self.register_buffer("held", torch.zeros(c_out))
        """Of each output, what a narrow weight of 1 stands for, once weights have been rounded; 0 before.

        From then on weights are no more balanced, and training with rounded ones keeps these units: were they found
        anew from the largest weights, one that passes a power of two would round all others of its output anew."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Integer inputs (B, C_i, H, W) to integers (B, C_out, H, W)."""
        scale, step = self.unit if self.scaled else 1, self._step() if self.rounded else None
        y = self._convolve(0, inputs[0], step, scale, self.bias * self.unit)
        for i, x in enumerate(inputs[1:], 1):
            y += self._convolve(i, x, step, scale, None)
        low, high = map(float, self.out_range)
        return (
            _Requantize.apply(y, low, high)
            if self.step == 1
            else self.step * _Requantize.apply(y / self.step, low, high)
        )

    @torch.no_grad()
    def integers(self) -> Integers:
        """The exported form of the present weights. The builder of graphs proves that it is exact."""
        scale, step = self.unit if self.scaled else 1, self._step()
        real = [self._weight(i, step).double() * scale for i in range(len(self.parts))]
        bias = self.bias.double() * self.unit
        if step is None:
            reach = bias.abs() + 1e-9
            for weight, part in zip(real, self.parts, strict=True):
                reach = reach + weight.abs().flatten(1).sum(1) * part.max_input
            peak = torch.stack([w.abs().flatten(1).amax(1) for w in real]).amax(0) + 1e-9
            # Rounding adds at most ½ per weight, which the sixteenth that is kept free covers.
            shift = torch.minimum(torch.log2(EXACT_LIMIT * 15 / 16 / reach), torch.log2((self.largest - 0.5) / peak))
            shift = torch.floor(shift).clamp(-8, FINEST - self._step_bits)
        else:
            shift = -torch.log2(step.double() * scale).flatten()
        power = torch.exp2(shift)
        weights = [torch.round(w * power[:, None, None, None]).long().numpy() for w in real]
        stored: NDArray[np.int64] = shift.long().numpy() + self._step_bits
        return Integers(weights, torch.round(bias * power).long().numpy(), stored)

    def trainable(self, stored: Integers) -> dict[str, Tensor]:
        """State, by the names of `state_dict`, that rounds to stored integers; their units are held."""
        scale = self.step * torch.exp2(-torch.from_numpy(stored.shift).double())
        state = {"bias": (torch.from_numpy(stored.bias) * scale / self.unit).float()}
        scale = scale / (self.unit if self.scaled else 1)
        state["held"] = scale.float()
        scale = scale[:, None, None, None]
        for i, weight in enumerate(stored.weights):
            state[f"weights.{i}"] = (torch.from_numpy(weight) * scale).float()
        return state

    @property
    def _is_held(self) -> bool:
        return bool(self.held[0] > 0)

    @property
    def _step_bits(self) -> int:
        return self.step.bit_length() - 1

    def _convolve(self, i: int, x: Tensor, step: Tensor | None, scale: float, bias: Tensor | None) -> Tensor:
        weight = self._weight(i, step) * scale
        return F.conv2d(x, weight, bias, padding="valid" if self.parts[i].padded else "same")

    def _weight(self, i: int, step: Tensor | None) -> Tensor:
        """Weights of a part, rounded if they are to be."""
        weight = self.real(i)
        if step is None:
            return weight
        rounded = torch.round(weight.detach() / step).clamp(-NARROW, NARROW) * step
        return weight + (rounded - weight.detach())

    def hold(self, units: Tensor) -> None:
        """Keep units (C_out,) of narrow weights, and weights as they are, no more balanced: they are rounded."""
        self.held.copy_(units)

    def _step(self) -> Tensor | None:
        """(C_out, 1, 1, 1) value of a narrow weight of 1; None where weights are not narrow."""
        if not self.parts[0].narrow:
            return None
        if self._is_held:
            return self.held[:, None, None, None]
        peaks = [self.real(i).detach().abs().flatten(1).amax(1) for i in range(len(self.parts))]
        peak = torch.stack(peaks).amax(0).clamp_min(1e-9)
        return torch.exp2(torch.ceil(torch.log2(peak / (NARROW + 0.5))))[:, None, None, None]

    def real(self, i: int) -> Tensor:
        """Real weights of a part, balanced if it is to be."""
        weight, kinds = self.weights[i], self.parts[i].balanced
        if not kinds or self._is_held:
            return weight
        grouped = weight.unflatten(1, (-1, kinds))
        return (grouped - grouped.mean((1, 3, 4), keepdim=True)).flatten(1, 2)
