"""Bounded convolutions: the norm holds, small kernels stay as they are, and what training knows is kept."""

import copy

import pytest
import torch
from torch import nn

from roundel.errors import ModelError
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.spectral import bound


def norm(layer: nn.Conv2d | nn.ConvTranspose2d) -> float:
    kernel = layer.weight.detach()
    kernel = kernel.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else kernel
    return torch.linalg.matrix_norm(kernel.flatten(1), 2).item()


@pytest.mark.parametrize("make", [nn.Conv2d, nn.ConvTranspose2d])
def test_norms_come_down_to_the_limit(make: type[nn.Conv2d] | type[nn.ConvTranspose2d]) -> None:
    torch.manual_seed(0)
    layer = make(6, 10, 3)
    with torch.no_grad():
        layer.weight.mul_(20)
    assert norm(layer) > 10
    bound(nn.Sequential(layer), 2.0)
    for _ in range(30):
        _ = layer.weight  # one power iteration each in training
    assert norm(layer) == pytest.approx(2.0, rel=0.01)


def test_small_kernels_are_left_alone() -> None:
    layer = nn.Conv2d(3, 5, 3)
    before = layer.weight.detach().clone()
    bound(nn.Sequential(layer), norm(layer) * 1.5)
    assert torch.equal(layer.weight, before)


def test_evaluation_changes_nothing_and_copies_agree() -> None:
    torch.manual_seed(0)
    size = Size(8, 12, spectral=("analysis", "synthesis"), spectral_limit=0.5)
    model = Hyperprior(size, means=True).eval()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    x = torch.rand(1, 3, 64, 64)
    y = model.analysis(x)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert torch.equal(copy.deepcopy(model).analysis(x), y)
    other = Hyperprior(size, means=True).eval()
    other.load_state_dict(state)
    assert torch.equal(other.analysis(x), y)


def test_gradients_reach_kernels_and_gains() -> None:
    model = Hyperprior(Size(8, 12, spectral=("analysis",)), means=True)
    model.analysis(torch.rand(1, 3, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.analysis.parameters())
    assert not any("parametrizations" in name for name, _ in model.synthesis.named_parameters())


def test_unknown_nets_are_named() -> None:
    with pytest.raises(ModelError, match="'encoder'; known: analysis"):
        Hyperprior(Size(8, 12, spectral=("encoder",)), means=True)
