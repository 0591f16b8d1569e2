"""Generative compression: who learns from which loss, and what the rate constraint does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roundel.errors import ModelError
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.classic_coder import coder_of
from roundel.lab.hific import Hific, HificTask, Objective
from roundel.training.data import Crops
from roundel.training.quantizers import make
from tests.lab.test_classic_coder import picture, tensor


def gradients(task: HificTask, x: torch.Tensor, progress: float) -> dict[str, torch.Tensor]:
    task.model.zero_grad()
    torch.manual_seed(0)
    task.loss(task.model, x, progress)[0].backward()
    return {name: p.grad.clone() for name, p in task.model.named_parameters() if p.grad is not None}


def squared(x: torch.Tensor) -> torch.Tensor:
    """Features whose squared distance is the squared error."""
    return x.flatten(1)


def task_of(**weights: float) -> HificTask:
    torch.manual_seed(0)
    crops, validation = Crops([picture(64, 64)]), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    objective = Objective(network=f"{__name__}:squared", **weights)
    return HificTask(Hific(Size(8, 12)), crops, validation, objective=objective)


def test_each_learns_from_its_own_loss() -> None:
    x = tensor(picture(64, 64))
    plain, before = gradients(task_of(), x, 0.0), gradients(task_of(adversarial=7.0), x, 0.49)
    assert all(name.startswith("codec.") for name in plain)
    assert all(torch.equal(plain[name], before[name]) for name in plain), "the critic does not count yet"
    weak, strong = (gradients(task_of(adversarial=beta), x, 0.5) for beta in (0.0, 5.0))
    critic = [name for name in weak if name.startswith("critic.")]
    assert critic
    assert all(torch.equal(weak[name], strong[name]) for name in critic), "what the codec wants is not the critic's"
    assert all(torch.allclose(weak[name], plain[name], atol=1e-6) for name in plain)
    assert not torch.allclose(strong["codec.synthesis.0.weight"], weak["codec.synthesis.0.weight"])


def test_rates_above_the_target_are_what_it_pays_for() -> None:
    x = tensor(picture(64, 64))
    name = "codec.density.biases.0"  # has a gradient from the rate alone
    above, below = (gradients(task_of(target_bpp=target), x, 0.0)[name] for target in (0.0, 99.0))
    assert torch.allclose(above, below * 4.0 / 0.0625, rtol=1e-4)


def test_the_critic_learns_to_tell_and_sees_the_latents() -> None:
    task, x = task_of(), tensor(picture(64, 64))
    critic = task.model.critic
    y, fake = torch.randn(1, 12, 4, 4), x.mean((2, 3), keepdim=True).expand_as(x)
    assert critic(x, y).shape == (1, 1, 8, 8)
    assert not torch.equal(critic(x, y), critic(x, -y))
    optimizer = torch.optim.Adam(critic.parameters(), 1e-2)
    for _ in range(30):
        loss = torch.nn.functional.softplus(torch.cat([-critic(x, y), critic(fake, y)])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (critic(x, y) > critic(fake, y)).float().mean() > 0.9


def test_its_files_are_those_of_a_hyperprior() -> None:
    codec = task_of().model.codec
    assert isinstance(codec, Hyperprior)
    pixels = picture(64, 96)
    coder = coder_of(codec, make("mixed"))
    assert coder.decode(coder.encode(pixels)).shape == pixels.shape


def test_ssimulacra2_is_the_default_and_wants_large_crops() -> None:
    torch.manual_seed(0)
    crops, validation = Crops([picture(256, 256)]), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    task = HificTask(Hific(Size(8, 12)), crops, validation)
    x = task.batch(1, 256, np.random.default_rng(0)).float() / 255
    _, seen = task.loss(task.model, x, 0.9)
    assert seen["perceptual"] > 0.1
    assert seen["critic"] == pytest.approx(2 * np.log(2), rel=0.3)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="no critic"):
        task_of().loss(Hyperprior(Size(8, 12), means=True), tensor(picture(64, 64)), 0.0)


def test_the_experiment_runs_and_shows(tmp_path: Path) -> None:
    pytest.importorskip("ssimulacra2")
    for k in range(2):
        Image.fromarray(picture(256, 256)).save(tmp_path / f"{k}.png")
    run = Path(__file__).parents[2] / "experiments" / "hific" / "run.py"
    places = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--results", str(tmp_path / "results")]
    command = [sys.executable, str(run), *places, "--only", "hific"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "results" / "smoke.json").read_text())["rows"]
    assert row["bpp"] > 0
    assert row["psnr_db"] < 40
    with Image.open(tmp_path / "results" / "smoke.jpg") as shown:
        assert shown.size == (512, 256)
