"""A latent of two scales: any size, both scales joined, codes alone decode, training learns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from roundel.errors import ModelError
from roundel.training.tokens.export import coder_of
from roundel.training.tokens.model import AutoencoderShape, DiscreteAutoencoder
from roundel.training.tokens.two_scale import COARSE_GAIN, REST_GAIN, TwoScaleAutoencoder

SHAPE = AutoencoderShape(
    "two-scale", (8,), 1, 10, levels=(8, 8, 5, 5, 5, 5, 3, 3, 3, 3), prior="chain", prior_width=4, coarse=2
)


def test_at_first_coarse_is_the_mean_of_four_and_fine_what_it_leaves() -> None:
    net = TwoScaleAutoencoder(1 + 4 * 2, 1, 8, 1)
    z = torch.tensor([[[[1.0, 2], [3, 6]], [[5.0, 6], [7, 8]]]])
    coarse, rest, other = net.fold(F.pixel_unshuffle(z, 2)).flatten().split([1, 4, 4])
    assert coarse.tolist() == pytest.approx([3 * COARSE_GAIN])
    assert rest.tolist() == pytest.approx([REST_GAIN * x for x in (-2, -1, 0, 3)])
    assert other.tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize(("dims", "coarse"), [(20, 0), (17, 1), (23, 3)])
def test_joining_undoes_the_split(dims: int, coarse: int) -> None:
    torch.manual_seed(0)
    net = TwoScaleAutoencoder(dims, coarse, 8, 1)
    z = torch.randn(2, net.dims, 4, 6)
    assert torch.allclose(net.seen(net.fold(F.pixel_unshuffle(z, 2))), z, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (7, 65), (8, 16), (33, 20)])
def test_any_size_comes_back_from_codes_alone(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model, x = DiscreteAutoencoder(SHAPE).eval(), torch.rand(2, 3, *size)
    codes = model.encode(x)
    assert codes.shape == (2, 10, -(-size[0] // 16), -(-size[1] // 16))
    shown = model.net.picture(model(x).raw).clamp(0, 1)
    assert shown.shape == x.shape
    assert torch.allclose(model.decode(codes, *size), shown, atol=1e-6)
    coder, array = coder_of(model.prior), codes.numpy().astype(np.int32)
    assert sum(map(len, coder.encode(array))) > 0


@pytest.mark.parametrize(("dims", "coarse"), [(10, 3), (4, 4), (8, -4), (3, 0)])
def test_dimensions_that_do_not_fit_are_refused(dims: int, coarse: int) -> None:
    with pytest.raises(ModelError, match="coarse"):
        TwoScaleAutoencoder(dims, coarse)
