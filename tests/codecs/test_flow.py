"""Flows of the literature: every one inverts, starts as the identity, and spends what its prior says."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from roundel.lab import flow, flow_steps
from roundel.lab.dequantise import Variational
from roundel.lab.flow import Flow, FlowShape
from roundel.lab.flow_steps import STEP
from roundel.lab.mixture_coupling import GatedAttention, Mixture, MixtureCoupling

SHAPE = FlowShape(levels=2, flows=2, depth=2, width=8)
Make = Callable[[FlowShape], Flow]
KINDS: list[Make] = [flow.idf, flow.continuous_twin, flow.real_nvp, flow.flow_plus_plus, flow.glow]


def shaken(model: Flow) -> Flow:
    torch.manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model.eval()


def pixels(side: int = 8) -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, side, side), generator=torch.Generator().manual_seed(1)) / 256


@pytest.mark.parametrize("make", KINDS)
def test_flows_invert(make: Make) -> None:
    model, x = shaken(make(SHAPE)), pixels()
    back = model.inverse([left for left, _, _ in model.latents(x)])
    assert torch.allclose(back, x, atol=1e-4)
    if model.dequantiser is None:
        assert torch.equal(back, x)


def test_integer_flows_stay_on_the_grid() -> None:
    for left, _, volume in shaken(flow.idf(SHAPE)).latents(pixels()):
        assert torch.equal(left * 256, torch.round(left * 256))
        assert not volume.any()


def mixtures(channels: int, flows: int, depth: int, width: int) -> flow_steps.Chain:
    return flow_steps.Chain([MixtureCoupling(channels, depth, width, 3) for _ in range(flows)])


@pytest.mark.parametrize("level", [flow_steps.real_nvp, mixtures, flow_steps.glow])
def test_the_volume_is_that_of_the_jacobian(level: Callable[..., flow_steps.Chain]) -> None:
    torch.manual_seed(2)
    chain = level(4, 2, 2, 8)
    for p in chain.parameters():
        nn.init.normal_(p, std=0.3) if p.ndim > 1 and p.shape[-1] != 4 else None
    x = torch.randn(1, 4, 2, 2)
    jacobian = torch.autograd.functional.jacobian(lambda v: chain(v.view(1, 4, 2, 2))[0].flatten(), x.flatten())
    assert float(chain(x)[1].detach()) == pytest.approx(float(torch.linalg.slogdet(jacobian)[1]), abs=1e-3)


def test_masses_of_the_grid_sum_to_one() -> None:
    grid = torch.arange(-2000, 2000) * STEP
    mass = torch.exp(flow_steps.logistic_log_mass(grid, torch.tensor(0.3), torch.tensor(-2.0)))
    assert float(mass.sum()) == pytest.approx(1, abs=1e-4)


def test_a_mixture_of_one_standard_logistic_is_the_identity() -> None:
    nothing, x = torch.zeros(1, 1, 1, 1, 5), torch.linspace(-8, 8, 5).view(1, 1, 1, 5)
    y, log_slope = Mixture(nothing, nothing, nothing).logit(x)
    assert torch.allclose(y, x, atol=1e-5)
    assert torch.allclose(log_slope, torch.zeros_like(x), atol=1e-5)


def test_attention_sees_all_places() -> None:
    torch.manual_seed(0)
    attend, x = GatedAttention(8, 2), torch.randn(1, 8, 4, 4)
    x.requires_grad_()
    attend(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("trained", [False, True])
def test_a_dequantiser_draws_from_its_density(trained: bool) -> None:
    torch.manual_seed(0)
    dequantise = Variational(2, 1, 8, 3)
    if trained:
        with torch.no_grad():
            for p in dequantise.parameters():
                p.add_(0.05 * torch.randn_like(p))
    x = pixels(2)[:1].expand(20_000, -1, -1, -1)
    with torch.no_grad():
        z, log_density = dequantise(x)
    assert ((z - x).abs() <= STEP / 2).all()
    shares = torch.exp(-log_density - x[0].numel() * math.log(STEP))
    # E[1 / q] is the volume of the cell.
    assert float(shares.mean()) == pytest.approx(1, abs=0.1)
    assert float(shares.std()) > (0.2 if trained else 0)


@pytest.mark.parametrize("make", KINDS[:4])
def test_untrained_flows_start_alike(make: Make) -> None:
    # Identity couplings and equal priors; Glow's rotations start at random.
    bits = make(SHAPE)(pixels()).mean() / pixels()[0].numel()
    reference = flow.idf(SHAPE)(pixels()).mean() / pixels()[0].numel()
    assert float(bits.detach()) == pytest.approx(float(reference.detach()), rel=0.02)


def test_permutations_are_part_of_the_checkpoint() -> None:
    names = [name for name in flow.idf(SHAPE).state_dict() if name.endswith(".order")]
    assert len(names) == 4
    assert math.prod(flow.idf(SHAPE).state_dict()[names[0]].shape) == 12
