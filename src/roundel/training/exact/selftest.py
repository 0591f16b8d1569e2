"""Proof, stored with the weights and repeated when they are loaded, that this machine computes the same integers."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.exact.gemm import convolve
from roundel.training.exact.layers import ExactConv2d

SIDE = 12
"""Side in pixels of the test pictures: a multiple of every kernel's side in use, 1 and 3."""


def worst_inputs(weight: Tensor, max_input: int) -> Tensor:
    """Inputs that reach the largest sums a layer can have, and some that look like noise.

    Args:
        weight: (C_out, C_in, k, k) integers as float32.
        max_input: bound of |input|.

    Returns:
        (2, C_in, SIDE, SIDE) integers as float32. The first picture is k × k blocks, each ±max_input with the signs of
        one output channel's weights, channels with the largest Σ|w| first: in the middle of such a block all products
        have the same sign. The second is a fixed pattern over the whole range.
    """
    c_out, c_in, k, _ = weight.shape
    blocks = SIDE // k
    order = torch.argsort(weight.abs().flatten(1).sum(1), descending=True, stable=True)
    signs = torch.sign(weight[order[torch.arange(blocks * blocks) % c_out]]) * max_input
    aligned = signs.view(blocks, blocks, c_in, k, k).permute(2, 0, 3, 1, 4).reshape(c_in, blocks * k, blocks * k)
    count = torch.arange(c_in * SIDE * SIDE, dtype=torch.int64)
    noise = (count * 2654435761 % 2**32 >> 8) % (2 * max_input + 1) - max_input
    inputs = torch.zeros(2, c_in, SIDE, SIDE)
    inputs[0, :, : blocks * k, : blocks * k] = aligned
    inputs[1] = noise.view(c_in, SIDE, SIDE)
    return inputs


@torch.no_grad()
def selftest(layers: Mapping[str, ExactConv2d]) -> str:
    """Hash of what frozen layers make of their worst inputs, sums and outputs; takes milliseconds.

    Args:
        layers: frozen layers by name, on any device.

    Returns:
        32 hexadecimal digits; equal wherever the layers are exact.
    """
    digest = hashlib.sha256()
    for name, layer in layers.items():
        inputs = worst_inputs(layer.int_weight.cpu(), layer.max_input).to(layer.int_weight.device)
        sums = convolve(inputs, layer.int_weight, layer.int_bias)
        digest.update(name.encode())
        for result in (sums, layer(inputs)):
            # Adding zero turns −0 into 0. Not converted to integers: a fraction must not be rounded away.
            digest.update((result + 0.0).cpu().numpy().astype("<f4").tobytes())
    return digest.hexdigest()[:32]


def check(layers: Mapping[str, ExactConv2d], expected: str) -> None:
    """Compare with the hash that was stored at export.

    Raises:
        ModelError: this machine computes otherwise, so that files would decode to something else.
    """
    require(selftest(layers), expected, f"the exact layers {', '.join(layers)}")


def require(found: str, expected: str, what: str) -> None:
    """Compare a hash found here with the one that was stored at export.

    Raises:
        ModelError: they differ, so that files would decode to something else.
    """
    if found != expected:
        raise ModelError(
            f"{what} give {found} here and {expected} where they were exported: the weights are damaged, or this "
            "machine's matrix products are inexact; try --device cpu"
        )
