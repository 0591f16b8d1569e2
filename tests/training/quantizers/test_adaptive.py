"""Levels per dimension and per picture, centroids, usage."""

import math

import numpy as np
import pytest
import torch

from roundel.coding import Tables, cost_bits
from roundel.errors import ModelError
from roundel.training.quantizers.adaptive import NOTCHES, AdaptiveFSQ, decoder_gain
from roundel.training.quantizers.centroids import Centroids
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.ladder import LADDER, LadderFSQ, choose, complexity, rung_of_complexity
from roundel.training.quantizers.usage import histogram, usage


def test_dimensions_get_the_levels_they_earn_one_notch_at_a_time() -> None:
    torch.manual_seed(0)
    fsq, z = AdaptiveFSQ(3), torch.randn(4000, 3)
    gain = torch.tensor([0.0, 1.0, 100.0])
    seen = [fsq.adapt(z, gain, lmbda=0.02).tolist() for _ in range(4)]
    assert [row[0] for row in seen] == [3, 1, 1, 1]
    assert [row[2] for row in seen] == [9, 17, 17, 17]
    assert 3 <= seen[-1][1] <= 9
    assert fsq.levels == tuple(seen[-1])
    codes = fsq(z).codes
    assert (codes[:, 0] == 0).all()
    assert (fsq(z).values[:, 0] == 0).all()
    assert len(codes[:, 2].unique()) == 17


def test_adapting_without_a_price_goes_up_and_with_a_huge_one_down() -> None:
    z = torch.randn(1000, 2)
    for lmbda, last in ((0.0, NOTCHES[-1]), (1e6, NOTCHES[0])):
        fsq = AdaptiveFSQ(2)
        for _ in range(4):
            fsq.adapt(z, torch.ones(2), lmbda)
        assert fsq.levels == (last, last)


def test_levels_travel_with_the_state() -> None:
    fsq, other = AdaptiveFSQ(2, 3), AdaptiveFSQ(2, 17)
    other.load_state_dict(fsq.state_dict())
    assert other.levels == (3, 3)


def test_decoder_gain_is_the_squared_norm_of_the_columns() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(50, 3)
    gain = decoder_gain(lambda v: v @ matrix.T, torch.randn(400, 3), probes=8)
    assert torch.allclose(gain, matrix.square().sum(0), rtol=0.1)


def test_the_ladder_is_nested_and_as_fine_as_it_says() -> None:
    values = [{(k - n // 2) / (n // 2) for k in range(n)} for n in LADDER]
    assert values[0] < values[1] < values[2] < values[3]
    torch.manual_seed(0)
    ladder, z = LadderFSQ(5), torch.randn(4, 5, 16, 16)
    found = ladder(z, torch.arange(4))
    for k, n in enumerate(LADDER):
        assert 0 <= found.codes[k].min() <= found.codes[k].max() == n - 1
        assert set(found.values[k].unique().tolist()) == values[k]
    assert torch.equal(ladder.values(found.codes, torch.arange(4)), found.values)
    error = (found.values - torch.tanh(z)).square().flatten(1).mean(1)
    assert (error.diff() < 0).all()
    with pytest.raises(ModelError, match="rungs"):
        ladder.values(found.codes, torch.zeros(4, dtype=torch.int64))
    for wrong in (torch.tensor([0, 1, 2, 4]), torch.tensor([0, 1, 2, -1]), torch.tensor([0, 1]), torch.zeros(4)):
        with pytest.raises(ModelError, match=r"0 \.\. 3 for each of 4"):
            ladder(z, wrong)
    with pytest.raises(ModelError, match="integers"):
        ladder.values(found.values, torch.arange(4))


def test_each_picture_takes_its_best_rung_and_pays_two_bits_for_it() -> None:
    distortion = torch.tensor([[9.0, 4, 1, 0], [1.0, 0.9, 0.8, 0.7]])
    bits = torch.tensor([[10.0, 20, 30, 40], [10.0, 20, 30, 40]])
    rung, paid = choose(distortion, bits, 0.2)
    assert rung.tolist() == [2, 0]
    assert paid.tolist() == [32, 12]


def test_complexity_counts_gradients() -> None:
    step = torch.zeros(2, 3, 8, 8)
    step[1, :, :, ::2] = 1
    assert complexity(step).tolist() == [0, 0.5]
    assert rung_of_complexity(step, torch.tensor([0.1, 0.2, 0.5])).tolist() == [0, 3]


def test_centroids_lower_the_error_and_unseen_levels_keep_their_place() -> None:
    torch.manual_seed(0)
    fsq, z = FSQ([5, 8]), 0.4 * torch.randn(20_000, 2)
    found = fsq(z)
    bounded = fsq.grid.value(found.position)
    centroids = Centroids(fsq.levels, decay=0.0, kappa=1.0)
    centroids.update(bounded, found.codes)
    better = (centroids.values(found.codes) - bounded).square().mean(0)
    assert (better < 0.97 * (found.values - bounded).square().mean(0)).all()
    means = bounded[found.codes[:, 0] == 3, 0].mean().item()
    assert centroids.values(torch.tensor([[3, 0]]))[0, 0].item() == pytest.approx(means, abs=1e-3)
    fresh = Centroids(fsq.levels)
    assert torch.equal(fresh.values(found.codes), fsq.values(found.codes))


def test_the_histogram_is_a_prior_near_the_entropy() -> None:
    torch.manual_seed(0)
    fsq = FSQ([5, 8])
    found = fsq(torch.randn(5000, 2))
    centroids = Centroids(fsq.levels, decay=0.0)
    centroids.update(found.values, found.codes)
    pmfs = centroids.pmfs()
    assert [len(p) for p in pmfs] == [5, 8]
    assert all(p.sum() == pytest.approx(1) and p.min() > 0 for p in pmfs)
    bits = cost_bits(found.codes.flatten().numpy().astype(np.int32), np.tile([0, 1], 5000),
                     Tables.from_pmfs(pmfs, [0, 0], 2**-20))  # fmt: skip
    assert bits == pytest.approx(5000 * usage(found.codes, fsq.levels).entropy_bits.sum().item(), rel=1e-3)


def test_usage_of_known_codes() -> None:
    codes = torch.tensor([[0, 1], [0, 1], [1, 1], [2, 1]])
    assert histogram(codes, [4, 2]).tolist() == [[2, 1, 1, 0], [0, 4, 0, 0]]
    found = usage(codes, [4, 2])
    assert found.used.tolist() == [3, 1]
    assert found.entropy_bits.tolist() == [1.5, 0]
    assert found.perplexity.tolist() == pytest.approx([2**1.5, 1])
    assert math.isfinite(usage(codes[:0], [4, 2]).perplexity.sum())
