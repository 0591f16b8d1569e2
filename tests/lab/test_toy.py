"""Toy sources: their optima by hand, and surrogates that come near them."""

import math

import numpy as np
import pytest
import torch

from roundel.errors import ModelError
from roundel.lab.toy import Training, run
from roundel.lab.toy_sources import SOURCES, Curve, sawbridge_optimum, scalar_optimum, source_of


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
def test_scalar_sources_have_unit_variance(name: str) -> None:
    x = source_of(name).draw(400_000, torch.Generator().manual_seed(0))
    assert x.mean().item() == pytest.approx(0, abs=0.01)
    assert x.var().item() == pytest.approx(1, abs=0.02)
    kurtosis = {"gaussian": 3, "laplace": 6}[name]
    assert x.pow(4).mean().item() == pytest.approx(kurtosis, rel=0.05)


def test_the_sawbridge_ramps_and_falls_once() -> None:
    x = SOURCES["sawbridge"].draw(1000, torch.Generator().manual_seed(0))
    falls = (x.diff(dim=1) < -0.5).sum(1)
    assert (falls <= 1).all()
    # E X² = E[t − 1(t ≥ U)]² = t(1 − t), which integrates to 1/6: the distortion at no rate.
    assert x.square().mean().item() == pytest.approx(1 / 6, rel=0.05)


def test_no_partition_beats_the_sawbridge_optimum() -> None:
    optimum = sawbridge_optimum()
    assert (optimum.rates_bits[:3], optimum.distortions[:3]) == (
        pytest.approx([0, 1, math.log2(3)]),
        pytest.approx([1 / 6, 1 / 12, 1 / 18]),
    )
    rng = np.random.default_rng(0)
    for cells in (2, 3, 5, 9):
        width = rng.dirichlet(np.ones(cells), 300)
        rate, distortion = -(width * np.log2(width)).sum(1), (width**2).sum(1) / 6
        line = np.interp(rate, optimum.rates_bits, optimum.distortions)
        assert (distortion >= line - 1e-9).all()


def below(curve: Curve, rate: float) -> float:
    return float(np.interp(rate, curve.rates_bits, curve.distortions))


def test_the_scalar_optimum_at_high_rates_is_a_quarter_bit_from_shannon() -> None:
    """Uniform quantisation costs ½·log2(πe/6) = 0.2546 bits more than the bound at high rates."""
    for name in ("gaussian", "laplace"):
        curve, bound = scalar_optimum(name), source_of(name).bound()
        assert bound is not None
        ratio = curve.at(4.5) / bound.at(4.5)
        assert 0.5 * math.log2(ratio) == pytest.approx(0.2546, abs=0.01)


def test_the_scalar_optimum_beats_a_sign_and_obeys_the_bound() -> None:
    """One bit for the sign leaves 1 − 2/π of a Gaussian and ½ of a Laplace source."""
    for name, sign in (("gaussian", 1 - 2 / math.pi), ("laplace", 0.5)):
        curve, bound = scalar_optimum(name), source_of(name).bound()
        assert bound is not None
        assert below(curve, 1.0) < sign
        for rate in (0.5, 1.0, 2.0, 3.0):
            assert below(curve, rate) > bound.at(rate)
        slopes = np.diff(curve.distortions) / np.diff(curve.rates_bits)
        assert (np.diff(slopes) > 0).all()


def test_noise_comes_near_the_optimum_and_never_under_it() -> None:
    points = run(source_of("gaussian"), "noise", Training(steps=100, batch=128, test_samples=5000))
    assert [p.rate_bits for p in points] == sorted(p.rate_bits for p in points)
    assert all(p.excess > -0.02 for p in points)
    assert points[-1].excess < 0.1


@pytest.mark.parametrize("name", ["soft-ste", "universal", "soft-then-hard:soft-round"])
def test_surrogates_learn_the_sawbridge(name: str) -> None:
    short, longer = (run(source_of("sawbridge"), name, Training(steps=n, batch=64, test_samples=2000)) for n in (1, 30))
    assert sum(p.excess for p in longer) < 0.8 * sum(p.excess for p in short)


def test_runs_repeat_and_leave_the_generator_alone() -> None:
    state = torch.random.get_rng_state()
    first, second = (run(source_of("laplace"), "stochastic", Training(steps=3)) for _ in range(2))
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), state)


def test_unknown_names_are_named() -> None:
    with pytest.raises(ModelError, match="sawbridge"):
        source_of("cauchy")
    with pytest.raises(ModelError, match="soft-ste"):
        run(source_of("laplace"), "hope", Training(steps=1))
