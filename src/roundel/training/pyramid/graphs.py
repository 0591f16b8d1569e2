"""A trained pyramid as exact graphs: the trunk of each phase, and a head for each of its six groups."""

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.nets import CROSS_TAPS, RESIDUALS, SQUARE_TAPS, row_bytes
from roundel.codecs.pyramid.plain_squares import RESIDUAL_ZERO
from roundel.codecs.pyramid.stored import graph_name
from roundel.training.exact.nodes import narrow
from roundel.training.exact.sums import ExactSum, Integers
from roundel.training.graphs import Builder, prove
from roundel.training.pyramid.net import Pyramid
from roundel.training.pyramid.step import COLOURS, FEATURE_MAX, OUT_MAX, PIXEL_MAX, Head, Step

CROSS = (1, 3, 5, 7)
"""The taps of a 3×3 above, left, right and below."""


def graphs(net: Pyramid) -> dict[str, bytes]:
    """ONNX files by name.

    Raises:
        ModelError: a layer is not exact.
    """
    found = {}
    for level, width in enumerate(net.shape.widths):
        for phase, step in enumerate(net.steps(level)):
            found[graph_name(level, phase)] = trunk(step, width, phase, net.shape.term_step)
            for group, head in enumerate(step.heads):
                found[graph_name(level, phase, group)] = head_graph(head, width)  # type: ignore[arg-type]
    return found


def trunk(step: Step, width: int, phase: int, term_step: int) -> bytes:
    """Known pixels, and features of the phase before, to features and linear means."""
    b = Builder()
    term = float(term_step)
    known = b.input("known", np.float32, ("b", COLOURS * (phase + 1), "h2", "w2"))
    f = b.transpose(b.quantize8(_pixels(b, "enter", step.enter, known), signed=phase > 0), (0, 2, 3, 1))
    if step.carry is not None:
        carried = b.input("carried", np.uint8, ("b", "h", "w", width))
        f = b.add8(f, narrow(b, "carry", step.carry, carried), signed=(True, True, False), scales=(term, term))
    for k, (inner, outer) in enumerate(zip(step.inner, step.outer, strict=True)):
        x = narrow(b, f"inner.{k}", inner, f)  # type: ignore[arg-type]
        x = narrow(b, f"outer.{k}", outer, x)  # type: ignore[arg-type]
        f = b.add8(f, x, signed=(False, True, False), scales=(1.0, term))
    b.output(f, "features", np.uint8)
    linear = b.round(_pixels(b, "linear", step.linear[0], known), -OUT_MAX, OUT_MAX)  # type: ignore[arg-type]
    b.output(b.cast(linear, np.int32), "linear", np.int32)
    return b.to_bytes()


def head_graph(head: Head, width: int) -> bytes:
    """Rows of bytes, see `codecs.pyramid.nets`, to mean, log scale and tail."""
    b = Builder()
    rows = b.input("rows", np.uint8, (1, 1, "n", row_bytes(width)))
    b.layer = "hidden"
    stored = head.hidden.integers()
    weight = rows_weight(stored, width)
    # Residuals come with 128 added: what that adds to the sums is taken off again.
    bias = stored.bias - RESIDUAL_ZERO * weight[:, width:].sum(1)
    x = b.matmul8(rows, weight, bias, stored.shift)
    b.layer = "out"
    stored = head.out.integers()
    b.output(_halves(b, stored, x), "prediction", np.int32)
    return b.to_bytes()


def rows_weight(stored: Integers, width: int) -> NDArray[np.int64]:
    """(C_out, row_bytes) weights of a head's first layer, in the order of its rows."""
    own, *around = stored.weights
    weight = np.zeros((len(own), row_bytes(width)), np.int64)
    weight[:, :width] = own[:, :, 0, 0]
    if around:
        taps = around[0].reshape(len(own), SQUARE_TAPS, -1)  # (C_out, tap, colour)
        for colour in range(min(taps.shape[2], 2)):
            weight[:, width + colour : width + 2 * SQUARE_TAPS : 2] = taps[:, :, colour]
        if taps.shape[2] == COLOURS:  # all other taps are of squares that are not known yet
            weight[:, width + RESIDUALS - CROSS_TAPS : width + RESIDUALS] = taps[:, CROSS, COLOURS - 1]
    return weight


def _pixels(b: Builder, name: str, layer: ExactSum, known: str) -> str:
    b.layer = name
    stored = layer.integers()
    return b.conv32(known, stored.weights[0], stored.bias, stored.shift, max_input=PIXEL_MAX, padded=True)


def _halves(b: Builder, stored: Integers, x: str) -> str:
    """uint8 (1, 1, N, C) to int32 (C_out, N): weights as 128 · high + low, each within ±64, summed apart.

    Eight bits are too few for what says a mean, and int8 products are ten times quicker than float32 ones of few
    columns.
    """
    weight = stored.weights[0][:, :, 0, 0]
    prove(weight, stored.bias, FEATURE_MAX, narrow=False)
    high = (weight + 64) >> 7
    both = np.concatenate([high, weight - (high << 7)])
    prove(both, np.zeros(len(both)), FEATURE_MAX, narrow=True)
    sums = b.node("MatMulInteger", [x, b.store(both.T, np.int8, "weight")])
    flat = b.transpose(b.node("Squeeze", [sums, b.store([0, 1], np.int64)]), (1, 0))
    upper, lower = b.node("Split", [flat], outputs=2, axis=0, num_outputs=2)
    scaled = b.node("Mul", [upper, b.scalar(128, np.int32)])
    total = b.node("Add", [b.node("Add", [scaled, lower]), b.store(stored.bias[:, None], np.int32, "bias")])
    scale = b.store(np.exp2(-stored.shift.astype(np.float64))[:, None], np.float32, "scale")
    return b.cast(b.round(b.node("Mul", [b.cast(total, np.float32), scale]), -OUT_MAX, OUT_MAX), np.int32)
