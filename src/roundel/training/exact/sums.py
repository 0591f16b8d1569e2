"""A convolution over several inputs at once, in integers: their contributions add up before the one rounding."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.exact.gemm import EXACT_LIMIT, convolve


class Part(NamedTuple):
    """One input: its channels, the odd side of its kernel, and the bound of |input|."""

    channels: int
    kernel: int
    max_input: int
    padded: bool = False
    """The caller has already added the kernel's margin; other inputs continue with zeros."""
    balanced: int = 0
    """So many interleaved kinds of channels whose weights each sum to zero: the layer sees differences only."""


class _Frozen(NamedTuple):
    """Integers as float32: weights of all parts side by side, bias with half a step added, 2^-shift."""

    weight: Tensor
    bias: Tensor
    step: Tensor


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
    """clamp(round(Σ convolution of each part + bias [+ add])) from integers to integers, float32 holding them.

    While training, weights are real and the sum may be bfloat16 under autocast; `freeze` turns weights into integers
    with one power of two per output channel, and from then on `forward` is exact on every machine.

    Args:
        parts: the inputs. c_out: channels of the output. out_range: (low, high) of the output; (0, n) is a ReLU too.
        unit: integer steps of the output per unit of the real-valued layer; scales biases, and weights if `scaled`.
        gain: of the initial weights, relative to He's.
        scaled: whether weights too count in units: for inputs that are read as integers and outputs as fractions.

    Source: quantisation by powers of two as in integer-only inference (Jacob et al. 2018), float32 as the integer unit.
    """

    def __init__(
        self,
        parts: list[Part],
        c_out: int,
        out_range: tuple[int, int],
        *,
        unit: int = 16,
        gain: float = 1.0,
        scaled: bool = False,
    ) -> None:
        super().__init__()
        self.parts, self.out_range, self.unit, self.scaled = parts, out_range, unit, scaled
        fan_in = sum(p.channels * p.kernel**2 for p in parts)
        shapes = [(c_out, p.channels, p.kernel, p.kernel) for p in parts]
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(s) * gain * (2 / fan_in) ** 0.5) for s in shapes])
        self.bias = nn.Parameter(torch.zeros(c_out))
        self.frozen: _Frozen | None = None

    def forward(self, *inputs: Tensor, add: Tensor | None = None) -> Tensor:
        """Integer inputs (B, C_i, H, W), and `add` (B, C_out, H, W), to integers (B, C_out, H, W)."""
        if self.frozen is not None:
            return self._exact(inputs, add)
        scale = self.unit if self.scaled else 1
        y = self._convolve(0, inputs[0], scale, self.bias * self.unit)
        for i, x in enumerate(inputs[1:], 1):
            y += self._convolve(i, x, scale, None)
        if add is not None:
            y += add
        return _Requantize.apply(y, float(self.out_range[0]), float(self.out_range[1]))

    def _convolve(self, i: int, x: Tensor, scale: int, bias: Tensor | None) -> Tensor:
        return F.conv2d(x, self._weight(i) * scale, bias, padding="valid" if self.parts[i].padded else "same")

    def _weight(self, i: int) -> Tensor:
        """Real weights of a part, balanced if it is to be."""
        weight, kinds = self.weights[i], self.parts[i].balanced
        if not kinds:
            return weight
        grouped = weight.unflatten(1, (-1, kinds))
        return (grouped - grouped.mean((1, 3, 4), keepdim=True)).flatten(1, 2)

    def _exact(self, inputs: tuple[Tensor, ...], add: Tensor | None) -> Tensor:
        assert self.frozen is not None
        weight, bias, step = self.frozen
        low, high = self.out_range
        kernel = weight.shape[2]
        spread = [unfold(x, p.kernel) if p.kernel > kernel else x for x, p in zip(inputs, self.parts, strict=True)]
        margin = kernel // 2 if any(p.padded for p in self.parts) else 0
        if margin:
            edges = (margin,) * 4
            spread = [x if p.padded else F.pad(x, edges) for x, p in zip(spread, self.parts, strict=True)]
        x = torch.cat(spread, 1) if len(spread) > 1 else spread[0]
        last = (lambda y: y.clamp_(low, high)) if add is None else (lambda y: y)
        y = convolve(x, weight, bias, lambda sums: last(sums.mul_(step).floor_()))
        y = y[:, :, margin : y.shape[2] - margin, margin : y.shape[3] - margin]
        return y if add is None else y.add_(add).clamp_(low, high)

    @torch.no_grad()
    def integers(self) -> dict[str, Tensor]:
        """The frozen form of the present weights: weight0, weight1, … int16, bias int32, shift int8."""
        scale = self.unit if self.scaled else 1
        weights = [self._weight(i).double() * scale for i in range(len(self.parts))]
        bias = self.bias.double() * self.unit
        reach = bias.abs() + 0.5 + 1e-9
        for weight, part in zip(weights, self.parts, strict=True):
            reach = reach + weight.abs().flatten(1).sum(1) * part.max_input
        peak = torch.stack([w.abs().flatten(1).amax(1) for w in weights]).amax(0) + 1e-9
        # Rounding adds at most ½ per weight, which the sixteenth that is kept free covers; `load` proves it.
        shift = torch.minimum(torch.log2(EXACT_LIMIT * 15 / 16 / reach), torch.log2((2**15 - 1) / peak))
        shift = torch.floor(shift).clamp(-8, 22)
        power = torch.exp2(shift)
        rounded = {
            f"weight{i}": torch.floor(w * power[:, None, None, None] + 0.5).to(torch.int16)
            for i, w in enumerate(weights)
        }
        return {**rounded, "bias": torch.floor(bias * power + 0.5).to(torch.int32), "shift": shift.to(torch.int8)}

    def load(self, stored: Mapping[str, Tensor], name: str = "layer") -> None:
        """Become exact with stored integers.

        Raises:
            ModelError: they do not fit the layer, or some input within its bounds could overflow float32's exact range.
        """
        weights = [stored[f"weight{i}"].float() for i in range(len(self.parts))]
        bias, shift = stored["bias"].double(), stored["shift"].double()
        shapes = [tuple(w.shape) for w in self.weights]
        if [tuple(w.shape) for w in weights] != shapes or bias.shape != self.bias.shape or shift.shape != bias.shape:
            raise ModelError(f"{name}: the stored integers do not have the layer's shapes {shapes}")
        # Half a step of the output is part of the bias, so that rounding is a floor and adds nothing to the proof.
        bias = bias + torch.floor(torch.exp2(shift - 1))
        reach = bias.abs()
        for weight, part in zip(weights, self.parts, strict=True):
            reach += weight.double().abs().flatten(1).sum(1) * part.max_input
        if (most := float(reach.max()) / EXACT_LIMIT) > 1:
            raise ModelError(f"{name}: partial sums may reach {most:.2f} × 2^24, so the layer is not exact")
        if not bool((torch.floor(bias) == bias).all()) or float(shift.abs().max()) > 24:
            raise ModelError(f"{name}: a stored bias or shift is out of range; the weights are damaged")
        kernel = min(p.kernel for p in self.parts)
        flat = [w.flatten(1)[:, :, None, None] if w.shape[2] > kernel else w for w in weights]
        self.frozen = _Frozen(torch.cat(flat, 1), bias.float(), torch.exp2(-shift).float()[:, None])

    def freeze(self) -> None:
        """Become exact with the present weights."""
        self.load(self.integers())

    def trainable(self, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parameters, by the names of `state_dict`, that round to stored integers."""
        scale = torch.exp2(-stored["shift"].double())
        state = {"bias": (stored["bias"] * scale / self.unit).float()}
        scale = scale[:, None, None, None] / (self.unit if self.scaled else 1)
        for i in range(len(self.parts)):
            state[f"weights.{i}"] = (stored[f"weight{i}"] * scale).float()
        return state


def unfold(x: Tensor, kernel: int) -> Tensor:
    """(B, C, H, W) to (B, C·k², H, W): each position's neighbourhood, zero beyond the border, as in kernels."""
    b, c, h, w = x.shape
    r = kernel // 2
    padded = F.pad(x, (r, r, r, r))
    taps = [padded[:, :, dy : dy + h, dx : dx + w] for dy in range(kernel) for dx in range(kernel)]
    return torch.stack(taps, 2).reshape(b, c * kernel**2, h, w)
