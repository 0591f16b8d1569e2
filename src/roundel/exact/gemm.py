"""Convolution as plain matrix products, exact on integer-valued float32 while partial sums stay below 2^24.

Library convolutions may pick transform kernels (NNPACK, Winograd, FFT) whose outputs are inexact even on small integers;
a GEMM of shifted views only ever multiplies and adds.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

EXACT_LIMIT = 2**24
"""float32 holds every integer up to here, so sums of products below it are exact in any order."""


def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Stride-1 "same" convolution with zero padding, as k·k GEMMs.

    Args:
        x: (B, C_in, H, W) float32.
        weight: (C_out, C_in, k, k) float32, k odd.
        bias: (C_out,) float32.

    Returns:
        (B, C_out, H, W) float32; exact when all inputs are integers within the proof of `headroom`.
    """
    c_out, c_in, k, _ = weight.shape
    b, _, h, w = x.shape
    r = k // 2
    padded = F.pad(x, (r, r, r, r)) if r else x
    row = w + 2 * r
    # Rows keep their padding, so every tap is one contiguous slice of the flattened padded image.
    flat = F.pad(padded.reshape(b, c_in, -1), (0, 2 * r))
    taps = weight.permute(2, 3, 0, 1)
    out = []
    for image in flat:
        acc = bias[:, None].expand(c_out, h * row).clone()
        for dy in range(k):
            for dx in range(k):
                start = dy * row + dx
                acc.addmm_(taps[dy, dx], image[:, start : start + h * row])
        out.append(acc.view(c_out, h, row)[:, :, :w])
    return torch.stack(out)


def headroom(weight: Tensor, bias: Tensor, max_input: int) -> float:
    """Largest |partial sum| that any input can cause, as a fraction of 2^24; below 1 is proof of exactness."""
    total = weight.double().abs().flatten(1).sum(1) * max_input + bias.double().abs()
    return float(total.max()) / EXACT_LIMIT
