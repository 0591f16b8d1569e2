"""Convolution as plain matrix products, exact on integer-valued float32 while partial sums stay below 2^24.

Library convolutions may pick transform kernels (NNPACK, Winograd, FFT), inexact even on small integers;
a GEMM of shifted views only ever multiplies and adds.
"""

from collections.abc import Callable

import torch
from torch import Tensor

EXACT_LIMIT = 2**24
"""float32 holds every integer up to here, so sums of products below it are exact in any order."""

BLOCK = 8192
"""Columns of a product at a time on the CPU, so that the sums stay in the cache from tap to tap."""


@torch.no_grad()
def convolve(x: Tensor, weight: Tensor, bias: Tensor, finish: Callable[[Tensor], object] | None = None) -> Tensor:
    """Stride-1 "same" convolution with zero padding, as k·k GEMMs over all images at once.

    Args:
        x: (B, C_in, H, W) float32.
        weight: (C_out, C_in, k, k) float32, k odd.
        bias: (C_out,) float32.
        finish: changes blocks of the sums (C_out, any) in place while they are in the cache.

    Returns:
        (B, C_out, H, W) float32, a view with gaps; exact when all inputs are integers within the proof of `headroom`.
    """
    if x.dtype == torch.float32 and not _single_is_single(x.device):
        return convolve(x.double(), weight.double(), bias.double(), finish).float()
    c_out, c_in, k, _ = weight.shape
    b, _, h, w = x.shape
    r = k // 2
    # All images in one row per channel. Zeros between rows and between images serve both neighbours as padding, and
    # every tap is a contiguous slice; sums at the zeros are garbage that nobody reads.
    row = w + r
    size, lead = b * (h + r) * row, r * row + r
    if r:
        flat = x.new_zeros(c_in, size + 2 * lead)
        flat[:, lead : lead + size].view(c_in, b, h + r, row)[..., :h, :w] = x.transpose(0, 1)
    else:
        flat = x.transpose(0, 1).reshape(c_in, size)
    taps = weight.permute(2, 3, 0, 1).reshape(k * k, c_out, c_in)
    shifts = [dy * row + dx for dy in range(k) for dx in range(k)]
    sums = bias[:, None].repeat(1, size)
    for start in range(0, size, BLOCK if x.device.type == "cpu" else size):
        block = sums[:, start : start + BLOCK] if x.device.type == "cpu" else sums
        for tap, shift in zip(taps, shifts, strict=True):
            block.addmm_(tap, flat[:, start + shift : start + shift + block.shape[1]])
        if finish is not None:
            finish(block)
    return sums.view(c_out, b, h + r, row)[..., :h, :w].transpose(0, 1)


def headroom(weight: Tensor, bias: Tensor, max_input: int) -> float:
    """Largest |partial sum| that any input can cause, as a fraction of 2^24; up to 1 is proof of exactness."""
    return float(worst_sums(weight, bias, max_input).max()) / EXACT_LIMIT


def worst_sums(weight: Tensor, bias: Tensor, max_input: int) -> Tensor:
    """(C_out,) float64: Σ|w|·max_input + |b|."""
    return weight.double().abs().flatten(1).sum(1) * max_input + bias.double().abs()


def _single_is_single(device: torch.device) -> bool:
    """Whether products of float32 matrices are computed in float32: programs may allow bfloat16 or TF32 instead.

    torch.set_float32_matmul_precision("medium") does, and only double precision is then beyond its reach.
    """
    backend = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    precision = getattr(getattr(backend, "matmul", None), "fp32_precision", None)
    if precision is None:  # torch < 2.9 knows one setting for all
        return torch.get_float32_matmul_precision() == "highest"
    return precision in ("none", "ieee")
