"""The trainer: learns, resumes, and keeps the last good checkpoint."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn

from roundel.cli.train import command
from roundel.errors import ImageError, ModelError
from roundel.training import recipes
from roundel.training.data import Crops, find_images, load, split
from roundel.training.optim import Muon, cosine, orthogonalise
from roundel.training.trainer import Schedule, train

CONFIG = """
kind = "lossy"
[shape]
c8 = 16
c16 = 16
latents = 32
hyper = 8
hyper_width = 16
scale_width = 16
groups = [4, 12, 32]
[data]
validation_px = 64
[schedule]
steps = 6
warmup = 2
validate_every = 3
crops = [[0.0, 64, 2], [0.5, 128, 1]]
bf16 = false
"""


class Line:
    """Fit y = 3x with one weight."""

    def __init__(self, poison_at: float = 2.0) -> None:
        self.model = nn.Linear(1, 1)
        self.poison_at = poison_at

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        return torch.full((count, 3, side, side), 255, dtype=torch.uint8)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        loss = (model(x.mean().view(1, 1)) - 3).square().mean()
        loss = loss * float("nan") if progress >= self.poison_at else loss
        return loss, {"loss": loss.item()}

    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        return (model(torch.ones(1, 1)) - 3).square().item(), {}


SHORT = Schedule(steps=60, lr=0.1, warmup=2, muon=False, ema=0.9, crops=((0.0, 8, 1),), validate_every=20, bf16=False)


def test_training_reaches_the_optimum(tmp_path: Path) -> None:
    task = Line()
    average = train(task, SHORT, tmp_path, progress=False)
    assert task.validate(average)[0] < 0.05
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").open()][-1]["step"] == 60


def test_resuming_gives_what_an_unbroken_run_gives(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = Line()
    start = {k: v.clone() for k, v in first.model.state_dict().items()}
    whole = train(first, SHORT, tmp_path / "whole", progress=False)
    halves = Line()
    halves.model.load_state_dict(start)
    train(halves, SHORT, tmp_path / "halves", stop_after_s=0, progress=False)
    resumed = train(Line(), SHORT, tmp_path / "halves", resume=True, progress=False)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="loss is nan"):
        train(Line(poison_at=0.5), SHORT, tmp_path, progress=False)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 20
    assert all(torch.isfinite(v).all() for v in state["model"].values())


def test_a_gradient_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    """The loss may be fine while its slope is not: √ has an infinite one at 0."""

    class Steep(Line):
        def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
            loss, values = super().loss(model, x, progress)
            return (loss + (0 * loss).sqrt() if progress >= 0.65 else loss), values

    with pytest.raises(ModelError, match=r"step 39: the norm of the gradients is (nan|inf).*--resume.*checkpoint.pt"):
        train(Steep(), SHORT, tmp_path, progress=False)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 20
    assert all(torch.isfinite(v).all() for v in state["model"].values())


def test_before_the_first_checkpoint_none_is_promised(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no checkpoint yet"):
        train(Line(poison_at=0.0), SHORT, tmp_path, progress=False)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_crops_of_later_stages_are_tried_at_once(tmp_path: Path) -> None:
    class Pictures(Line):
        def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
            return Crops([np.zeros((40, 40, 3), np.uint8)]).batch(count, side, generator)

    schedule = replace(SHORT, crops=((0.0, 8, 1), (0.5, 64, 1)))
    with pytest.raises(ImageError, match="smaller than the crop of 64"):
        train(Pictures(), schedule, tmp_path, progress=False)
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_train_command_exports_weights_that_encode(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for k in range(3):
        Image.fromarray(rng.integers(0, 256, (140, 150, 3), dtype=np.uint8)).save(pictures / f"{k}.png")
    (tmp_path / "tiny.toml").write_text(CONFIG)
    args = [str(tmp_path / "tiny.toml"), "--data", str(pictures), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(command, args, catch_exceptions=False)
    assert result.exit_code == 0
    from roundel.codecs import zoo
    from roundel.codecs.protocol import Window

    model = zoo.get(str(tmp_path / "run" / "weights.safetensors"))
    coded = model.encode(np.zeros((64, 64, 3), np.uint8), Window(0, 0, 64, 64), 50)
    assert model.decode(coded.passes, 64, 64, 50).crc == coded.crc


@pytest.mark.parametrize("kind", ["factorized-prior", "scale-hyperprior", "mean-scale-hyperprior"])
def test_models_of_the_literature_have_recipes(kind: str, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((64, 64, 3), 77, np.uint8)).save(tmp_path / "b.png")
    schedule = "[schedule]\nsteps = 2\ncrops = [[0.0, 64, 1]]\nbf16 = false"
    (tmp_path / "c.toml").write_text(f"kind = '{kind}'\n[shape]\nn = 8\nm = 12\n[data]\nvalidation_px = 64\n{schedule}")
    args = [str(tmp_path / "c.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(command, args, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "run" / "weights.safetensors").exists()
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert ("gee_kl_bits" in log) == (kind != "factorized-prior")


def test_wrong_configurations_are_named(tmp_path: Path) -> None:
    for text, complaint in [("kind = 'unheard-of'", "unheard-of"), ("kind = ", "cannot read"),
                            (CONFIG + "speed = 3", "'speed'"), (CONFIG + "lr = 'much'", "of type float, such as 0.001"),
                            (CONFIG.replace("crops = [[0.0, 64, 2], [0.5, 128, 1]]", "crops = [64]"), "must be a list"),
                            (CONFIG.replace("[data]", "[data]\nquantizers = 'ste'"), "such as .*mixed")]:  # fmt: skip
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(ModelError, match=complaint):
            recipes.load(tmp_path / "c.toml", [tmp_path])
    with pytest.raises(ModelError, match="cannot read"):
        recipes.load(tmp_path / "absent.toml", [tmp_path])
    (tmp_path / "c.toml").write_text(CONFIG)
    with pytest.raises(ImageError, match="no pictures"):
        recipes.load(tmp_path / "c.toml", [tmp_path])
    with pytest.raises(ImageError, match="not a folder"):
        find_images([tmp_path / "nowhere"])


def test_crops_larger_than_every_picture_are_refused() -> None:
    crops, rng = Crops([np.zeros((40, 90, 3), np.uint8)]), np.random.default_rng(0)
    assert crops.batch(2, 40, rng).shape == (2, 3, 40, 40)
    with pytest.raises(ImageError, match="smaller than the crop"):
        crops.batch(1, 41, rng)


def test_a_single_picture_leaves_none_to_train_on() -> None:
    training, _ = split([Path("alone.png")])
    with pytest.raises(ImageError, match="add pictures"):
        Crops(load(training)).batch(1, 8, np.random.default_rng(0))


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    good, cut, text = tmp_path / "good.png", tmp_path / "cut.png", tmp_path / "text.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(good)
    cut.write_bytes(good.read_bytes()[:5000])
    text.write_text("no picture")
    for path in (cut, text):
        with pytest.raises(ImageError, match=f"{path.name}: cannot read this picture"):
            load([good, path])


def test_split_keeps_every_tenth_for_validation() -> None:
    training, validation = split([Path(str(k)) for k in range(25)])
    assert [int(str(p)) for p in validation] == [0, 10, 20]
    assert len(training) == 22


@pytest.mark.parametrize("shape", [(3, 24, 60), (2, 60, 24)])
def test_orthogonalised_updates_keep_directions_and_have_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = left.mT @ orthogonalise(matrices) @ right.mT
    diagonal = values.diagonal(dim1=1, dim2=2)
    assert diagonal.min() > 0.5
    assert diagonal.max() < 1.4
    torch.testing.assert_close(values, torch.diag_embed(diagonal), atol=1e-3, rtol=0)


def test_weights_of_one_shape_are_orthogonalised_each_for_itself() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(2, 16, 32)
    matrices[1] *= 100
    alone = torch.cat([orthogonalise(matrices[:1]), orthogonalise(matrices[1:])])
    torch.testing.assert_close(orthogonalise(matrices), alone, atol=1e-4, rtol=0)


def test_muon_descends() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(20, 16, 1, 1), nn.Parameter(torch.zeros(20, 16, 1, 1))
    optimizer = Muon([weight], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert (weight - target).square().mean() < 0.05


def test_learning_rate_rises_then_falls_to_zero() -> None:
    factors = [cosine(step, 1000, 100) for step in range(1001)]
    assert factors[0] == pytest.approx(0.01)
    assert max(factors) == factors[100] == 1
    assert factors[550] == pytest.approx(0.5)
    assert factors[1000] == 0
