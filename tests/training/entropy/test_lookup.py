"""Bits by table: the density at whole places, its slope between them."""

import numpy as np
import pytest
import torch

from roundel.training.entropy.lookup import lookup_bits, mixture_bits, mixture_pmf, mixture_table

SCALES = torch.tensor([0.2, 0.7, 2.5, 9.0])


def test_whole_places_have_the_bits_of_the_density() -> None:
    table = mixture_table(SCALES)
    symbols = torch.tensor([[0.0, 1, -2, 5], [0, -1, 3, 20]])
    place = torch.tensor([[2.0, 2, 2, 2], [1, 3, 3, 3]])
    expected = mixture_bits(symbols, SCALES[place.long()])
    torch.testing.assert_close(lookup_bits(symbols, place, table), expected, rtol=1e-3, atol=1e-3)


def test_the_gradient_is_the_slope_between_rows() -> None:
    table = mixture_table(SCALES)
    place = torch.tensor([1.25], requires_grad=True)
    lookup_bits(torch.tensor([-3.0]), place, table).backward()
    assert place.grad.item() == pytest.approx((table[2, 3] - table[1, 3]).item())


def test_a_hopeless_symbol_still_knows_which_scale_is_better() -> None:
    table = mixture_table(SCALES)
    assert table[0, 12] > 30 >= table[1, 12] > table[3, 12]


@pytest.mark.parametrize("scale", [0.1, 1.0, 300.0])
def test_probabilities_hold_all_but_the_tail(scale: float) -> None:
    pmf = mixture_pmf(scale, 2**-16)
    assert pmf.size >= 3
    assert np.array_equal(pmf, pmf[::-1])
    assert 1 - 2**-16 - 1e-8 <= pmf.sum() <= 1 + 1e-8
