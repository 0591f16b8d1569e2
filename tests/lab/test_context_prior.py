"""Priors with a context model: what is seen when, and real bytes in both orders."""

import numpy as np
import pytest
import torch
from torch import nn

from roundel.errors import FormatError, ModelError
from roundel.lab.classic import Size
from roundel.lab.classic_coder import coder_of
from roundel.lab.context import MARGIN, Checkerboard, Context, Order, Raster
from roundel.lab.heads import Mixture, MixtureHead
from roundel.lab.literature import MODELS
from roundel.lab.spectral import ChannelGain
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.quantizers import make
from tests.lab.test_classic_coder import picture, tensor

NAMES = ("joint-raster", "joint-checkerboard", "mixture-raster", "attention-checkerboard")
ORDERS = (Raster(), Checkerboard())


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    """Latents far from 0, and predictions that a few steps of training fit to them."""
    out = {}
    for name in NAMES:
        torch.manual_seed(0)
        model = MODELS[name](Size(8, 12, 0.2))
        model.analysis.append(ChannelGain(12))
        model.synthesis.insert(0, ChannelGain(12))
        with torch.no_grad():
            model.analysis[-1].log_gain.fill_(3)
            model.synthesis[0].log_gain.fill_(-3)
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        x = tensor(picture(64, 64))
        for _ in range(30):
            optimizer.zero_grad()
            model(x, torch.zeros(1), make("mixed")).loss.mean().backward()
            optimizer.step()
        out[name] = model.eval()
    return out


@pytest.mark.parametrize("order", ORDERS)
def test_every_latent_is_decoded_once_and_sees_only_what_came_before(order: Order) -> None:
    height, width = 5, 6
    torch.manual_seed(0)
    context = Context(2, 3, order)
    when = torch.full((height, width), -1)
    for k, step in enumerate(order.steps(height, width)):
        assert (when[step.rows, step.columns] == -1).all()
        when[step.rows, step.columns] = k
    assert (when >= 0).all()
    y = torch.randn(1, 2, height, width, requires_grad=True)
    features = context(y)
    saw = 0
    for row in range(height):
        for column in range(width):
            (gradient,) = torch.autograd.grad(features[0, :, row, column].square().sum(), y, retain_graph=True)
            seen = gradient[0].abs().sum(0) > 0
            assert (when[seen] < when[row, column]).all()
            saw += int(seen.sum())
    # By hand, inside 5 rows and 6 columns. Raster: up to two to the left, 5 · 9 in all, and from windows of up to five
    # columns two rows above, 7 · 24. Checkerboard: pairs of rows at distances 0, 1, 2 are 5, 8, 6, of columns 6, 10, 8;
    # those of an odd sum are (5 + 6) · 10 + 8 · (6 + 8), and in half of them the one that sees is no anchor.
    assert saw == {Raster: 45 + 168, Checkerboard: 222 // 2}[type(order)]


@pytest.mark.parametrize("order", ORDERS)
def test_step_by_step_sees_what_all_at_once_sees(order: Order) -> None:
    torch.manual_seed(0)
    context, y = Context(3, 4, order), torch.randn(2, 3, 6, 7)
    at_once, padded = context(y), torch.zeros(2, 3, 6 + 2 * MARGIN, 7 + 2 * MARGIN)
    for step in order.steps(6, 7):
        found = context.at(padded, step)[..., 0]
        assert torch.allclose(found, at_once[:, :, step.rows, step.columns], atol=1e-5)
        padded[:, :, step.rows + MARGIN, step.columns + MARGIN] = y[:, :, step.rows, step.columns]


def test_the_mixture_of_equal_parts_is_the_gaussian() -> None:
    torch.manual_seed(0)
    mean, scale, residual = torch.randn(2, 3, 4, 4), torch.rand(2, 3, 4, 4) + 0.2, 2 * torch.randn(2, 3, 4, 4)
    mixture = Mixture(
        torch.full((3, 1, 1, 1, 1), 1 / 3), mean.expand(3, -1, -1, -1, -1), scale.expand(3, -1, -1, -1, -1)
    )
    assert torch.allclose(mixture.loc, mean, atol=1e-6)
    assert torch.allclose(mixture.bits(residual), gaussian_bits(residual, scale), atol=1e-4)


def test_tables_of_mixtures_cost_what_the_mixture_says() -> None:
    torch.manual_seed(0)
    mixture = MixtureHead()(3 * torch.randn(1, 9 * 5, 8, 1))
    lattice = torch.rand(1, 5, 8, 1) - 0.5
    symbols = torch.round(mixture.loc + torch.randn_like(lattice) - lattice)
    (call,) = mixture.calls(lattice)
    slots = call.tables.starts[call.place] + symbols.flatten().numpy().astype(int) - call.centre - call.tables.offsets
    expected = mixture.bits(symbols + lattice - mixture.loc).flatten().double().numpy()
    assert np.abs(call.tables.slot_bits[slots] - expected).max() < 0.02


CASES = [("joint-raster", "noise"), ("joint-raster", "universal=3"), ("joint-checkerboard", "thrifty"),
         ("mixture-raster", "noise+"), ("attention-checkerboard", "noise")]  # fmt: skip


@pytest.mark.parametrize(("name", "rounding"), CASES)
def test_bytes_are_what_was_estimated_and_decode_to_the_same_latents(
    models: dict[str, nn.Module], name: str, rounding: str
) -> None:
    model, pixels, latents = models[name], picture(128, 192), []
    coder = coder_of(model, make(rounding))
    data = coder.encode(pixels)
    hook = model.synthesis.register_forward_pre_hook(lambda _, given: latents.append(given[0].clone()))
    with torch.no_grad():
        rd = model(tensor(pixels), torch.zeros(1), make(rounding))
    decoded = coder.decode(data)
    hook.remove()
    assert decoded.shape == pixels.shape
    assert torch.equal(*latents)
    assert latents[0].square().mean() > 1
    assert len(data) == pytest.approx((rd.y_bpp + rd.z_bpp).item() * 128 * 192 / 8, rel=0.01, abs=10)


@pytest.mark.parametrize("name", ["joint-raster", "attention-checkerboard"])
def test_odd_sizes_and_tiles_come_back(models: dict[str, nn.Module], name: str) -> None:
    for height, width, tile_px in ((1, 1, None), (65, 130, 64), (17, 64, None)):
        coder = coder_of(models[name], make("noise+"), tile_px)
        assert coder.decode(coder.encode(picture(height, width))).shape == (height, width, 3)


def test_damaged_strings_are_refused(models: dict[str, nn.Module]) -> None:
    coder = coder_of(models["joint-checkerboard"], make("noise+"))
    data = coder.encode(picture(64, 64))
    for broken in (b"", data[:7], data[:12], data + b"1234"):
        with pytest.raises(FormatError):
            coder.decode(broken)


def test_attention_has_no_bounded_norms() -> None:
    with pytest.raises(ModelError, match="no bounded norms"):
        MODELS["attention-raster"](Size(8, 12, 0.2, ("analysis",)))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_learns(name: str) -> None:
    """From the first step on: gradients reach every parameter that a rate or a distortion depends on."""
    torch.manual_seed(0)
    model = MODELS[name](Size(8, 12, 0.2)).to(memory_format=torch.channels_last)
    x = tensor(picture(64, 64)).contiguous(memory_format=torch.channels_last)
    model(x, torch.zeros(1), make("mixed")).loss.mean().backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == ["density.factors.4"], "a learned density has no factor behind its last layer"
