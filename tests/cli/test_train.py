"""`roundel train`, end to end on small models."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roundel.cli.main import run
from roundel.lab import checkpoints
from roundel.training.configuration import read

CONFIG = """
kind = "{kind}"
[shape]
n = 8
m = 12
[data]
validation_px = 64
quantizers = [[0.0, "{quantizer}"]]
[schedule]
steps = 2
crops = [[0.0, 64, 1]]
bf16 = false
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(folder / "a.png")
    Image.fromarray(np.full((64, 64, 3), 77, np.uint8)).save(folder / "b.png")
    return folder


def arguments(pictures: Path, kind: str = "scale-hyperprior", quantizer: str = "mixed") -> list[str]:
    """A training that takes two steps, into the folder `run` beside the pictures."""
    config = pictures.parent / "tiny.toml"
    config.write_text(CONFIG.format(kind=kind, quantizer=quantizer))
    return ["train", str(config), "--data", str(pictures), "-o", str(pictures.parent / "run")]


def steps_of(folder: Path) -> int:
    return int(json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["step"])


@pytest.mark.parametrize("kind", ["factorized-prior", "scale-hyperprior", "mean-scale-hyperprior"])
def test_models_of_the_literature_have_recipes(kind: str, pictures: Path) -> None:
    assert run(arguments(pictures, kind)) == 0
    out = pictures.parent / "run"
    assert (out / "weights.safetensors").exists()
    assert ("gee_kl_bits" in (out / "log.jsonl").read_text()) == (kind != "factorized-prior")


def test_settings_of_the_command_line_are_what_is_trained_and_kept(pictures: Path) -> None:
    assert run([*arguments(pictures), "--steps", "3", "--set", "schedule.lr=2e-3", "--set", "shape.m=16"]) == 0
    out = pictures.parent / "run"
    assert steps_of(out) == 3
    config = read(out / "config.toml")
    assert (config["schedule"]["lr"], config["shape"]["m"]) == (2e-3, 16)
    model, _ = checkpoints.load(out / "checkpoint.pt")  # by the configuration that was kept
    assert model.synthesis[0].weight.shape[0] == 16


def test_a_trained_folder_is_refused_before_the_pictures_are_read(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, out = arguments(pictures), pictures.parent / "run"
    assert run(command) == 0
    kept = (out / "checkpoint.pt").read_bytes(), (out / "weights.safetensors").read_bytes()
    capsys.readouterr()
    assert run([*command[:3], str(pictures.parent / "absent"), *command[4:]]) == 1
    assert "checkpoint.pt exists: go on from it (--resume), start again" in capsys.readouterr().err
    assert ((out / "checkpoint.pt").read_bytes(), (out / "weights.safetensors").read_bytes()) == kept
    assert run([*command, "--resume", "--steps", "4"]) == 0
    assert steps_of(out) == 4
    assert run([*command, "-f"]) == 0
    assert steps_of(out) == 2
    assert run([*command, "-f", "--resume"]) == 2


def test_a_quantiser_of_one_s_own_trains(pictures: Path) -> None:
    command = arguments(pictures, quantizer="mine.py:Mine")
    text = "from roundel.training.quantizers.ste import Ste\nclass Mine(Ste):\n    pass\n"
    (pictures.parent / "mine.py").write_text(text)
    assert run(command) == 0
    _, last = checkpoints.load(pictures.parent / "run" / "checkpoint.pt")
    assert last == f"{pictures.parent / 'mine.py'}:Mine"


def test_a_configuration_that_ships_is_known_by_name(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(pictures.parent / "run")
    settings = ["schedule.crops=[[0.0, 64, 1]]", "shape.n=8", "shape.m=12", "data.validation_px=64"]
    changes = [part for setting in settings for part in ("--set", setting)]
    command = ["train", "mean-scale-hyperprior", "--data", str(pictures), "-o", out, "--steps", "1"]
    assert run([*command, *changes]) == 0
    assert run(["train", "mean-hyperprior", "--data", str(pictures), "-o", out]) == 1
    assert "give a TOML file, or one of " in capsys.readouterr().err


def test_a_device_that_is_not_there_is_wrong_usage(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments(pictures), "--device", "cuda:77"]) == 2
    assert "--device cuda:77" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_leave_a_checkpoint(number: signal.Signals, code: int, pictures: Path) -> None:
    command = [sys.executable, "-m", "roundel", *arguments(pictures), "--steps", "100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == code
    assert first.startswith("step 1/100000  loss ")
    assert "  bpp " in first
    assert "  psnr_db " in first
    assert "interrupted after step" in rest.splitlines()[-1]
    assert "--resume goes on from it" in rest
    assert (pictures.parent / "run" / "checkpoint.pt").exists()
    assert not (pictures.parent / "run" / "weights.safetensors").exists()
