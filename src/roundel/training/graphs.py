"""Builds exact ONNX graphs: the one file that needs the `onnx` package.

A graph is exact when each of its numbers is an integer that its type holds, whatever the order of summation:

- `conv8` and `matmul8`: uint8 activations, int8 weights within ±64, int32 sums below 2^24, scales powers of two.
  Pairs of products then fit 16 bits, so that processors without dot-product instructions give the same sums.
- `conv32`: float32 holding integers, weights multiples of 2^-s, sums below 2^24 of these units.
- `round` and `quantize8`: to the nearest integer, halves to even.

Pictures are channels-last, (B, H, W, C), in `conv8`, and channels-first in `conv32`, as ONNX Runtime is quickest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from roundel.errors import ModelError

OPSET = 19
IR_VERSION = 10
NARROW = 64
"""Largest |weight| of int8 layers."""
EXACT_LIMIT = 2**24
TYPES = {np.dtype(t): code for t, code in (
    (np.uint8, TensorProto.UINT8), (np.int8, TensorProto.INT8), (np.int32, TensorProto.INT32),
    (np.int64, TensorProto.INT64), (np.float32, TensorProto.FLOAT))}  # fmt: skip
MAGIC = 12582912.0
"""1.5 · 2^23: adding it to a float32 below 2^22 in size rounds to an integer, halves to even."""


class Builder:
    """Grows a graph node by node; methods take and give names of arrays."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._stored: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._count = 0
        self._scalars: dict[tuple[str, float], str] = {}
        self.layer = ""
        """Names the constants of what is built next: LAYER.weight, LAYER.bias, LAYER.scale; else they have numbers."""

    def input(self, name: str, dtype: Any, shape: Sequence[int | str]) -> str:
        """An input; named dimensions are free."""
        self._inputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], list(shape)))
        return name

    def output(self, array: str, name: str, dtype: Any) -> None:
        """Give an array that a node makes out under a name, by which it goes from here on; outputs keep the order of
        these calls."""
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [name if own == array else own for own in names]
        self._outputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], None))

    def store(self, value: ArrayLike, dtype: Any, role: str = "") -> str:
        """A constant array. Args: role: what it is to the layer that is being built, see `layer`."""
        self._count += 1
        name = f"{self.layer}.{role}" if self.layer and role else f"c{self._count}"
        self._stored.append(numpy_helper.from_array(np.array(value, dtype, order="C"), name))
        return name

    def scalar(self, value: float, dtype: Any) -> str:
        """A constant of no dimensions; equal ones are stored once."""
        key = (np.dtype(dtype).name, float(value))
        if key not in self._scalars:
            self._scalars[key] = self.store(np.asarray(value, dtype), dtype)
        return self._scalars[key]

    def node(self, op: str, inputs: Sequence[str], *, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """Any ONNX operator: the name of its output, or a list of names."""
        names = []
        for _ in range(outputs):
            self._count += 1
            names.append(f"n{self._count}")
        self._nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def conv8(
        self,
        x: str,
        weight: NDArray[np.integer],
        bias: ArrayLike,
        shift: ArrayLike,
        *,
        signed_in: bool = False,
        signed_out: bool = False,
        stride: int = 1,
        max_input: int = 255,
    ) -> str:
        """uint8 (B, H, W, C_in) to uint8 (B, ⌈H/stride⌉, ⌈W/stride⌉, C_out): clamp(round((Σ w·x + bias) / 2^shift)).

        Args:
            weight: (C_out, C_in, k, k) within ±64, k odd; zeros lie around the picture.
            bias: (C_out,) integers. They are constants: before 1.29, ONNX Runtime leaves out those from elsewhere.
            shift: (C_out,) or one for all.
            signed_in, signed_out: read and written with zero point 128, for values −128 … 127; else for 0 … 255.
            stride: with stride 2, sides must be even; taps lie as PyTorch puts them with padding k // 2.
            max_input: largest |x| that the caller promises.

        Raises:
            ModelError: the layer is not exact.
        """
        out, _, kernel, _ = weight.shape
        shifts = np.broadcast_to(np.asarray(shift, np.int64), (out,))
        prove(weight, bias, max(max_input, 128 if signed_in else 0), narrow=True)
        inputs = self._scaled8(x, weight.astype(np.int8), shifts, signed_in, signed_out)
        inputs.append(self.store(np.asarray(bias, np.int64), np.int32, "bias"))
        return self.node(
            "QLinearConv", inputs, domain="com.microsoft", channels_last=1, kernel_shape=[kernel, kernel],
            pads=[kernel // 2] * 4, strides=[stride, stride],
        )  # fmt: skip

    def _scaled8(
        self, x: str, weight: NDArray[Any], shift: NDArray[Any], signed_in: bool, signed_out: bool
    ) -> list[str]:
        one = self.scalar(1.0, np.float32)
        zeros = [self.scalar(128 if signed else 0, np.uint8) for signed in (signed_in, signed_out)]
        scale = self.store(np.exp2(-shift.astype(np.float64)), np.float32, "scale")
        none = self.store(np.zeros(len(shift)), np.int8)
        return [x, one, zeros[0], self.store(weight, np.int8, "weight"), scale, none, one, zeros[1]]

    def matmul8(
        self, x: str, weight: NDArray[np.integer], bias: ArrayLike, shift: ArrayLike, *, max_input: int = 255,
        signed_out: bool = False,
    ) -> str:  # fmt: skip
        """The same for rows: uint8 (1, 1, N, C_in) to uint8 (1, 1, N, C_out); weight (C_out, C_in).

        Quickest where C_in is a multiple of 32.
        """
        return self.conv8(x, weight[:, :, None, None], bias, shift, max_input=max_input, signed_out=signed_out)

    def add8(self, a: str, b: str, *, signed: tuple[bool, bool, bool], scales: tuple[float, float] = (1.0, 1.0)) -> str:
        """clamp(a + b), all uint8; `signed` says which of a, b and the sum have zero point 128.

        Args:
            scales: powers of two from 1 on by which a and b are multiplied first.
        """
        one, scale_a, scale_b = (self.scalar(scale, np.float32) for scale in (1.0, *scales))
        zero_a, zero_b, zero = (self.scalar(128 if s else 0, np.uint8) for s in signed)
        return self.node("QLinearAdd", [a, scale_a, zero_a, b, scale_b, zero_b, one, zero], domain="com.microsoft")

    def conv32(
        self, x: str, weight: NDArray[np.integer], bias: ArrayLike, shift: ArrayLike, *, max_input: int,
        padded: bool = False,
    ) -> str:  # fmt: skip
        """float32 integers (B, C_in, H, W) to (Σ w·x + bias) / 2^shift, not rounded, (B, C_out, H, W).

        Args:
            padded: the caller has added the margin; else zeros lie around.

        Raises:
            ModelError: the layer is not exact.
        """
        weights, biases = self._scaled32(weight, bias, shift, max_input)
        pad = 0 if padded else weight.shape[2] // 2
        return self.node("Conv", [x, weights, biases], pads=[pad] * 4, kernel_shape=list(weight.shape[2:]))

    def _scaled32(self, weight: NDArray[Any], bias: ArrayLike, shift: ArrayLike, max_input: int) -> tuple[str, str]:
        stored = np.asarray(bias, np.int64)
        prove(weight, stored, max_input, narrow=False)
        scale = np.exp2(-np.broadcast_to(np.asarray(shift, np.float64), stored.shape))
        shaped = scale.reshape(-1, *[1] * (weight.ndim - 1))
        return self.store(weight * shaped, np.float32, "weight"), self.store(stored * scale, np.float32, "bias")

    def round(self, x: str, low: float, high: float) -> str:
        """float32 below 2^22 in size to the nearest integer, halves to even, clamped."""
        clipped = self.node("Clip", [x, self.scalar(low, np.float32), self.scalar(high, np.float32)])
        return self.node("Round", [clipped])

    def quantize8(self, x: str, *, signed: bool = False) -> str:
        """float32 to uint8, rounded and clamped; `signed`: −128 … 127 with zero point 128."""
        zero = self.scalar(128 if signed else 0, np.uint8)
        return self.node("QuantizeLinear", [x, self.scalar(1.0, np.float32), zero])

    def cast(self, x: str, dtype: Any) -> str:
        """The same numbers in another type."""
        return self.node("Cast", [x], to=TYPES[np.dtype(dtype)])

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Axes in another order; (0, 2, 3, 1) makes channels last."""
        return self.node("Transpose", [x], perm=list(order))

    def to_bytes(self) -> bytes:
        """The ONNX file."""
        graph = helper.make_graph(self._nodes, "roundel", self._inputs, self._outputs, self._stored)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="roundel")
        return model.SerializeToString(deterministic=True)


def stored_in(data: bytes) -> dict[str, NDArray[Any]]:
    """The constants of an ONNX file by name."""
    return {c.name: numpy_helper.to_array(c) for c in onnx.load_from_string(data).graph.initializer}


def prove(weight: NDArray[Any], bias: ArrayLike, max_input: int, *, narrow: bool) -> None:
    """Check that no input within ±max_input can take a partial sum to 2^24.

    Args:
        weight: (C_out, …) integers. bias: (C_out,) integers. narrow: whether weights must lie within ±64, too.

    Raises:
        ModelError: one could, or a weight is too large or no integer.
    """
    whole = np.asarray(weight)
    if not np.array_equal(whole, np.rint(whole)):
        raise ModelError("a weight of an exact layer is not an integer")
    if narrow and np.abs(whole).max(initial=0) > NARROW:
        raise ModelError(f"a weight of {np.abs(whole).max()} exceeds ±{NARROW}: sums would saturate on some processors")
    reach = np.abs(whole.astype(np.int64)).reshape(len(whole), -1).sum(1) * max_input + np.abs(
        np.asarray(bias, np.int64)
    )
    if reach.max(initial=0) >= EXACT_LIMIT:
        raise ModelError(f"partial sums may reach {reach.max() / EXACT_LIMIT:.2f} × 2^24, so the layer is not exact")
