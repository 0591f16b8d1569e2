"""Exact graphs say what plain 64-bit arithmetic says, at the extremes too, and refuse what would not be exact."""

import pickle

import numpy as np
import pytest

from roundel.engine import Graph
from roundel.errors import ModelError
from roundel.training.graphs import Builder


def conv(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """int64 (B, H, W, C) and (O, C, k, k) to int64 (B, H', W', O); zeros lie around."""
    r = weight.shape[2] // 2
    padded = np.pad(x.astype(np.int64), ((0, 0), (r, r), (r, r), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], (1, 2))
    return np.einsum("bhwcyx,ocyx->bhwo", views, weight.astype(np.int64))[:, ::stride, ::stride]


def divided(sums: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """sums / 2^shift to the nearest integer, halves to even."""
    return np.rint(sums / np.exp2(shift)).astype(np.int64)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("signed_out", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (1, 1), (3, 2), (5, 1)])
def test_int8_layers_are_plain_integer_arithmetic(signed_in: bool, signed_out: bool, kernel: int, stride: int) -> None:
    rng = np.random.default_rng(kernel)
    weight = rng.choice([-64, 64, 3, 0], (16, 32, kernel, kernel))
    bias, shift = rng.integers(-50000, 50000, 16), rng.integers(4, 12, 16)
    x = rng.choice([0, 255, 128, 77], (2, 12, 10, 32)).astype(np.uint8)
    b = Builder()
    y = b.conv8(b.input("x", np.uint8, ("b", "h", "w", 32)), weight, bias, shift,
                signed_in=signed_in, signed_out=signed_out, stride=stride)  # fmt: skip
    b.output(y, "y", np.uint8)
    found = Graph(b.to_bytes()).run(x=x)[0]
    sums = conv(x.astype(np.int64) - 128 * signed_in, weight, stride) + bias
    expected = np.clip(divided(sums, shift) + 128 * signed_out, 0, 255)
    assert np.array_equal(found, expected)


def test_float_layers_are_exact_up_to_2_to_the_24() -> None:
    rng = np.random.default_rng(0)
    weight = rng.choice([-9000, 9000, 1], (4, 6, 3, 3))
    bias, shift = rng.integers(-1000, 1000, 4), np.array([3, 7, 9, 12])
    x = rng.choice([-30, 30, 7], (1, 6, 9, 11)).astype(np.float32)
    b = Builder()
    y = b.conv32(b.input("x", np.float32, (1, 6, "h", "w")), weight, bias, shift, max_input=30)
    b.output(b.round(y, -5000, 5000), "y", np.float32)
    found = Graph(b.to_bytes()).run(x=x)[0]
    sums = conv(x.transpose(0, 2, 3, 1), weight) + bias
    assert np.array_equal(found.transpose(0, 2, 3, 1), np.clip(divided(sums, shift), -5000, 5000))


def test_halves_go_to_even() -> None:
    b = Builder()
    x = b.input("x", np.float32, ("n",))
    b.output(b.round(x, -9, 9), "y", np.float32)
    b.output(b.quantize8(x, signed=True), "z", np.uint8)
    y, z = Graph(b.to_bytes()).run(x=np.array([0.5, 1.5, 2.5, -0.5, -1.5, 300], np.float32))
    assert y.tolist() == [0, 2, 2, 0, -2, 9]
    assert z.tolist() == [128, 130, 130, 128, 126, 255]


def test_sums_of_bytes_saturate() -> None:
    b = Builder()
    x, y = (b.input(name, np.uint8, ("n",)) for name in "xy")
    b.output(b.add8(x, y, signed=(False, True, False)), "z", np.uint8)
    z = Graph(b.to_bytes()).run(x=np.array([10, 250, 5], np.uint8), y=np.array([130, 200, 100], np.uint8))[0]
    assert z.tolist() == [12, 255, 0]


@pytest.mark.parametrize("scales", [(1, 2), (2, 2), (4, 1)])
def test_sums_of_scaled_bytes_are_exact(scales: tuple[int, int]) -> None:
    b = Builder()
    x, y = (b.input(name, np.uint8, ("n",)) for name in "xy")
    b.output(b.add8(x, y, signed=(False, True, False), scales=scales), "z", np.uint8)
    x8, y8 = (m.ravel().astype(np.uint8) for m in np.meshgrid(np.arange(256), np.arange(256)))
    z = Graph(b.to_bytes()).run(x=x8, y=y8)[0]
    assert np.array_equal(z, np.clip(scales[0] * x8.astype(int) + scales[1] * (y8.astype(int) - 128), 0, 255))


@pytest.mark.parametrize(
    ("weight", "what"), [(np.full((1, 1, 1, 1), 65), "±64"), (np.full((1, 1200, 1, 1), 64), "2\\^24")]
)
def test_layers_that_would_not_be_exact_are_refused(weight: np.ndarray, what: str) -> None:
    b = Builder()
    with pytest.raises(ModelError, match=what):
        b.conv8(b.input("x", np.uint8, (1, "h", "w", weight.shape[1])), weight, [0], 8)


def test_a_graph_pickles_and_names_what_does_not_fit() -> None:
    b = Builder()
    b.output(b.round(b.input("x", np.float32, ("n",)), 0, 9), "y", np.float32)
    graph = pickle.loads(pickle.dumps(Graph(b.to_bytes())))
    assert graph.run(x=np.array([3.2], np.float32))[0].tolist() == [3]
    with pytest.raises(ModelError, match="ONNX Runtime cannot run"):
        graph.run(x=np.array([3], np.uint8))
    with pytest.raises(ModelError, match="ONNX Runtime cannot load"):
        Graph(b"no graph").run()
