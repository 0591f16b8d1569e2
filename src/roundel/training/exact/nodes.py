"""Exact layers as nodes of a graph, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.errors import ModelError
from roundel.training.exact.sums import ExactSum, Integers
from roundel.training.graphs import Builder, prove

CHANNELS_LAST, CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
SIGNED_MAX = 128
"""Bytes that stand for −128 … 127 have zero point 128; others are 0 … 255."""
BYTES = {(0, 255): False, (-SIGNED_MAX, SIGNED_MAX - 1): True}
"""Ranges that fit bytes, and whether these are signed."""


def narrow(b: Builder, name: str, layer: ExactSum, x: str) -> str:
    """A narrow layer of one part: bytes (B, H, W, C_in), signed where |x| is 128 at most, to bytes (B, H, W, C_out).

    With a kernel of even side, the output has one row and one column more.

    Args:
        name: of the layer, for its constants.

    Raises:
        ModelError: the layer is not of this kind, or not exact.
    """
    (part,), (weights, bias, shift) = layer.parts, layer.integers()
    even = part.kernel % 2 == 0  # then `padded`: training adds the margin of zeros, here it is the convolution's own
    if (
        not part.narrow
        or part.padded != even
        or layer.out_range not in BYTES
        or part.max_input not in (SIGNED_MAX, 255)
    ):
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
    prove(weights[0], bias, part.max_input, narrow=False)
    b.layer = name
    weight = b.cast(b.store(weights[0], np.int16, "weight"), np.float32)
    pad = 0 if part.padded else part.kernel // 2
    sums = b.node(
        "Conv", [x, weight, b.store(bias, np.float32, "bias")], pads=[pad] * 4, kernel_shape=[part.kernel] * 2
    )
    scale = b.store(np.exp2(-shift.astype(np.float64))[:, None, None], np.float32, "scale")
    return b.round(b.node("Mul", [sums, scale]), *layer.out_range)


def numbers(b: Builder, x: str, *, signed: bool) -> str:
    """Bytes as float32."""
    found = b.cast(x, np.float32)
    return b.node("Sub", [found, b.scalar(SIGNED_MAX, np.float32)]) if signed else found


def integers_in(constants: Mapping[str, NDArray[Any]], name: str) -> Integers | None:
    """A layer of one part out of a graph's constants, see `graphs.stored_in`; None where it is not there."""
    weight, bias, scale = (constants.get(f"{name}.{role}") for role in ("weight", "bias", "scale"))
    if weight is None or bias is None or scale is None:
        return None
    shift = np.rint(-np.log2(scale.astype(np.float64))).astype(np.int64)
    return Integers([weight.astype(np.int64)], bias.astype(np.int64).ravel(), shift.ravel())
