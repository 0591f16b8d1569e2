"""FSQ that spreads latents evenly, and stages that learn how wide their grids are."""

import pytest
import torch

from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.scaled_residual_fsq import ScaledResidualFSQ
from roundel.training.quantizers.uniform_fsq import UniformFSQ


def shares(codes: torch.Tensor, levels: int) -> torch.Tensor:
    """How often each code occurs, (L,)."""
    return torch.bincount(codes.flatten(), minlength=levels) / codes.numel()


@pytest.mark.parametrize("levels", [2, 5, 8])
@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (3.0, 0.05), (-40.0, 20.0)])
def test_normal_latents_use_all_levels_alike(levels: int, mean: float, spread: float) -> None:
    torch.manual_seed(0)
    uniform = UniformFSQ([levels])
    for _ in range(20):
        uniform(mean + spread * torch.randn(2000, 1))
    z = mean + spread * torch.randn(40000, 1)
    assert (shares(uniform.eval()(z).codes, levels) * levels - 1).abs().max() < 0.15
    if levels > 2 and mean == 0:
        assert (shares(FSQ([levels])(z).codes, levels) * levels - 1).abs().max() > 0.17


def test_parts_are_cut_where_the_logistic_says() -> None:
    """Four levels: borders at σ(1.6·u) = ¼, ½, ¾, so at u = 0 and ±ln 3/1.6 = ±0.68663."""
    uniform = UniformFSQ([4]).eval()
    borders = torch.tensor([[-0.6867], [-0.6866], [-1e-4], [1e-4], [0.6866], [0.6867]])
    assert uniform(borders).codes.flatten().tolist() == [0, 1, 1, 2, 2, 3]
    assert uniform(torch.tensor([[-1e9], [1e9]])).codes.flatten().tolist() == [0, 3]


def test_evaluation_leaves_the_averages_alone() -> None:
    torch.manual_seed(0)
    uniform = UniformFSQ([5, 5]).eval()
    before = {name: value.clone() for name, value in uniform.state_dict().items()}
    uniform(torch.randn(100, 2) + 5)
    assert all(torch.equal(value, before[name]) for name, value in uniform.state_dict().items())


def test_stages_start_as_one_uniform_quantiser() -> None:
    torch.manual_seed(0)
    z = torch.randn(500, 3)
    plain, scaled = ResidualFSQ(3, [4, 3, 2])(z), ScaledResidualFSQ(3, [4, 3, 2])(z)
    assert torch.equal(scaled.codes, plain.codes)
    assert torch.allclose(scaled.values, plain.values, atol=1e-6)


def test_scales_find_how_far_latents_reach() -> None:
    """Uniform on ±0.7: the best grids end there, 0.7 and 0.7/4 wide, and leave the error of one of eight levels."""
    torch.manual_seed(0)
    bounded = 0.7 * (2 * torch.rand(4000, 1) - 1)
    z, scaled = torch.atanh(bounded), ScaledResidualFSQ(1, [4, 2])

    def error() -> torch.Tensor:
        return (scaled(z).values - bounded).square().mean()

    best, start = (1.4 / 8) ** 2 / 12, error().item()
    optimizer = torch.optim.Adam(scaled.parameters(), 0.01)
    for _ in range(300):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    assert start > 1.7 * best
    assert error().item() < 1.05 * best
    assert scaled.log_scales.exp().flatten().tolist() == pytest.approx([0.7, 0.175], rel=0.03)
