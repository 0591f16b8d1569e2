"""The gaps measured through a model: known values come out, and wrong files are named."""

from pathlib import Path

import pytest
import torch

from roundel.errors import ModelError
from roundel.lab import checkpoints
from roundel.lab.classic import FactorizedPrior, Hyperprior, Size
from roundel.lab.probe import Place, Report, Spy, measure
from roundel.training.quantizers import make

CONFIG = "kind = 'mean-scale-hyperprior'\n[shape]\nn = 8\nm = 12\n[data]\nquantizers = [[0.0, 'noise'], [0.5, 'ste']]"


@pytest.fixture(scope="module")
def model() -> Hyperprior:
    """Untrained, with latents of several steps, so that all fractional parts occur."""
    torch.manual_seed(0)
    model = Hyperprior(Size(8, 12), means=True).eval()
    with torch.no_grad():
        model.analysis[-1].weight.mul_(300)
    return model


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def gauge(model: Hyperprior, pictures: torch.Tensor, name: str) -> Report:
    return measure(model, pictures, name, make(name), pairs=2)


def test_known_discrete_gaps_come_out_of_a_model(model: Hyperprior, pictures: torch.Tensor) -> None:
    noise, ste = gauge(model, pictures, "noise+"), gauge(model, pictures, "ste")
    assert noise.latents == 3 * 12 * 4 * 4
    assert noise.decoder_gap.mean_abs == pytest.approx(1 / 3, abs=0.04)
    assert ste.decoder_gap.mean_abs == pytest.approx(0, abs=1e-5)
    soft = gauge(model, pictures, "soft-ste=0.25")
    assert soft.decoder_gap.mean_abs == pytest.approx(0, abs=1e-5)
    spy = Spy()
    with torch.no_grad():
        model(pictures.float() / 255, torch.zeros(3), spy)
    residual = (spy.seen.y - spy.seen.loc).round()
    moved = (residual != 0) & (spy.seen.bits(residual) < 29.9)  # bits are constant beyond
    assert soft.rate_gap.mean_abs == pytest.approx(0.25 * moved.float().mean().item(), abs=0.01)


def test_hard_values_do_not_depend_on_the_surrogate(model: Hyperprior, pictures: torch.Tensor) -> None:
    first, second = gauge(model, pictures, "ste"), gauge(model, pictures, "noise+")
    assert first.test_bpp == second.test_bpp
    assert first.entropy_gap == second.entropy_gap
    assert first.hard_smoothness == second.hard_smoothness
    assert first.surrogate_smoothness != second.surrogate_smoothness


def test_ste_decodes_at_test_what_it_decodes_in_training(model: Hyperprior, pictures: torch.Tensor) -> None:
    x = pictures.float() / 255
    spy = Spy()
    with torch.no_grad():
        spied = model(x, torch.zeros(3), spy)
        again = model(x, torch.zeros(3), Place((spy.seen.y - spy.seen.loc + 0.5).floor() + spy.seen.loc))
    assert torch.allclose(spied.mse, again.mse)
    assert torch.allclose(spied.y_bpp, again.y_bpp, rtol=1e-4)


def test_the_model_is_left_as_it_was(model: Hyperprior, pictures: torch.Tensor) -> None:
    state = torch.random.get_rng_state()
    gauge(model, pictures, "stochastic")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not model.training
    assert all(p.grad is None for p in model.parameters())


def test_models_without_scales_are_refused(pictures: torch.Tensor) -> None:
    with pytest.raises(ModelError, match="predicts no scales"):
        measure(FactorizedPrior(Size(8, 12)), pictures, "ste", make("ste"))


def test_checkpoints_come_back_with_their_quantizer(model: Hyperprior, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    torch.save({"average": model.state_dict()}, tmp_path / "checkpoint.pt")
    loaded, name = checkpoints.load(tmp_path / "checkpoint.pt", tmp_path / "c.toml")
    assert name == "ste"
    assert torch.equal(loaded.analysis[0].weight, model.analysis[0].weight)


def test_wrong_files_are_named(model: Hyperprior, tmp_path: Path) -> None:
    config, other = tmp_path / "c.toml", tmp_path / "other.pt"
    config.write_text(CONFIG)
    torch.save({"average": Hyperprior(Size(8, 16), means=True).state_dict()}, other)
    (tmp_path / "noise.pt").write_bytes(b"not a checkpoint")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("other.pt", "noise.pt", "list.pt"):
        with pytest.raises(ModelError, match=f"{name}: not a checkpoint of the mean-scale-hyperprior"):
            checkpoints.load(tmp_path / name, config)
    with pytest.raises(ModelError, match="absent"):
        checkpoints.load(tmp_path / "absent.pt", config)
    config.write_text("kind = 'lossless'")
    with pytest.raises(ModelError, match="lossless"):
        checkpoints.load(other, config)
