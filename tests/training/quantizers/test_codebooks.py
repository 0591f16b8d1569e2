"""Codebooks and stages: averages, restarts, residuals."""

import math

import pytest
import torch

from roundel.errors import ModelError
from roundel.training.quantizers.lfq import LFQ
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.residual_vq import ResidualVQ
from roundel.training.quantizers.soft_to_hard import SoftToHardVQ
from roundel.training.quantizers.usage import usage
from roundel.training.quantizers.vq import VectorQuantizer, nearest


def test_codebook_finds_the_clusters() -> None:
    torch.manual_seed(0)
    centres = torch.tensor([[3.0, 0], [-3, 0], [0, 3], [0, -3]])
    vq = VectorQuantizer(2, 4, decay=0.8)
    for _ in range(60):
        vq(centres[torch.randint(4, (64,))] + 0.1 * torch.randn(64, 2))
    found = vq.codebook[vq.codebook.sum(1).argsort()]
    distance = torch.cdist(centres, found).min(1).values
    assert (distance < 0.15).all()


def test_dead_codes_start_anew_and_all_get_used() -> None:
    torch.manual_seed(0)
    vq = VectorQuantizer(4, 64, decay=0.9)
    vq(torch.randn(256, 4))
    vq.codebook[8:] = 100.0
    vq.sums[8:] = 100 * vq.counts[8:, None]
    for _ in range(60):
        vq(torch.randn(256, 4))
    assert usage(vq.eval()(torch.randn(4000, 4)).codes, vq.levels).used >= 60


def test_without_restarts_they_stay_dead() -> None:
    torch.manual_seed(0)
    vq = VectorQuantizer(4, 64, restart_below=0.0)
    vq.codebook[8:] = 100.0
    for _ in range(20):
        vq(torch.randn(256, 4))
    assert usage(vq.eval()(torch.randn(4000, 4)).codes, vq.levels).used <= 8


def test_evaluation_leaves_the_codebook_alone() -> None:
    vq = VectorQuantizer(4, 16).eval()
    before = {k: v.clone() for k, v in vq.state_dict().items()}
    vq(torch.randn(100, 4))
    assert all(torch.equal(v, before[k]) for k, v in vq.state_dict().items())


