"""Rounding of heads: what they say of sharp distributions changes less than when all errors count alike."""

import torch

from roundel.training.exact.feedback import round_layers
from roundel.training.pyramid.heads import round_head
from roundel.training.pyramid.step import LOG_UNIT, MEAN_UNIT, Head, Prediction

WIDTH, PLANES, COUNT = 16, 1, 3000


def made() -> Head:
    torch.manual_seed(7)
    head = Head(WIDTH, 24, PLANES).requires_grad_(False)
    head.out.weights[0].mul_(100)
    head.out.weights[0][1].mul_(0.6)
    return head


def inputs(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features that have much in common, linear means, residuals around; rows as heads see them."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.rand(4, COUNT, generator=generator) * 120
    features = torch.rand(WIDTH, 4, generator=torch.Generator().manual_seed(1)) @ common / 2
    around = torch.randn(9 * PLANES, COUNT, generator=generator) * 10
    return features.round().clamp(0, 255)[None, :, :, None], torch.zeros(COUNT), around.round()[None, :, :, None]


def cost(said: Prediction, real: Prediction) -> float:
    """Mean bits that wrong means and scales of logistic distributions cost, to the second order."""
    mean = (said.mean - real.mean) / MEAN_UNIT / torch.exp(real.log_scale / LOG_UNIT)
    scale = (said.log_scale - real.log_scale) / LOG_UNIT
    return float((mean.square() / 6 + 0.71 * scale.square()).mean())


def test_errors_count_by_what_they_cost() -> None:
    real = made()
    real.hidden.rounded = False
    wanted = real(*inputs(3))
    plain, weighed = made(), made()
    round_layers([plain.hidden], lambda: plain(*inputs(2)), torch.Generator().manual_seed(0))
    round_head(weighed, lambda: weighed(*inputs(2)), torch.Generator().manual_seed(0))
    assert cost(weighed(*inputs(3)), wanted) < 0.85 * cost(plain(*inputs(3)), wanted)


def test_hidden_weights_are_bytes_afterwards() -> None:
    head = made()
    round_head(head, lambda: head(*inputs(2)), torch.Generator().manual_seed(0))
    said = head(*inputs(3))
    head.hidden.rounded = False
    assert torch.equal(head(*inputs(3)).mean, said.mean)
