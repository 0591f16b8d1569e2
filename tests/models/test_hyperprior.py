"""The trained side of the lossy model: what it is before training, and where gradients go."""

import numpy as np
import pytest
import torch

from roundel.entropy.densities import gaussian_bits, logistic_bits
from roundel.entropy.factorized import Factorized
from roundel.lab.lossy import sample_blocks
from roundel.models.classic import FactorizedPrior, Hyperprior, Size
from roundel.models.hyperprior import MeanScaleHyperprior, Shape
from roundel.quantizers import Mixed, Quantizer, Thrifty

TINY = Shape(c8=16, c16=16, latents=48, hyper=8, hyper_width=16, scale_width=16, groups=(4, 12, 48), context_width=8)


def test_is_a_block_transform_codec_before_training() -> None:
    """A projection on orthonormal components, whose coefficients are rounded in equal steps."""
    rng = np.random.default_rng(0)
    picture = np.cumsum(rng.normal(size=(128, 128, 3)), 0).clip(-100, 100).astype(np.int16) + 128
    picture = picture.astype(np.uint8)
    net = MeanScaleHyperprior(TINY).eval()
    net.initialise(sample_blocks([picture], rng, 8000))
    basis = net.analysis.linear.weight[:, :, 0, 0]
    assert torch.allclose(basis @ basis.T, torch.eye(TINY.latents), atol=1e-5)
    x, t = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255, torch.ones(1)
    projected = net.synthesis(net.analysis(x, t), torch.ones(1, TINY.latents, 1, 1), t)
    left_out = (x - projected).square().mean() * 255**2
    step = 255 / torch.exp(net.log_gain(t))[0, 0]
    expected = left_out + step**2 / 12 * TINY.latents / 768
    assert net(x, t, Mixed()).mse.item() == pytest.approx(expected.item(), rel=0.02)


@pytest.mark.parametrize("quantizer", [Mixed(), Thrifty()])
def test_every_parameter_learns(quantizer: Quantizer) -> None:
    torch.manual_seed(0)
    net = MeanScaleHyperprior(TINY).train()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.01 * torch.randn_like(p))
    net(torch.rand(4, 3, 64, 64), torch.tensor([0.0, 0.4, 0.7, 1.0]), quantizer).loss.mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    "net", [FactorizedPrior(Size(16, 24)), Hyperprior(Size(16, 24), means=False), Hyperprior(Size(16, 24), means=True)]
)
def test_models_of_the_literature_train(net: torch.nn.Module) -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 3, 1, 1).expand(2, 3, 64, 64).contiguous()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        loss = net(x, torch.zeros(2), Mixed()).loss.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("bits", [gaussian_bits, logistic_bits])
@pytest.mark.parametrize("scale", [0.11, 0.7, 5.0])
def test_bins_of_a_density_sum_to_one(bits, scale: float) -> None:  # type: ignore[no-untyped-def]
    v = torch.arange(-200, 201, dtype=torch.float32) + 0.3
    mass = torch.exp2(-bits(v, torch.tensor(scale)))
    assert mass.sum().item() == pytest.approx(1, abs=1e-5)


def test_the_gaussian_bin_at_zero_is_erf() -> None:
    # P(|N(0, 1)| < ½) = erf(½/√2) = 0.382925, so −log2 gives 1.38487 bits.
    assert gaussian_bits(torch.zeros(1), torch.ones(1)).item() == pytest.approx(1.38487, abs=1e-4)


def test_the_learned_density_is_one() -> None:
    torch.manual_seed(0)
    density = Factorized(3)
    v = torch.arange(-300, 301, dtype=torch.float32).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    assert torch.exp2(-density.bits(v)).sum((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-3)
