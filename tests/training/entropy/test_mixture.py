"""Mixture tables: the index names the table that the numbers describe."""

import numpy as np
import pytest
import torch

from roundel import coding
from roundel.codecs.pyramid import distribution
from roundel.codecs.pyramid.distribution import FIRST, UNIFORM_CHROMA, UNIFORM_LUMA, mixture_index
from roundel.training.entropy.mixture import mixture_bits, mixture_tables
from roundel.training.pyramid import step as pyramid


def test_units_agree_with_the_nets() -> None:
    assert 1 << distribution.MEAN_BITS == pyramid.MEAN_UNIT
    assert distribution.LOG_UNIT == pyramid.LOG_UNIT


def test_tables_are_all_there() -> None:
    tables = mixture_tables()
    assert len(tables) == UNIFORM_CHROMA + 1 == FIRST[-1] + 2
    assert (tables.offsets[UNIFORM_LUMA], tables.lasts[UNIFORM_LUMA]) == (-128, 127)
    assert (tables.offsets[UNIFORM_CHROMA], tables.lasts[UNIFORM_CHROMA]) == (-255, 255)


def test_indices_by_hand() -> None:
    # ln s = −3 is scale 0 with 16 means: mean 37/16 = 2 + 5/16. Tail logit −5 + 2 = weight 2.
    index, centre = mixture_index(np.array([37], np.int32), np.array([-192], np.int32), np.array([-192], np.int32))
    assert (index[0], centre[0]) == (2 * 16 + 5, 2)
    # The widest scale has one mean: −9/16 rounds to −1, −8/16 to 0. Far values are clamped.
    index, centre = mixture_index(np.array([-9, -8], np.int32), np.array([9999] * 2), np.array([-9999] * 2))
    assert index.tolist() == [FIRST[57]] * 2
    assert centre.tolist() == [-1, 0]


@pytest.mark.parametrize("log_scale", [-2.5, -1.0, 0.0, 1.5, 3.0])
def test_the_tables_cost_what_training_thinks(log_scale: float) -> None:
    rng = np.random.default_rng(0)
    n, tail = 4000, rng.uniform(-5, 2, 4000)
    mean = rng.uniform(-20, 20, n)
    wide = rng.random(n) < 1 / (1 + np.exp(-tail))
    x = np.round(mean + rng.logistic(size=n) * np.exp(log_scale) * np.where(wide, 4, 1)).astype(np.int32)
    thought = float(
        mixture_bits(torch.tensor(x - mean), torch.full((n,), log_scale, dtype=torch.double), torch.tensor(tail)).sum()
    )
    ints = [np.round(v).astype(np.int32) for v in (mean * 16, np.full(n, log_scale * 64), tail * 64)]
    index, centre = mixture_index(*ints)
    tables = mixture_tables()
    symbols = (x - centre).astype(np.int32)
    assert coding.cost_bits(symbols, index, tables) == pytest.approx(thought, rel=0.01, abs=0.02 * n)
    assert np.array_equal(coding.decode(coding.encode(symbols, index, tables), index, tables), symbols)
