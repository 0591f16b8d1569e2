"""The learned prior of codes: learns frequencies, prices gradients, becomes integer tables."""

import pytest
import torch

from roundel.coding import cost_bits
from roundel.errors import ModelError
from roundel.training.entropy.categorical import CategoricalPrior, to_symbols
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.usage import usage


def test_the_prior_learns_the_entropy_and_its_tables_cost_it() -> None:
    torch.manual_seed(0)
    fsq = FSQ([8, 3, 5])
    codes = fsq(torch.randn(1000, 3)).codes
    prior = CategoricalPrior(fsq.levels)
    optimizer = torch.optim.Adam(prior.parameters(), 0.03)
    for _ in range(60):
        optimizer.zero_grad()
        prior.bits(codes).mean().backward()
        optimizer.step()
    total = prior.bits(codes).sum().item()
    assert total == pytest.approx(1000 * usage(codes, fsq.levels).entropy_bits.sum().item(), rel=2e-3)
    symbols, index = to_symbols(codes, fsq.levels)
    assert cost_bits(symbols, index, prior.tables()) == pytest.approx(total, rel=1e-4)


def test_an_untrained_prior_is_uniform_over_each_channels_own_levels() -> None:
    prior = CategoricalPrior([8, 2])
    assert prior.bits(torch.tensor([[7, 1]])).tolist() == [[3.0, 1.0]]
    assert [t.tolist() for t in prior.tables().sizes] == [9, 3]


def test_rate_is_hard_forward_and_pulls_towards_likely_codes() -> None:
    prior = CategoricalPrior([5])
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([[0.0, 0.1, 0.2, 0.1, 0]]))
    position = torch.tensor([[0.6], [1.4], [2.0], [2.6], [3.4]], requires_grad=True)
    codes = torch.floor(position.detach() + 0.5).long()
    rate = prior.rate(codes, position)
    assert torch.equal(rate.detach(), prior.bits(codes).detach())
    rate.sum().backward()
    gradient = position.grad.flatten()
    assert (gradient[:2] < 0).all()
    assert gradient[2].abs() < 1e-4
    assert (gradient[3:] > 0).all()
    assert prior.logits.grad is None


def test_rate_is_finite_with_grids_and_unequal_levels() -> None:
    torch.manual_seed(0)
    fsq = FSQ([8, 3])
    z = torch.randn(4, 2, 5, 6, requires_grad=True)
    found = fsq(z)
    prior = CategoricalPrior(fsq.levels)
    torch.nn.init.normal_(prior.logits, std=0.1)
    rate = prior.rate(found.codes, found.position)
    assert rate.shape == (4, 2, 5, 6)
    rate.sum().backward()
    assert torch.isfinite(z.grad).all()
    assert (z.grad != 0).any()


def test_diversity_is_the_entropy_of_the_mean_assignment_and_spreads_codes() -> None:
    prior = CategoricalPrior([4, 2])
    position = torch.tensor([[0.0, 1], [1, 1], [2, 1], [3, 1]], requires_grad=True)
    bits = prior.diversity_bits(position)
    assert bits[0].item() == pytest.approx(2, abs=1e-3)
    assert bits[1].item() == pytest.approx(0, abs=0.07)
    together = torch.tensor([[0.1, 0.0], [-0.1, 0.0], [0.1, 0.4]], requires_grad=True)
    prior.diversity_bits(together).sum().backward()
    assert together.grad[0, 0] > 0
    assert together.grad[2, 1] > 0


def test_codes_out_of_range_are_not_coded() -> None:
    with pytest.raises(ModelError, match=r"channel 0 are 8 \.\. 8"):
        to_symbols(torch.tensor([[8]]), [8])
