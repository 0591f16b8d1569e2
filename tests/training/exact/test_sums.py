"""Sums of convolutions: what is trained is what is exported."""

import numpy as np
import pytest
import torch
from torch import Tensor

from roundel.training.exact.sums import HALVES, NARROW, ExactSum, Integers, Part


def integers(*shape: int, low: int = -255, high: int = 255) -> Tensor:
    return torch.randint(low, high + 1, shape).float()


def exported(layer: ExactSum, stored: Integers, inputs: list[Tensor]) -> Tensor:
    """The layer in float64, which holds all sums, from its integers."""
    total = torch.from_numpy(stored.bias).double()[:, None, None]
    for x, weight, part in zip(inputs, stored.weights, layer.parts, strict=True):
        kernel = torch.from_numpy(weight).double()
        total = total + torch.nn.functional.conv2d(x.double(), kernel, padding="valid" if part.padded else "same")
    return torch.round(total / torch.exp2(torch.from_numpy(stored.shift).double())[:, None, None]).clamp(
        *layer.out_range
    )


def test_two_parts_by_hand() -> None:
    layer = ExactSum([Part(1, 1, 10), Part(1, 3, 10)], 1, (-100, 100), unit=4)
    with torch.no_grad():
        layer.weights[0].fill_(0.5)
        layer.weights[1].fill_(0.25)
        layer.bias.fill_(0.75)  # 3 steps
    x, y = torch.full((1, 1, 3, 3), 3.0), torch.ones(1, 1, 3, 3)
    # ½·3 + 3 + ¼·(4, 6 or 9 ones) = 5.5, 6, 6.75; the half goes to the even number.
    expected = torch.tensor([[6.0, 6, 6], [6, 7, 6], [6, 6, 6]])
    assert torch.equal(layer(x, y)[0, 0], expected)
    assert torch.equal(exported(layer, layer.integers(), [x, y])[0, 0].float(), expected)


@pytest.mark.parametrize("kernels", [(3,), (3, 3), (1, 3), (1,)])
@pytest.mark.parametrize("narrow", [False, True])
def test_the_exported_layer_is_the_trained_one(kernels: tuple[int, ...], narrow: bool) -> None:
    torch.manual_seed(0)
    parts = [Part(5 + i, k, 255, narrow=narrow) for i, k in enumerate(kernels)]
    layer = ExactSum(parts, 7, (-1000, 1000)).requires_grad_(False)
    layer.bias.normal_()
    inputs = [integers(2, p.channels, 6, 9) for p in parts]
    off = (exported(layer, layer.integers(), inputs) - layer(*inputs)).abs()
    assert off.max() <= 1
    assert (off > 0).double().mean() < (0.02 if narrow else 0.1)


def test_narrow_weights_are_small_integers_of_one_step_per_channel() -> None:
    torch.manual_seed(1)
    layer = ExactSum([Part(8, 3, 255, narrow=True), Part(9, 1, 128, narrow=True)], 6, (0, 255))
    stored = layer.integers()
    largest = [max(int(np.abs(w[channel]).max()) for w in stored.weights) for channel in range(6)]
    assert all(NARROW // 2 <= m <= NARROW for m in largest), "a step is as fine as it can be"
    step = np.exp2(-stored.shift.astype(float))[:, None, None, None]
    for weight, real in zip(stored.weights, layer.weights, strict=True):
        assert np.abs(weight * step - real.detach().numpy()).max() <= 0.5 * step.max() + 1e-6


@pytest.mark.parametrize("largest", [HALVES, 2**15 - 1])
def test_other_weights_use_the_range_they_have(largest: int) -> None:
    torch.manual_seed(1)
    stored = ExactSum([Part(4, 1, 255)], 16, (-8191, 8191), largest=largest).integers()
    peaks = np.abs(stored.weights[0]).reshape(16, -1).max(1)
    sums = np.abs(stored.weights[0]).reshape(16, -1).sum(1) * 255 + np.abs(stored.bias)
    assert peaks.max() <= largest
    assert sums.max() < 2**24
    assert ((peaks > largest / 2.1) | (sums > 2**24 / 2.3)).all()


def test_gradients_pass_inside_the_range_only() -> None:
    layer = ExactSum([Part(1, 1, 255)], 1, (0, 255))
    torch.nn.init.ones_(layer.weights[0])
    x = torch.tensor([-5.0, 0.0, 7.0, 255.0, 300.0]).view(1, 1, 1, 5).requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0, 0, 1, 0, 0]


