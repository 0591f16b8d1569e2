"""Finite scalar quantisation: exactly L levels, soft rounding, and what the printed equations do instead."""

import math

import pytest
import torch

from roundel.coding import cost_bits, decode, encode
from roundel.training.entropy.categorical import CategoricalPrior, from_symbols, to_symbols
from roundel.training.quantizers.annealing import temperature
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.fsq_as_written import FSQAsWritten, detached_pair
from roundel.training.quantizers.soft_round import soft_round


def sweep(levels: int) -> torch.Tensor:
    """Latents (N, 1) whose tanh is dense in (−1, 1), and saturated ones."""
    inner = torch.atanh(torch.linspace(-1, 1, 40 * levels + 1, dtype=torch.float64)[1:-1])
    return torch.cat([torch.tensor([-1e9, -30.0, 30.0, 1e9], dtype=torch.float64), inner]).float()[:, None]


@pytest.mark.parametrize("levels", [*range(2, 20), 31, 64, 255, 256, 1000, 1001, 1002, 2001, 4096])
def test_exactly_l_levels_for_every_l(levels: int) -> None:
    found = FSQ([levels])(sweep(levels))
    assert found.codes.unique().tolist() == list(range(levels))
    assert len(found.values.unique()) == levels
    assert found.values.min() == -1
    assert found.values.max() == ((levels - 1) // 2) / (levels // 2)


@pytest.mark.parametrize("levels", range(3, 20))
def test_zero_is_the_middle_of_a_bin(levels: int) -> None:
    found = FSQ([levels])(torch.zeros(1, 1))
    assert found.values.item() == 0
    assert found.position.item() == pytest.approx(levels // 2, abs=1e-5)


def test_two_levels_are_decided_at_zero() -> None:
    assert FSQ([2])(torch.tensor([[-1e-3], [1e-3]])).codes.flatten().tolist() == [0, 1]


def test_64_dimensions_of_8_levels_through_real_bytes() -> None:
    torch.manual_seed(0)
    fsq, prior = FSQ([8] * 64), CategoricalPrior([8] * 64)
    found = fsq(torch.randn(100, 64))
    symbols, index = to_symbols(found.codes, fsq.levels)
    data = encode(symbols, index, prior.tables())
    # A joint index would need 192 bits; the untrained prior is uniform and costs just those.
    assert cost_bits(symbols, index, prior.tables()) == pytest.approx(100 * 64 * 3, abs=0.1)
    assert len(data) in (2400, 2401)
    codes = from_symbols(decode(data, index, prior.tables()), found.codes.shape)
    assert torch.equal(fsq.values(codes), found.values)


@pytest.mark.parametrize(("softness", "gap"), [(1.0, 0.281), (0.1, 0.139)])
def test_soft_rounding_is_as_soft_as_measured(softness: float, gap: float) -> None:
    u = torch.linspace(-3, 3, 60_001, dtype=torch.float64)
    rms = (soft_round(u, 1 / softness) - torch.floor(u + 0.5)).square().mean().sqrt().item()
    assert rms == pytest.approx(gap, abs=1e-3)


def test_temperature_falls_geometrically_then_rounding_is_hard() -> None:
    assert temperature(0.0) == 1.0
    assert temperature(0.45) == pytest.approx(math.sqrt(0.1))
    assert temperature(0.8999) == pytest.approx(0.1, rel=1e-2)
    assert temperature(0.9) == temperature(0.99) == 0


def test_temperature_changes_values_but_neither_codes_nor_their_number() -> None:
    torch.manual_seed(0)
    fsq, z = FSQ([8, 5]), torch.randn(500, 2)
    for softness in (1.0, 0.1):
        soft = fsq.soften(z, softness)
        assert torch.equal(soft.codes, fsq(z).codes)
        assert not torch.equal(soft.values, fsq(z).values)
    sharp = fsq.soften(z, 1e-4).values
    assert (sharp - fsq(z).values).abs().quantile(0.99) < 1e-3


@pytest.mark.parametrize(("levels", "found"), [(2, 3), (3, 3), (8, 9), (5, 5)])
def test_as_written_even_levels_are_one_too_many(levels: int, found: int) -> None:
    written = FSQAsWritten(1, levels)
    assert len(written(sweep(levels)).codes.unique()) == found


def test_as_written_a_low_temperature_makes_81_levels() -> None:
    written = FSQAsWritten(1, 8, temperature=0.1)
    z = 0.1 * sweep(200)
    assert len(written(z).codes.unique()) == 81
    assert written.levels == (81,)
    assert len(FSQ([8]).soften(sweep(200), 0.1).codes.unique()) == 8


def test_as_written_the_encoder_learns_nothing_from_reconstruction() -> None:
    z = torch.randn(20, 4, requires_grad=True)
    values = FSQAsWritten(4, 8)(z).values
    # The sum with z keeps a graph: eq. 7 itself has none.
    (gradient,) = torch.autograd.grad((values.square() + 0 * z).sum(), z)
    assert (gradient == 0).all()
    (gradient,) = torch.autograd.grad(FSQ([8] * 4)(z).values.square().sum(), z)
    assert (gradient != 0).any(1).all()


def test_as_written_the_decoder_trains_on_what_no_code_stands_for() -> None:
    torch.manual_seed(0)
    z = 5 * torch.randn(20, 4)
    written = FSQAsWritten(4, 8)
    found = written(z)
    assert torch.allclose(written.values(found.codes), found.values - (z - 4 * torch.tanh(z)), atol=1e-5)
    assert (written.values(found.codes) - found.values).abs().max() > 1


def test_detached_mse_pair_cancels_under_a_straight_through_estimator() -> None:
    z = torch.randn(20, 4, requires_grad=True)
    values = z + (torch.round(z) - z).detach()
    (gradient,) = torch.autograd.grad(detached_pair(z, values), z)
    assert (gradient == 0).all()
    (alone,) = torch.autograd.grad((z - values.detach()).square().mean(), z)
    assert (alone != 0).any()


def test_as_written_rate_is_rewarded() -> None:
    written = FSQAsWritten(1, 9)
    one, many = torch.zeros(100, 1), torch.atanh(torch.linspace(-0.98, 0.98, 100)[:, None])
    zero_error = written(one).loss
    assert zero_error == 0
    bits = -10 * (written(many).loss - 2 * (many - written(many).values).square().mean())
    assert bits > 2
