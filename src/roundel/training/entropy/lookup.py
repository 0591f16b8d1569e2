"""Bits of whole symbols by table: as the coder will count them, and much quicker than evaluating a density."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.training.entropy.densities import gaussian_bits

LARGEST = 255
"""Larger symbols count as this one."""
TAIL_BITS = 40.0


def mixture_bits(v: Tensor, scale: Tensor) -> Tensor:
    """−log2 of the mass on [v − ½, v + ½] of ¾·N(0, (0.6·scale)²) + ¼·N(0, (1.6·scale)²); same shape as v.

    Wavelet coefficients have heavier tails than a normal, however well their scale is known: 3–6 % fewer bits.
    """
    narrow, wide = torch.exp2(-gaussian_bits(v, 0.6 * scale)), torch.exp2(-gaussian_bits(v, 1.6 * scale))
    return -torch.log2(0.75 * narrow + 0.25 * wide)


def mixture_pmf(scale: float, tail_mass: float) -> NDArray[np.float64]:
    """Probabilities of −reach … reach, all but `tail_mass`, at least of −1, 0, 1."""
    k = torch.arange(4096, dtype=torch.float64)
    side = torch.exp2(-mixture_bits(k, torch.tensor(scale, dtype=torch.float64))).numpy()
    beyond = 1 - side[0] - 2 * np.cumsum(side[1:])  # outside ±1, ±2, …
    reach = 1 + int(np.argmax(beyond <= tail_mass))
    return np.concatenate([side[reach:0:-1], side[: reach + 1]])


def mixture_table(scales: Tensor) -> Tensor:
    """(T, LARGEST + 1) bits of |symbol| under each of (T,) scales."""
    magnitudes = torch.arange(LARGEST + 1, dtype=torch.float64)
    bits = mixture_bits(magnitudes[None], scales.double()[:, None])
    # Beyond the density's floor bits still rise, so that a hopeless symbol knows which way is better.
    return bits.clamp(max=30).add((magnitudes[None] / scales[:, None] / 8 - 4).clamp(0, TAIL_BITS - 30)).float()


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, symbols: Tensor, place: Tensor, table: Tensor) -> Tensor:
        rows, columns = table.shape
        low = torch.floor(place).clamp_(0, rows - 2)
        at = torch.add(symbols.abs().clamp_(max=columns - 1), low, alpha=columns).flatten().int()
        flat = table.flatten()
        bits = flat.index_select(0, at).view_as(symbols)
        slope = flat.index_select(0, at + columns).view_as(symbols).sub_(bits)
        ctx.save_for_backward(slope)
        return torch.addcmul(bits, slope, place - low)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        return None, gradient * ctx.saved_tensors[0], None


def lookup_bits(symbols: Tensor, place: Tensor, table: Tensor) -> Tensor:
    """Bits of integers, with a gradient to the place in the grid of scales.

    Args:
        symbols: (…) integer-valued. place: (…) real-valued row of the table, 0 … T − 1; between rows bits are
            interpolated. table: (T, N) bits of |symbol| = 0 … N − 1, the same for both signs.
    """
    return _Lookup.apply(symbols, place, table)
