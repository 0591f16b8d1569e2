"""Exact layers as nodes of a graph, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.errors import ModelError
from roundel.training.exact.sums import FINEST, ExactSum, Integers
from roundel.training.graphs import Builder

CHANNELS_LAST, CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
SIGNED_MAX = 128
"""Bytes that stand for −128 … 127 have zero point 128; others are 0 … 255."""
BYTES = {(0, 255): False, (-SIGNED_MAX, SIGNED_MAX - 1): True}
"""Ranges that fit bytes, and whether these are signed."""


def narrow(b: Builder, name: str, layer: ExactSum, x: str) -> str:
    """A narrow layer of one part: bytes (B, H, W, C_in), signed where |x| is 128 at most, to bytes (B, H, W, C_out).

    Args:
        name: of the layer, for its constants.

    Raises:
        ModelError: the layer is not of this kind, or not exact.
    """
    (part,), (weights, bias, shift) = layer.parts, layer.integers()
    if not part.narrow or part.padded or layer.out_range not in BYTES or part.max_input not in (SIGNED_MAX, 255):
        raise ModelError(f"{name}: a layer from ±{part.max_input} to {layer.out_range} is none from bytes to bytes")
    b.layer = name
    return b.conv8(
        x, weights[0], bias, shift, signed_in=part.max_input == SIGNED_MAX, signed_out=BYTES[layer.out_range],
        max_input=part.max_input,
    )  # fmt: skip


def wide(b: Builder, name: str, layer: ExactSum, x: str) -> str:
    """A layer of one part that is not narrow: float32 (B, C_in, H, W) to float32 (B, C_out, H, W), rounded, clamped.

    Raises:
        ModelError: the layer is not exact.
    """
    (part,), (weights, bias, shift) = layer.parts, layer.integers()
    b.layer = name
    sums = b.conv32(x, weights[0], bias, shift, max_input=part.max_input, padded=part.padded)
    return b.round(sums, *layer.out_range)


def numbers(b: Builder, x: str, *, signed: bool) -> str:
    """Bytes as float32."""
    found = b.cast(x, np.float32)
    return b.node("Sub", [found, b.scalar(SIGNED_MAX, np.float32)]) if signed else found


def integers_in(constants: Mapping[str, NDArray[Any]], name: str) -> Integers | None:
    """A layer of one part out of a graph's constants, see `graphs.stored_in`; None where it is not there."""
    weight, bias, scale = (constants.get(f"{name}.{role}") for role in ("weight", "bias", "scale"))
    if weight is None or bias is None:
        return None
    if scale is not None:
        shift = np.rint(-np.log2(scale.astype(np.float64))).astype(np.int64)
        return Integers([weight.astype(np.int64)], bias.astype(np.int64), shift)
    # Fine layers hold quotients. Any power of two that makes integers of them will do.
    whole = [np.rint(part.astype(np.float64) * 2.0**FINEST).astype(np.int64) for part in (weight, bias)]
    return Integers([whole[0]], whole[1], np.full(len(bias), FINEST))
