"""Learned steps, by themselves and in a factorized prior: one training, files of many rates."""

import math

import pytest
import torch
from torch import nn

from roundel.errors import ModelError
from roundel.lab.classic import Size, SteppedPrior
from roundel.lab.classic_coder import coder_of
from roundel.training.quantizers import make
from roundel.training.quantizers.learned_steps import LearnedSteps
from tests.lab.test_classic_coder import picture, tensor


def test_quantisers_between_the_two_round_to_multiples_of_the_step() -> None:
    steps = LearnedSteps((3, 1, 1), torch.tensor([0.5, 1.0, 4.0]).view(3, 1, 1))
    y = 10 * torch.randn(2, 3, 4, 4)
    for factor in (1.0, 2.0):
        steps.scale(factor)
        rounded = steps.multiply(make("noise").test(steps.divide(y), torch.zeros_like(y), torch.abs).y_hat)
        width = factor * torch.tensor([0.5, 1.0, 4.0]).view(3, 1, 1)
        assert torch.allclose(rounded / width, (rounded / width).round(), atol=1e-5)
        assert ((rounded - y).abs() <= width / 2 + 1e-4).all()


def test_steps_find_the_optimum_of_noise_and_rate() -> None:
    """By hand: noise of step Δ costs λΔ²/12 and saves log2 Δ bits, least where Δ² = 6/(λ ln 2)."""
    torch.manual_seed(0)
    steps, lmbda, y = LearnedSteps((1,)), 3.0, 50 * torch.randn(4096, 1)
    optimizer = torch.optim.Adam(steps.parameters(), 0.05)
    for _ in range(200):
        noisy = steps.multiply(make("noise").train(steps.divide(y), torch.zeros_like(y), torch.abs).for_decoder)
        loss = lmbda * (noisy - y).square().mean() - torch.log2(steps.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert steps.steps.item() == pytest.approx(math.sqrt(6 / (lmbda * math.log(2))), rel=0.03)


@pytest.fixture(scope="module")
def trained() -> SteppedPrior:
    torch.manual_seed(0)
    model = SteppedPrior(Size(8, 12, 0.2))
    with torch.no_grad():
        model.steps.log_steps.fill_(-3)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    x = tensor(picture(64, 64))
    for _ in range(40):
        optimizer.zero_grad()
        model(x, torch.zeros(1), make("noise")).loss.mean().backward()
        optimizer.step()
    return model.eval()


def test_coarser_steps_make_shorter_and_worse_files_of_the_length_that_is_estimated(trained: nn.Module) -> None:
    x, pixels, lengths, errors = tensor(picture(128, 192)), picture(128, 192), [], []
    with torch.no_grad():
        unrounded = trained.synthesis(trained.analysis(x))[0].permute(1, 2, 0).clamp(0, 1).numpy()
    for factor in (0.5, 1.0, 2.0, 4.0):
        trained.steps.scale(factor)
        coder = coder_of(trained, make("noise"))
        data = coder.encode(pixels)
        with torch.no_grad():
            rd = trained(x, torch.zeros(1), make("noise"))
        assert len(data) == pytest.approx(rd.y_bpp.item() * 128 * 192 / 8, rel=0.01, abs=10)
        lengths.append(len(data))
        errors.append(((coder.decode(data) / 255.0 - unrounded) ** 2).mean())
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 1.5 * lengths[-1]
    assert errors == sorted(errors)


def test_steps_cannot_be_scaled_to_nothing() -> None:
    for factor in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ModelError, match="above 0"):
            LearnedSteps((1,)).scale(factor)