def test_rounding_lets_the_gradient_of_weights_through() -> None:
    torch.manual_seed(4)
    rounded = ExactSum([Part(3, 1, 255, narrow=True)], 1, (-1000, 1000))
    plain = ExactSum([Part(3, 1, 255)], 1, (-1000, 1000))
    plain.load_state_dict(rounded.state_dict())
    x = integers(1, 3, 4, 4, low=0, high=9)
    for layer in (rounded, plain):
        layer(x).sum().backward()
    assert torch.equal(rounded.weights[0].grad, plain.weights[0].grad)


def test_balanced_weights_see_differences_only() -> None:
    torch.manual_seed(2)
    layer = ExactSum([Part(6, 3, 255, padded=True, balanced=3)], 4, (-255, 255)).requires_grad_(False)
    flat = torch.tensor([100.0, -7.0, 30.0] * 2)[None, :, None, None].expand(1, 6, 5, 7)
    assert layer(flat).shape == (1, 4, 3, 5)
    assert not layer(flat).any()
    # Rounding leaves up to half a step of each of 18 weights of a kind.
    assert exported(layer, layer.integers(), [flat]).abs().max() <= 1


def test_training_goes_on_from_integers() -> None:
    torch.manual_seed(3)
    parts = [Part(4, 3, 255, narrow=True), Part(2, 1, 128, narrow=True)]
    layer, other = (ExactSum(parts, 5, (0, 255)).requires_grad_(False) for _ in range(2))
    layer.bias.normal_()
    stored = layer.integers()
    other.load_state_dict(other.trainable(stored))
    again = other.integers()
    assert all(np.array_equal(a, b) for a, b in zip(stored.weights, again.weights, strict=True))
    assert np.array_equal(stored.bias, again.bias)
    assert np.array_equal(stored.shift, again.shift)


def test_units_of_rounded_weights_are_kept_while_weights_grow() -> None:
    """Found anew, a weight beyond a power of two would double the unit of its output, and round all the others anew."""
    torch.manual_seed(5)
    first, layer = (ExactSum([Part(6, 1, 255, narrow=True)], 5, (0, 255)).requires_grad_(False) for _ in range(2))
    layer.load_state_dict(first.trainable(first.integers()))
    layer.weights[0][:, 0] *= 5
    before, after = first.integers(), layer.integers()
    assert np.array_equal(before.shift, after.shift)
    assert np.array_equal(before.weights[0][:, 1:], after.weights[0][:, 1:])
    assert np.array_equal(after.weights[0][:, 0], np.clip(5 * before.weights[0][:, 0], -NARROW, NARROW))


def test_state_says_whether_weights_are_balanced() -> None:
    """Or a training that was started from integers and resumed would balance them again."""
    torch.manual_seed(4)
    parts = [Part(6, 1, 255, narrow=True, balanced=1)]
    first, started, resumed = (ExactSum(parts, 5, (0, 255)).requires_grad_(False) for _ in range(3))
    started.load_state_dict(first.trainable(first.integers()))
    started.weights[0].add_(0.5)  # no more what balanced weights are
    resumed.load_state_dict(started.state_dict())
    x = torch.randint(0, 255, (1, 6, 4, 4)).float()
    assert torch.equal(resumed(x), started(x))
    first.load_state_dict({**started.state_dict(), "held": torch.zeros(5)})
    assert not torch.equal(first(x), started(x))
