"""Layers that run as bytes: what training computes is what the integers give."""

import numpy as np
import pytest
import torch

from roundel.training.wavelet.narrow import POSITIVE, SIGNED, WEIGHT_MAX, Narrow, narrowed, step_of


@pytest.mark.parametrize("out_range", [POSITIVE, SIGNED])
@torch.no_grad()
def test_training_and_integers_agree(out_range: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = Narrow(6, 8, 3, out_range, unit=1.0)
    # Biases on the grid of the weights, as the export rounds them.
    step = step_of(layer.weight)[:, 0, 0, 0]
    layer.bias.copy_((torch.randn(8) * 9 / step).round() * step)
    x = torch.randint(0, 256, (2, 6, 7, 5)).float()
    own = layer.integers()
    assert np.abs(own.weight).max() <= WEIGHT_MAX
    sums = torch.nn.functional.conv2d(
        x.double(), torch.from_numpy(own.weight).double(), torch.from_numpy(own.bias).double(), padding=1
    )
    expected = torch.round(sums * torch.exp2(-torch.from_numpy(own.shift).double())[:, None, None]).clamp(*out_range)
    assert torch.equal(layer(x).double(), expected)


def test_steps_are_the_least_powers_of_two_that_fit() -> None:
    weight = torch.tensor([1.0, 64 / 64.5, 1e-3])[:, None, None, None]
    steps = step_of(weight).flatten().tolist()
    assert steps[0] == 2.0**-6  # 1 / 2^-6 = 64
    for w, step in zip(weight.flatten().tolist(), steps, strict=True):
        assert np.log2(step) == round(np.log2(step))
        assert 32 < w / step <= WEIGHT_MAX + 0.5
    assert torch.equal(narrowed(weight).detach(), (weight / step_of(weight)).round().clamp(-64, 64) * step_of(weight))


def test_gradients_pass_inside_the_range_only() -> None:
    layer = Narrow(1, 3, 1, POSITIVE, unit=1.0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, -1.0, 64.0])[:, None, None, None])
    x = torch.full((1, 1, 1, 1), 10.0, requires_grad=True)
    y = layer(x)
    assert y.flatten().tolist() == [10, 0, 255]
    for channel, slope in enumerate((1.0, 0.0, 0.0)):
        (gradient,) = torch.autograd.grad(y[0, channel].sum(), x, retain_graph=True)
        assert gradient.item() == slope
