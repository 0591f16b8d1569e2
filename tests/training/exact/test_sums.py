"""Sums of convolutions: what is trained is what is frozen, and what is frozen is exact."""

import pytest
import torch

from roundel.errors import ModelError
from roundel.training.exact.sums import ExactSum, Part, unfold


def integers(*shape: int, low: int = -255, high: int = 255) -> torch.Tensor:
    return torch.randint(low, high + 1, shape).float()


def test_two_parts_by_hand() -> None:
    layer = ExactSum([Part(1, 1, 10), Part(1, 3, 10)], 1, (-100, 100), unit=4)
    with torch.no_grad():
        layer.weights[0].fill_(0.5)
        layer.weights[1].fill_(0.25)
        layer.bias.fill_(0.75)  # 3 steps
    x, y = torch.full((1, 1, 3, 3), 3.0), torch.ones(1, 1, 3, 3)
    layer.freeze()
    # ½·3 + 3 + ¼·(4, 6 or 9 ones) = 5.5, 6, 6.75; half goes up.
    expected = torch.tensor([[6.0, 6, 6], [6, 7, 6], [6, 6, 6]])
    assert torch.equal(layer(x, y)[0, 0], expected)
    assert torch.equal(layer(x, y, add=torch.full((1, 1, 3, 3), 98.0))[0, 0], torch.full((3, 3), 100.0))


@pytest.mark.parametrize("kernels", [(3,), (3, 3), (1, 3), (1,)])
def test_the_frozen_layer_is_the_int64_sum(kernels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    parts = [Part(5 + i, k, 255) for i, k in enumerate(kernels)]
    layer = ExactSum(parts, 7, (-1000, 1000)).requires_grad_(False)
    layer.bias.normal_()
    inputs = [integers(2, p.channels, 6, 9) for p in parts]
    trained = layer(*inputs)
    stored = layer.integers()
    layer.load(stored)
    total = stored["bias"].double()[:, None, None]
    for i, x in enumerate(inputs):
        total = total + torch.nn.functional.conv2d(x.double(), stored[f"weight{i}"].double(), padding="same")
    step = torch.exp2(-stored["shift"].double())[:, None, None]
    assert torch.equal(layer(*inputs).double(), torch.floor(total * step + 0.5).clamp(-1000, 1000))
    assert (layer(*inputs) - trained).abs().max() <= 1


def test_gradients_pass_inside_the_range_only() -> None:
    layer = ExactSum([Part(1, 1, 255)], 1, (0, 255))
    torch.nn.init.ones_(layer.weights[0])
    x = torch.tensor([-5.0, 0.0, 7.0, 255.0, 300.0]).view(1, 1, 1, 5).requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0, 0, 1, 0, 0]


def test_weights_that_could_overflow_are_refused() -> None:
    layer = ExactSum([Part(100, 3, 255)], 1, (0, 255)).requires_grad_(False)
    stored = layer.integers()
    stored["weight0"] = torch.full_like(stored["weight0"], 80)  # 900 · 80 · 255 = 1.09 · 2^24
    with pytest.raises(ModelError, match=r"2\^24"):
        layer.load(stored)


def test_worst_inputs_stay_exact() -> None:
    torch.manual_seed(1)
    layer = ExactSum([Part(64, 3, 255)], 16, (-(2**20), 2**20)).requires_grad_(False)
    stored = layer.integers()
    layer.load(stored)
    signs = torch.sign(stored["weight0"][3].float())
    x = torch.zeros(1, 64, 5, 5)
    x[0, :, 1:4, 1:4] = 255 * signs
    total = torch.nn.functional.conv2d(x.double(), stored["weight0"].double(), padding="same")
    total += stored["bias"].double()[:, None, None]
    step = torch.exp2(-stored["shift"].double())[:, None, None]
    assert torch.equal(layer(x).double(), torch.floor(total * step + 0.5))
    assert total.abs().max() > 2**23, "the layer does not use its range"


def test_unfold_lays_neighbours_out_as_kernels() -> None:
    x, kernel = integers(1, 2, 4, 5), torch.randn(3, 2, 3, 3)
    by_taps = torch.einsum("on,bnhw->bohw", kernel.flatten(1), unfold(x, 3))
    assert torch.allclose(by_taps, torch.nn.functional.conv2d(x, kernel, padding=1), atol=1e-3)


def test_balanced_weights_see_differences_only() -> None:
    torch.manual_seed(2)
    layer = ExactSum([Part(6, 3, 255, padded=True, balanced=3)], 4, (-255, 255)).requires_grad_(False)
    flat = torch.tensor([100.0, -7.0, 30.0] * 2)[None, :, None, None].expand(1, 6, 5, 7)
    assert not layer(flat).any()
    layer.freeze()
    # Rounding leaves up to half a step of each of 18 weights of a kind.
    assert layer(flat).abs().max() <= 1
    assert layer(flat).shape == (1, 4, 3, 5)


def test_padded_and_plain_inputs_line_up() -> None:
    torch.manual_seed(3)
    layer = ExactSum([Part(2, 3, 255, padded=True), Part(3, 3, 255)], 4, (-1000, 1000)).requires_grad_(False)
    inputs = [integers(2, 2, 8, 7), integers(2, 3, 6, 5)]
    trained = layer(*inputs)
    layer.freeze()
    assert layer(*inputs).shape == trained.shape == (2, 4, 6, 5)
    assert (layer(*inputs) - trained).abs().max() <= 1
