"""Layers on integers: trained with rounding in the loop, run as integer arithmetic that is the same everywhere."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.exact.gemm import EXACT_LIMIT, convolve, headroom, worst_sums


def round_ste(x: Tensor) -> Tensor:
    """floor(x + ½) forward, identity backward."""
    return x + (torch.floor(x + 0.5) - x).detach()


def clamp_leaky(x: Tensor, low: float, high: float) -> Tensor:
    """Clamp forward; backward, values beyond a bound still feel gradients that push them back inside."""
    clamped = x.clamp(low, high)
    leak = 0.1 * (x - clamped)
    return clamped + (leak - leak.detach())  # a zero with a gradient; any other order would not round to an integer


class ExactConv2d(nn.Module):
    """Stride-1 convolution from integers to integers.

    Input and output are integer-valued float32 tensors. One unit of bias is `unit` integer steps, so that weights and
    biases train at the usual magnitudes when activations are read as multiples of 1/unit.

    While training, weights are real and only the output is rounded (straight-through), which is what the exported layer
    computes but for weight rounding. `freeze` turns the weights into integers w = round(weight·2^shift), one shift per
    output channel, the largest up to 22 with Σ|w|·max_input + |b| + 2^(shift−1) ≤ 2^24 and |w| < 2^15, and from then on
    `forward` is exact, and has no gradient.

    Args:
        c_in, c_out: channels. kernel: odd side. max_input: bound of |input|, promised by the caller.
        out_range: (low, high) of the output; out of it values are clamped. (0, n) is a ReLU as well.
        gain: what the trained weights are multiplied by, so that they and their learning rate are of the usual size
            where input and output count in different units.

    Source: quantisation by powers of two as in integer-only inference (Jacob et al. 2018), float32 as the integer unit.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 3, *, max_input: int, out_range: tuple[int, int], unit: int = 16,
        gain: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.max_input, self.out_range, self.unit, self.gain = max_input, out_range, unit, gain
        self.weight = nn.Parameter(torch.empty(c_out, c_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(c_out))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        # Once frozen, as float32: the integers, half a step of the output added to the bias, and 2^-shift (C_out, 1).
        self.register_buffer("int_weight", None)
        self.register_buffer("int_bias", None)
        self.register_buffer("factor", None)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) integers to (B, C_out, H, W) integers, both as float32."""
        if self.int_weight is None:
            y = F.conv2d(x, self.weight * self.gain, padding="same").float() + (self.bias * self.unit)[:, None, None]
            return clamp_leaky(round_ste(y), *self.out_range)
        return convolve(x, self.int_weight, self.int_bias, self._requantize)

    def _requantize(self, sums: Tensor) -> None:
        """Blocks of sums (C_out, n), rounding half included, to outputs, in place."""
        sums.mul_(self.factor).floor_().clamp_(*self.out_range)

    @torch.no_grad()
    def integers(self) -> tuple[Tensor, Tensor, Tensor]:
        """The frozen form of the present weights: int16 (C_out, C_in, k, k), bias int32 and shift int8 (C_out,)."""
        weight, bias = self.weight.detach().double() * self.gain, self.bias.detach().double() * self.unit
        # The ½ is what rounding adds to a sum before it is floored: it must fit as well.
        bound = worst_sums(weight, bias, self.max_input) + 0.5
        shift = torch.floor(torch.log2(torch.minimum(EXACT_LIMIT / bound, (2**15 - 1) / _peak(weight)))).clamp(-8, 22)
        while True:
            int_weight = torch.floor(weight * torch.exp2(shift)[:, None, None, None] + 0.5)
            int_bias = torch.floor(bias * torch.exp2(shift) + 0.5)
            # Rounded weights can be larger in sum than the real ones.
            over = worst_sums(int_weight, int_bias, self.max_input) + torch.exp2(shift - 1) > EXACT_LIMIT
            if not bool((over & (shift > -8)).any()):
                return int_weight.to(torch.int16), int_bias.to(torch.int32), shift.to(torch.int8)
            shift = shift - over.double()

    def load_integers(self, weight: Tensor, bias: Tensor, shift: Tensor, name: str = "layer") -> None:
        """Make the layer exact with stored integers.

        Raises:
            ModelError: when an input within `max_input` could overflow the exact range of float32.
        """
        if weight.shape != self.weight.shape or bias.shape != self.bias.shape or shift.shape != bias.shape:
            found, wanted = (weight.shape, bias.shape, shift.shape), (self.weight.shape, self.bias.shape)
            raise ModelError(f"{name}: integers of shapes {[tuple(s) for s in found]} for {[tuple(s) for s in wanted]}")
        if any(t.is_floating_point() for t in (weight, bias, shift)) or bool((shift.abs() > 24).any()):
            raise ModelError(f"{name}: weights, biases and shifts must be integers, shifts at most 24")
        # Python's powers of two: torch.exp2 need not be exact everywhere. Half a step makes floor round.
        half = torch.tensor([2 ** (s - 1) if s > 0 else 0 for s in shift.tolist()])
        factor = torch.tensor([2.0**-s for s in shift.tolist()])
        bias = bias.cpu() + half
        if (room := headroom(weight.cpu(), bias, self.max_input)) > 1:
            raise ModelError(f"{name}: partial sums may reach {room:.2f} × 2^24, so the layer is not exact")
        device = self.weight.device
        self.int_weight, self.int_bias = weight.to(device, torch.float32), bias.to(device, torch.float32)
        self.factor = factor[:, None].to(device)

    def freeze(self) -> None:
        """Become exact with the present weights."""
        self.load_integers(*self.integers())


def _peak(weight: Tensor) -> Tensor:
    return weight.abs().flatten(1).amax(1).clamp_min(1e-12)
