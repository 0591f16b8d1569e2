"""Bottlenecks beside what was published: the FSQ paper's own code and example, and another library."""

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as other

from roundel.training.quantizers.fsq import FSQ, RECOMMENDED
from roundel.training.quantizers.lfq import LFQ
from roundel.training.quantizers.vq import nearest


def published(z: np.ndarray, levels: tuple[int, ...], epsilon: float = 1e-3) -> np.ndarray:
    """Positions before rounding, as the paper's appendix A.1 has them, tan included; codes are round(·) + ⌊L/2⌋."""
    n = np.array(levels)
    half = (n - 1) * (1 - epsilon) / 2
    offset = np.where(n % 2 == 1, 0, 0.5)
    return np.tanh(z + np.tan(offset / half)) * half - offset


def test_the_paper_s_example() -> None:
    """ "Quantized [0.25, 0.6, −7] → [0, 0.5, −1]", the 10th index: google-research/fsq/fsq.ipynb."""
    fsq = FSQ([3, 5, 4])
    found = fsq(torch.tensor([[0.25, 0.6, -7.0]]))
    assert found.values.tolist() == [[0, 0.5, -1]]
    assert (found.codes * torch.tensor([1, 3, 15])).sum() == 10


def test_the_paper_s_codebook_of_three_and_four_levels() -> None:
    codes = torch.cartesian_prod(torch.arange(4), torch.arange(3)).flip(1)
    expected = [[a, b] for b in (-1, -0.5, 0, 0.5) for a in (-1, 0, 1)]
    assert FSQ([3, 4]).values(codes).tolist() == expected


@pytest.mark.parametrize("levels", [*RECOMMENDED.values(), (3,), (4,), (255,), (256,)])
def test_codes_are_those_of_the_paper_away_from_boundaries(levels: tuple[int, ...]) -> None:
    """Its tan for our atanh, and our smaller ε above 251 levels, move a position by less than a hundredth of a bin."""
    z = 1.5 * np.random.default_rng(0).standard_normal((20_000, len(levels)))
    position = published(z, levels)
    codes = FSQ(levels)(torch.from_numpy(z)).codes.numpy()
    clear = np.abs(position - np.floor(position) - 0.5) > 0.01
    assert clear.mean() > 0.97
    assert np.array_equal(codes[clear], (np.rint(position) + np.array(levels) // 2).astype(int)[clear])


@pytest.mark.parametrize("levels", [*RECOMMENDED.values()])
def test_codes_and_values_are_those_of_another_library(levels: tuple[int, ...]) -> None:
    z = torch.randn(5_000, len(levels), generator=torch.Generator().manual_seed(0))
    theirs, indices = other.FSQ(levels=list(levels))(z[None])
    ours = FSQ(levels)(z)
    same = (ours.values - theirs[0]).abs() < 1e-6
    assert same.float().mean() > 0.995  # their ε has the other sign, which moves boundaries by a thousandth
    whole = same.all(1)
    basis = torch.tensor([1, *np.cumprod(levels[:-1])])
    assert torch.equal((ours.codes * basis).sum(1)[whole], indices[0].long()[whole])


def test_signs_are_those_of_another_library() -> None:
    z = torch.randn(500, 10, generator=torch.Generator().manual_seed(0))
    theirs = other.LFQ(dim=10, codebook_size=1024).eval()(z[None])
    ours = LFQ(10)(z)
    assert torch.equal(ours.values, theirs.quantized[0])
    assert torch.equal((ours.codes * 2 ** torch.arange(9, -1, -1)).sum(1), theirs.indices[0])


def test_the_nearest_vectors_are_those_of_another_library() -> None:
    generator = torch.Generator().manual_seed(0)
    z, codebook = torch.randn(3000, 8, generator=generator), torch.randn(64, 8, generator=generator)
    theirs = other.VectorQuantize(dim=8, codebook_size=64).eval()
    theirs.codebook = codebook
    _, indices, _ = theirs(z[None])
    assert torch.equal(nearest(z, codebook), indices[0])
