"""Layers at the very edge of the exact range, and plain integer arithmetic to hold them against."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.training.exact import ExactConv2d
from roundel.training.exact.gemm import EXACT_LIMIT


def edge_layer(c_in: int, c_out: int, kernel: int, *, max_input: int, out_range: tuple[int, int]) -> ExactConv2d:
    """A frozen layer in whose every output channel the worst input reaches 2^24 exactly, rounding included."""
    rng = np.random.default_rng(c_in * 1000 + c_out * 10 + kernel)
    shape = (c_out, c_in, kernel, kernel)
    weight = rng.standard_normal(shape)
    weight *= 0.99 * EXACT_LIMIT / max_input / np.abs(weight).sum((1, 2, 3), keepdims=True)
    weight = np.clip(np.trunc(weight), -(2**15) + 1, 2**15 - 1).astype(np.int64)
    reach = np.abs(weight).sum((1, 2, 3)) * max_input
    shift = np.full(c_out, 13)  # random inputs then use the whole range of outputs
    bias = (EXACT_LIMIT - reach - 2 ** (shift - 1)) * rng.choice([-1, 1], c_out)
    assert np.all(reach + np.abs(bias) + 2 ** (shift - 1) == EXACT_LIMIT)
    layer = ExactConv2d(c_in, c_out, kernel, max_input=max_input, out_range=out_range)
    layer.load_integers(
        torch.from_numpy(weight.astype(np.int16)),
        torch.from_numpy(bias.astype(np.int32)),
        torch.from_numpy(shift.astype(np.int8)),
    )
    return layer


def edge_stack() -> list[ExactConv2d]:
    """Three layers for one another's outputs, wide enough for blocked and vectorised kernels."""
    return [
        edge_layer(24, 96, 3, max_input=127, out_range=(-255, 255)),
        edge_layer(96, 64, 1, max_input=255, out_range=(0, 255)),
        edge_layer(64, 48, 3, max_input=255, out_range=(-128, 128)),
    ]


def run(stack: list[ExactConv2d], x: Tensor) -> Tensor:
    for layer in stack:
        x = layer(x)
    return x


def integer_inputs(batch: int, channels: int, height: int, width: int, bound: int, seed: int = 0) -> Tensor:
    """(B, C, H, W) float32 integers, half of them ±bound."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-bound, bound + 1, (batch, channels, height, width))
    extreme = rng.choice([-bound, bound], x.shape)
    return torch.from_numpy(np.where(rng.random(x.shape) < 0.5, extreme, x).astype(np.float32))


def int64_sums(x: Tensor, weight: Tensor, bias: Tensor) -> NDArray[np.int64]:
    """The convolution's sums (B, C_out, H, W) in 64-bit integers, tap by tap."""
    a, w = x.numpy().astype(np.int64), weight.numpy().astype(np.int64)
    k = w.shape[2]
    height, width = a.shape[2:]
    a = np.pad(a, ((0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    out = np.broadcast_to(bias.numpy().astype(np.int64)[None, :, None, None], (len(a), len(w), height, width)).copy()
    for dy in range(k):
        for dx in range(k):
            out += np.einsum("oc,bchw->bohw", w[:, :, dy, dx], a[:, :, dy : dy + height, dx : dx + width])
    return out


def int64_forward(layer: ExactConv2d, x: Tensor) -> NDArray[np.int64]:
    """A frozen layer in 64-bit integers: sum >> shift, clamped."""
    shift = np.array([int(-np.log2(f)) for f in layer.factor.flatten().tolist()])[None, :, None, None]
    sums = int64_sums(x, layer.int_weight, layer.int_bias)  # this bias has half a step in it
    return np.clip(sums >> shift, *layer.out_range)


def digest(x: Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()
