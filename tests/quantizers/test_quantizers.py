"""What every quantiser promises, and what each is for."""

from functools import partial

import pytest
import torch

from roundel.entropy.densities import gaussian_bits
from roundel.quantizers import QUANTIZERS, Mixed, Thrifty


@pytest.fixture
def latents() -> tuple[torch.Tensor, torch.Tensor, partial[torch.Tensor]]:
    """(y, loc, bits)."""
    torch.manual_seed(0)
    loc = torch.randn(2, 3, 8, 8)
    scale = torch.rand(2, 3, 8, 8) * 2 + 0.11
    return loc + 2 * torch.randn_like(loc), loc, partial(gaussian_bits, scale=scale)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_test_gives_integers_around_the_mean(name: str, latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    symbols, y_hat = QUANTIZERS[name]().test(y, loc, bits)
    assert torch.equal(symbols, symbols.round())
    assert torch.allclose(y_hat, symbols + loc)
    assert (y_hat - y).abs().max() <= 1.5


@pytest.mark.parametrize("name", QUANTIZERS)
def test_training_has_gradients_on_both_paths(name: str, latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    y = y.requires_grad_()
    for path in QUANTIZERS[name]().train(y, loc, bits):
        (gradient,) = torch.autograd.grad(path.sum(), y, retain_graph=True)
        assert torch.allclose(gradient, torch.ones_like(y))


def test_mixed_gives_the_decoder_what_files_hold_and_the_rate_noise(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    trained, tested = Mixed().train(y, loc, bits), Mixed().test(y, loc, bits)
    assert torch.allclose(trained.for_decoder, tested.y_hat, atol=1e-6)
    noise = trained.for_rate - y
    assert noise.abs().max() <= 0.5 + 1e-6
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.15)


def test_thrifty_minimises_error_and_bits_among_its_two_candidates(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    price = 0.1
    symbols = Thrifty(price).test(y, loc, bits).symbols
    residual = y - loc

    def cost(k: torch.Tensor) -> torch.Tensor:
        return (residual - k).square() + price * bits(k)

    nearest = torch.copysign(torch.floor(residual.abs() + 0.5), residual)
    lower = torch.copysign((nearest.abs() - 1).clamp_min(0), residual)
    best = torch.minimum(cost(nearest), cost(lower))
    assert torch.allclose(cost(symbols), best, atol=1e-5)
    assert (symbols.abs() < nearest.abs()).any()


def test_thrifty_at_no_price_is_rounding(latents) -> None:  # type: ignore[no-untyped-def]
    y, loc, bits = latents
    assert torch.equal(Thrifty(0).test(y, loc, bits).symbols.abs(), Mixed().test(y, loc, bits).symbols.abs())
