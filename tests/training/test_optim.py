"""Optimisers and schedules: what orthogonalised updates keep, and how the learning rate goes."""

import pytest
import torch
from torch import nn

from roundel.training.optim import Muon, cosine, orthogonalise


@pytest.mark.parametrize("shape", [(3, 24, 60), (2, 60, 24)])
def test_orthogonalised_updates_keep_directions_and_have_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = left.mT @ orthogonalise(matrices) @ right.mT
    diagonal = values.diagonal(dim1=1, dim2=2)
    assert diagonal.min() > 0.5
    assert diagonal.max() < 1.4
    torch.testing.assert_close(values, torch.diag_embed(diagonal), atol=1e-3, rtol=0)


def test_weights_of_one_shape_are_orthogonalised_each_for_itself() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(2, 16, 32)
    matrices[1] *= 100
    alone = torch.cat([orthogonalise(matrices[:1]), orthogonalise(matrices[1:])])
    torch.testing.assert_close(orthogonalise(matrices), alone, atol=1e-4, rtol=0)


def test_muon_descends() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(20, 16, 1, 1), nn.Parameter(torch.zeros(20, 16, 1, 1))
    optimizer = Muon([weight], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert (weight - target).square().mean() < 0.05


def test_learning_rate_rises_then_falls_to_zero() -> None:
    factors = [cosine(step, 1000, 100) for step in range(1001)]
    assert factors[0] == pytest.approx(0.01)
    assert max(factors) == factors[100] == 1
    assert factors[550] == pytest.approx(0.5)
    assert factors[1000] == 0
