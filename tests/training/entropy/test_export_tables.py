"""Gaussian and logistic tables against their distributions; the grid of means against its stated loss."""

import math

import numpy as np
import pytest

from roundel.coding import Tables, cost_bits
from roundel.training.entropy.gaussian import gaussian_pmf, gaussian_tables
from roundel.training.entropy.logistic import logistic_index, logistic_pmf, logistic_tables


def probabilities(tables: Tables, t: int) -> np.ndarray:
    return tables.frequencies[tables.starts[t] : tables.starts[t + 1]] / 2**24


def test_gaussian_pmf_by_hand() -> None:
    pmf = gaussian_pmf(1.0, 3)
    assert pmf[3] == pytest.approx(0.3829249225)  # Φ(½) − Φ(−½)
    assert pmf[4] == pytest.approx(0.2417303375)  # Φ(3/2) − Φ(1/2)
    assert pmf.sum() == pytest.approx(1 - math.erfc(3.5 / math.sqrt(2)))


def test_gaussian_tables_are_symmetric_short_and_accurate() -> None:
    scales = np.geomspace(0.11, 256, 64)
    tables = gaussian_tables(scales, 2**-16)
    for t, scale in enumerate(scales):
        p = probabilities(tables, t)
        reach = -int(tables.offsets[t])
        assert p.size == 2 * reach + 2
        assert np.abs(p[:-1] - p[-2::-1]).max() <= 2**-23  # but for which slots get the remainders
        assert p[-1] == pytest.approx(2**-16, rel=0.01)
        assert np.abs(p[:-1] - gaussian_pmf(scale, reach) * (1 - 2**-16)).max() < 1e-4
        assert reach <= 5 * scale + 2


def test_gaussian_cost_is_the_entropy() -> None:
    rng = np.random.default_rng(0)
    tables = gaussian_tables([8.0])
    symbols = np.round(rng.normal(size=200_000) * 8).astype(np.int32)
    differential = 0.5 * math.log2(2 * math.pi * math.e * 64)  # of a Gaussian; at this scale that of its rounding too
    assert cost_bits(symbols, np.zeros(symbols.size, int), tables) / symbols.size == pytest.approx(
        differential, abs=0.01
    )


def test_logistic_pmf_by_hand() -> None:
    pmf = logistic_pmf(1.0, 0.5, 0, 1)
    assert pmf == pytest.approx([1 / (1 + math.exp(-0.0)) - 1 / (1 + math.e), 1 / (1 + math.exp(-1)) - 0.5])


@pytest.mark.parametrize(
    ("scale", "fractions", "loss"), [(0.2, 2, 0.12), (0.2, 4, 0.03), (0.2, 8, 0.01), (2.0, 2, 0.006)]
)
def test_grid_of_means_loses_what_it_says(scale: float, fractions: int, loss: float) -> None:
    rng = np.random.default_rng(1)
    count, unit_log2 = 100_000, 6
    means = rng.integers(-50 << unit_log2, 50 << unit_log2, count)
    symbols = np.round(rng.logistic(means / 2**unit_log2, scale)).astype(np.int32)

    def bits(n: int) -> float:
        tables = logistic_tables([scale], [n])
        index, centre = logistic_index(np.zeros(count, int), means, unit_log2, np.array([n]))
        return cost_bits(symbols - centre, index, tables) / count

    assert 0 <= bits(fractions) - bits(64) < loss


def test_logistic_index_is_the_nearest_mean() -> None:
    fractions = np.array([8, 4, 1])
    base = np.array([0, 8, 12])
    scale_index = np.repeat([0, 1, 2], 65)
    mean = np.tile(np.arange(-32, 33), 3)  # in sixteenths: −2 .. 2
    index, centre = logistic_index(scale_index, mean, 4, fractions)
    j = index - base[scale_index]
    assert np.all((j >= 0) & (j < fractions[scale_index]))
    nearest = centre + j / fractions[scale_index]
    assert np.abs(nearest - mean / 16).max() <= 0.5
    assert np.all(np.abs(nearest - mean / 16) <= 0.5 / fractions[scale_index])
