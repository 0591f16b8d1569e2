"""A layer as a node of a graph computes the layer's integers."""

import numpy as np
import pytest
import torch

from roundel.engine import Graph
from roundel.errors import ModelError
from roundel.training.exact import ExactSum, Part
from roundel.training.exact.nodes import CHANNELS_FIRST, CHANNELS_LAST, narrow, numbers, wide
from roundel.training.graphs import Builder


def plain(layer: ExactSum, x: np.ndarray) -> np.ndarray:
    """A layer of one part in 64-bit integers, (B, C, H, W) to the same."""
    (weight,), bias, shift = layer.integers()
    r = weight.shape[2] // 2
    padded = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (r, r), (r, r)))
    views = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], (2, 3))
    sums = np.einsum("bchwyx,ocyx->bohw", views, weight) + bias[:, None, None]
    return np.clip(np.rint(sums / np.exp2(shift)[:, None, None]), *layer.out_range)


@pytest.mark.parametrize(("max_input", "out_range"), [(128, (0, 255)), (255, (-128, 127)), (128, (-128, 127))])
@pytest.mark.parametrize("kernel", [1, 3])
def test_layers_of_bytes(max_input: int, out_range: tuple[int, int], kernel: int) -> None:
    torch.manual_seed(kernel)
    layer = ExactSum([Part(32, kernel, max_input, narrow=True)], 16, out_range).requires_grad_(False)
    layer.bias.normal_()
    low = -128 if max_input == 128 else 0
    x = np.random.default_rng(0).choice([low, low + 255, 3, 100], (2, 32, 7, 9))
    b = Builder()
    y = narrow(b, "layer", layer, b.input("x", np.uint8, ("b", "h", "w", 32)))
    b.output(y, "y", np.uint8)
    given = (x - low).astype(np.uint8).transpose(CHANNELS_LAST)
    found = Graph(b.to_bytes()).run(x=given)[0].astype(int).transpose(CHANNELS_FIRST) + out_range[0]
    assert found.std() > 20
    assert np.array_equal(found, plain(layer, x))


def test_fine_layers() -> None:
    torch.manual_seed(0)
    layer = ExactSum([Part(6, 3, 128)], 5, (-500, 500)).requires_grad_(False)
    layer.weights[0].mul_(3)
    layer.bias.normal_()
    x = np.random.default_rng(0).choice([-128, 127, 5], (2, 6, 7, 9))
    b = Builder()
    given = b.input("x", np.uint8, ("b", 6, "h", "w"))
    b.output(wide(b, "layer", layer, numbers(b, given, signed=True)), "y", np.float32)
    found = Graph(b.to_bytes()).run(x=(x + 128).astype(np.uint8))[0]
    assert found.max() == 500, "some sums are clamped"
    assert np.array_equal(found, plain(layer, x))


def test_layers_that_do_not_fit_bytes_are_refused() -> None:
    for part, out_range in ((Part(4, 1, 255), (0, 255)), (Part(4, 1, 255, narrow=True), (-255, 255))):
        b = Builder()
        with pytest.raises(ModelError, match=r"enter: .* bytes"):
            narrow(b, "enter", ExactSum([part], 4, out_range), b.input("x", np.uint8, ("b", "h", "w", 4)))
