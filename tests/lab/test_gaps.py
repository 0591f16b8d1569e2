"""The gaps on synthetic latents whose answers are known."""

import math

import pytest
import torch

from roundel.lab import gaps
from roundel.training.entropy.densities import gaussian_bits

N = 200_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(scale: float | torch.Tensor) -> torch.Tensor:
    return torch.randn(N, generator=generator(1)) * scale


def test_discrete_gap_of_noise() -> None:
    noise = torch.rand(N, generator=generator()) - 0.5
    y = 10 * torch.rand(N, generator=generator(1))
    spread = gaps.discrete_gap(y + noise, y.round())
    assert spread == pytest.approx((1 / 3, math.sqrt(1 / 6)), abs=2e-3)
    integers = gaps.discrete_gap(y.round() + noise, y.round())
    assert integers == pytest.approx((1 / 4, math.sqrt(1 / 12)), abs=2e-3)
    assert gaps.discrete_gap(y.round(), y.round()) == (0, 0)


@pytest.mark.parametrize("scale", [0.5, 1.0, 6.0])
def test_the_papers_estimator_has_a_floor_of_a_quarter(scale: float) -> None:
    residual = gaussian(scale).round()
    found = gaps.g_ee_paper(residual, torch.full((N,), scale), generator(2))
    assert found == pytest.approx(0.25, abs=0.02)


def test_the_sound_gap_of_a_perfect_model_is_nothing() -> None:
    scale = 0.2 + 3 * torch.rand(N, generator=generator())
    found = gaps.entropy_gap(gaussian(scale), scale)
    assert found.kl_bits < 0.002
    assert found.w1 < 0.02
    assert sum(b.weight for b in found.bins) == pytest.approx(1)


def test_the_sound_gap_is_the_divergence_of_a_wrong_scale() -> None:
    """Data of σ = 1 under a model of σ = 2, both on integers, summed directly."""
    k = torch.arange(-60, 61, dtype=torch.float32)
    p, q = (torch.exp2(-gaussian_bits(k, torch.tensor(s))).double() for s in (1.0, 2.0))
    kl = (p * torch.log2(p / q)).sum().item()
    w1 = (p - q).cumsum(0).abs().sum().item()
    found = gaps.entropy_gap(gaussian(1.0), torch.full((N,), 2.0))
    assert found.kl_bits == pytest.approx(kl, rel=0.02)
    assert found.w1 == pytest.approx(w1, rel=0.02)
    assert kl == pytest.approx(0.5 * math.log2(math.e) * (1 / 4 - 1 + math.log(4)), rel=0.1)  # of the densities


def test_scales_are_told_apart() -> None:
    """Half the latents are predicted right, half twice too wide: the bins say which."""
    scale = torch.where(torch.arange(N) < N // 2, 0.7, 4.0)
    found = gaps.entropy_gap(gaussian(torch.where(scale > 1, 2.0, 0.7)), scale, bins=4)
    assert [b.weight for b in found.bins] == [0.5, 0.5]
    assert found.bins[0].kl_bits < 0.001
    assert found.bins[1].kl_bits > 0.2
    assert found.kl_bits == pytest.approx(0.5 * found.bins[0].kl_bits + 0.5 * found.bins[1].kl_bits)


def linear(slope: torch.Tensor):  # type: ignore[no-untyped-def]
    def loss_of(xi: torch.Tensor) -> gaps.Loss:
        value = (xi * slope).flatten(1).sum(1)
        return gaps.Loss(2 * value, -value, value)

    return loss_of


def test_smoothness_of_one_latent_is_its_slope() -> None:
    random, worst = gaps.smoothness(linear(torch.tensor([[3.0]])), torch.zeros(4, 1), 0.1, generator())
    assert random[2:] == pytest.approx((6, 3, 3), rel=1e-4)
    assert worst[2:] == pytest.approx((6, 3, 3), rel=1e-4)
    assert (random.direction, worst.direction) == ("random", "fgsm")


def test_smoothness_does_not_cancel_and_knows_the_worst_direction() -> None:
    """ξ ~ U(−r, r) in n dimensions against slopes a: the change over rms is near N(0, ‖a‖²), so E|·| = ‖a‖·√(2/π)."""
    slope = torch.randn(1, 400, generator=generator())
    random, worst = gaps.smoothness(linear(slope), torch.zeros(256, 400), 0.5, generator(), pairs=16)
    assert random.total == pytest.approx(slope.norm().item() * math.sqrt(2 / math.pi), rel=0.05)
    assert worst.total == pytest.approx(slope.abs().sum().item(), rel=1e-4)


def test_smoothness_of_a_parabola_grows_with_the_radius() -> None:
    def loss_of(xi: torch.Tensor) -> gaps.Loss:
        value = xi.square().mean(1)
        return gaps.Loss(value, value, value)

    # mean ξ² over rms ξ is rms ξ = r/√3, and r along the corners.
    for radius in gaps.RADII:
        random, worst = gaps.smoothness(loss_of, torch.zeros(8, 3000), radius, generator())
        assert random.total == pytest.approx(radius / math.sqrt(3), rel=0.02)
        assert worst.total == pytest.approx(radius, rel=1e-3)


def test_draws_are_paired_between_models() -> None:
    first, second = (gaps.smoothness(linear(torch.ones(1, 5)), torch.zeros(2, 5), 0.1, generator()) for _ in range(2))
    assert first == second


def test_histogram_puts_integers_in_the_middle_of_bins() -> None:
    found = gaps.histogram(torch.tensor([-4.0, 0.0, 0.024, -0.024, 0.026, 1.0, 4.0, 9.0]))
    assert len(found.shares) == 161
    middle = {round(found.first + k * found.width, 2): 8 * share for k, share in enumerate(found.shares) if share}
    assert middle == pytest.approx({-4.0: 1, 0.0: 3, 0.05: 1, 1.0: 1, 4.0: 1})