def test_autocast_chooses_the_same_vectors() -> None:
    torch.manual_seed(0)
    vq, z = VectorQuantizer(4, 256).eval(), torch.randn(2000, 4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = vq(z).codes
    assert torch.equal(inside, vq(z).codes)


def test_commitment_pulls_latents_to_their_vectors() -> None:
    vq = VectorQuantizer(4, 16, commitment=0.25).eval()
    z = torch.randn(50, 4, requires_grad=True)
    found = vq(z)
    (gradient,) = torch.autograd.grad(found.loss, z)
    assert torch.allclose(gradient, 0.25 * 2 * (z - found.values).detach() / z.numel(), atol=1e-7)


def test_every_stage_of_vectors_lowers_the_error() -> None:
    torch.manual_seed(0)
    rvq = ResidualVQ(4, [16, 16, 16], decay=0.9)
    for _ in range(50):
        rvq(torch.randn(256, 4))
    z = torch.randn(2000, 4)
    codes = rvq.eval()(z).codes
    errors = [(rvq.values(codes[:, :n]) - z).square().mean().item() for n in (1, 2, 3)]
    assert errors[0] > 1.4 * errors[1] > 1.4**2 * errors[2]


def test_residual_stages_are_one_quantiser_with_the_product_of_levels() -> None:
    levels = (5, 4, 3)
    product = math.prod(levels)
    bounded = (torch.arange(product) + 0.5) / product * 2 - 1
    bounded = torch.cat([bounded - 0.9 / product, bounded, bounded + 0.9 / product])
    found = ResidualFSQ(1, levels)(torch.atanh(bounded.double())[:, None])
    index = found.codes[:, 0] * 12 + found.codes[:, 1] * 3 + found.codes[:, 2]
    assert torch.equal(index, torch.arange(product).repeat(3))


def test_residual_stages_follow_the_recursion() -> None:
    """q_n = s_n·Q(r_n/s_n), s_{n+1} = s_n/L_n, literally."""
    torch.manual_seed(0)
    levels, z = (4, 3, 5), torch.randn(200, 2)
    found = ResidualFSQ(2, levels)(z)
    residual, scale, total = torch.tanh(z.double()), 1.0, torch.zeros(200, 2, dtype=torch.float64)
    for stage, n in enumerate(levels):
        digit = torch.floor((residual / scale + 1) * n / 2).clamp(0, n - 1)
        assert torch.equal(digit.long(), found.codes[:, 2 * stage : 2 * stage + 2])
        step = scale * ((digit + 0.5) * 2 / n - 1)
        residual, total, scale = residual - step, total + step, scale / n
        coarse = ResidualFSQ(2, levels).values(found.codes[:, : 2 * stage + 2])
        assert torch.allclose(coarse.double(), total, atol=1e-6)


@pytest.mark.parametrize("make", [lambda p: ResidualFSQ(4, [3, 3], p), lambda p: ResidualVQ(4, [8, 8], dropout=p)])
def test_stage_dropout_trains_what_prefixes_decode_to(make) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    quantizer, z = make(1.0), torch.randn(200, 4)
    quantizer(z)
    frozen = make(1.0)
    frozen.load_state_dict(quantizer.state_dict())
    for stage in getattr(frozen, "stages", []):
        stage.eval()
    found = frozen(z)
    whole = frozen.values(found.codes)
    coarse = frozen.values(found.codes[:, : found.codes.shape[1] // 2])
    is_whole, is_coarse = (found.values == whole).all(1), (found.values == coarse).all(1)
    assert (is_whole | is_coarse).all()
    assert 0.35 < is_coarse.float().mean() < 0.65
    assert torch.equal(frozen.eval()(z).values, whole)


def test_lookup_free_entropy_rewards_sure_and_diverse_codes() -> None:
    lfq = LFQ(1, entropy_weight=1.0, commitment=0.0)
    sure_diverse = lfq(torch.tensor([[-4.0], [4.0]])).loss
    sure_alike = lfq(torch.tensor([[4.0], [4.0]])).loss
    unsure = lfq(torch.tensor([[0.0], [0.0]])).loss
    assert sure_diverse.item() == pytest.approx(-math.log(2), abs=1e-4)
    assert sure_alike.item() == pytest.approx(0, abs=1e-4)
    assert unsure.item() == pytest.approx(0, abs=1e-4)


def test_nearest_looks_at_every_vector() -> None:
    torch.manual_seed(0)
    vectors, codebook = torch.randn(150, 3), torch.randn(40, 3)
    assert torch.equal(nearest(vectors, codebook), torch.cdist(vectors, codebook).argmin(1))
    assert nearest(vectors[:0], codebook).shape == (0,)


def test_soft_to_hard_assignments_by_hand() -> None:
    """Two vectors, 0 and 1, and z = ¼: squares 1/16 and 9/16, so 1 weighs 1/(1 + e^(σ/2))."""
    vq = SoftToHardVQ(1, 2)
    with torch.no_grad():
        vq.codebook.copy_(torch.tensor([[0.0], [1.0]]))
    z = torch.tensor([[0.25]], requires_grad=True)
    for sigma in (1.0, 8.0):
        found = vq.soften(z, 1 / sigma)
        weight = 1 / (1 + math.exp(sigma / 2))
        assert found.values.item() == pytest.approx(weight, rel=1e-5)
        assert found.codes.item() == 0
        # d/dz of the logit, −σ((z − 1)² − z²), is 2σ.
        (gradient,) = torch.autograd.grad(found.values.sum(), z)
        assert gradient.item() == pytest.approx(2 * sigma * weight * (1 - weight), rel=1e-4)
    assert vq(z).values.item() == 0
    with pytest.raises(ModelError, match="above 0"):
        vq.soften(z, 0.0)


def test_a_soft_codebook_learns_by_gradients() -> None:
    torch.manual_seed(0)
    vq, centres = SoftToHardVQ(2, 8), 3 * torch.randn(8, 2)
    optimizer = torch.optim.Adam(vq.parameters(), 0.05)
    for step in range(300):
        z = centres[torch.randint(8, (256,))] + 0.05 * torch.randn(256, 2)
        loss = (vq.soften(z, 2.0 * 0.01 ** (step / 300)).values - z).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # Centres with a vector of their own cost 0.05²; a random codebook costs some hundred times as much.
    assert (vq(centres).values - centres).square().mean() < 0.1
