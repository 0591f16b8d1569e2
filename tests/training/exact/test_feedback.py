"""Rounding with error feedback: bytes all the same, and nearer to what the real weights say than nearest rounding."""

import numpy as np
import torch
from torch import Tensor

from roundel.training.exact.feedback import round_layers, round_weights
from roundel.training.exact.sums import NARROW, ExactSum, Part


def correlated(channels: int, generator: torch.Generator) -> Tensor:
    """(1, channels, 20, 20) features that have much in common, as those after a ReLU."""
    common = torch.rand(1, 4, 20, 20, generator=generator) * 120
    mixed = torch.einsum("oc,bchw->bohw", torch.rand(channels, 4, generator=generator), common)
    return (mixed + 6 * torch.rand(1, channels, 20, 20, generator=generator)).round().clamp(0, 255)


def layer(generator: torch.Generator) -> ExactSum:
    torch.manual_seed(5)
    made = ExactSum([Part(24, 1, 255, narrow=True, balanced=1)], 12, (-8191, 8191)).requires_grad_(False)
    made.weights[0][:, 0] *= 12  # one weight sets the step of all others
    return made


def said(made: ExactSum, x: Tensor, *, rounded: bool) -> Tensor:
    made.rounded = rounded
    return made(x)


def test_sums_stay_nearer_than_with_nearest_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    x, test = correlated(24, generator), correlated(24, generator)
    made = layer(generator)
    real, nearest = said(made, test, rounded=False), said(made, test, rounded=True)
    round_weights(made, x.transpose(0, 1).flatten(1))
    fed_back = said(made, test, rounded=True)
    assert (fed_back - real).square().mean() < 0.5 * (nearest - real).square().mean()
    stored = made.integers()
    assert np.abs(stored.weights[0]).max() <= NARROW
    real_again = torch.from_numpy(stored.weights[0]) * torch.exp2(
        -torch.from_numpy(stored.shift)[:, None, None, None].double()
    )
    assert torch.equal(real_again.float(), made.weights[0])


def test_layers_are_rounded_for_the_inputs_that_rounded_layers_make() -> None:
    generator = torch.Generator().manual_seed(1)
    first, second = layer(generator), ExactSum([Part(12, 3, 255, narrow=True)], 4, (0, 255)).requires_grad_(False)
    first.out_range = (0, 255)
    x, order = correlated(24, generator), []
    for module in (first, second):
        module.register_forward_hook(lambda m, _, y: order.append((m, y)))
    round_layers([first, second], lambda: second(first(x)), generator)
    assert [m for m, _ in order] == [first, second] * 2
    assert not torch.equal(order[0][1], order[2][1])
