"""`roundel lab`, end to end on small models and small networks."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roundel.cli.main import run
from roundel.lab import checkpoints
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.classic_coder import coder_of
from roundel.training.quantizers import QUANTIZERS, make

CONFIG = "kind = 'mean-scale-hyperprior'\n[shape]\nn = 8\nm = 12\n[data]\nquantizers = [[0.0, 'soft-ste']]"


@pytest.fixture
def trained(tmp_path: Path) -> list[str]:
    """Arguments of `lab gaps` that work, but for the data."""
    torch.manual_seed(0)
    torch.save({"average": Hyperprior(Size(8, 12), means=True).state_dict()}, tmp_path / "checkpoint.pt")
    (tmp_path / "c.toml").write_text(CONFIG)
    return ["lab", "gaps", str(tmp_path / "checkpoint.pt"), "--config", str(tmp_path / "c.toml"), "--pairs", "1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for k, side in enumerate((64, 80, 40)):
        Image.fromarray(rng.integers(0, 256, (side, 70, 3), np.uint8)).save(pictures / f"{k}.png")
    return pictures


def test_gaps(trained: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*trained, "--data", str(folder), "--crop", "64"]
    assert run([*arguments, "--quantizer", "noise", "--plot", str(tmp_path / "gaps.png")]) == 0
    assert "floor 0.25" in capsys.readouterr().out
    assert (tmp_path / "gaps.png").stat().st_size > 10_000
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quantizer"] == "soft-ste"  # with which training ended
    assert found["pictures"] == 2
    assert found["decoder_gap"]["mean_abs"] < 1e-5
    assert found["rate_gap"]["mean_abs"] <= 1 / 12 + 1e-6
    assert found["rate_difference_bpp"] == pytest.approx(found["train_bpp"] - found["test_bpp"], abs=1e-5)
    assert {s["radius"] for s in found["hard_smoothness"]} == {0.01, 0.1, 0.5}
    assert found["provenance"]["data"].startswith("pictures: 2 pictures")


def test_wrong_input_of_gaps(
    trained: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    torch.save({"average": Hyperprior(Size(8, 16), means=True).state_dict()}, tmp_path / "other.pt")
    other = [tmp_path / "other.pt" if "checkpoint" in a else a for a in trained]
    for arguments, complaint in (
        ([*other, "--data", folder], "not a checkpoint of"),
        ([*trained[:3], "--data", folder], "no config.toml beside it"),
        (["lab", "gaps", "nowhere.pt", "--data", folder], "no such checkpoint"),
        ([*trained, "--data", tmp_path / "empty"], "no pictures"),
        ([*trained, "--data", folder], "smaller than the crop of 256"),
        ([*trained, "--data", folder, "--quantizer", "hope"], "known: noise"),
    ):
        assert run([str(a) for a in arguments]) == 1
        assert complaint in capsys.readouterr().err
    assert run([*trained, "--data", str(folder), "--crop", "100"]) == 2


def test_toy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["lab", "toy", "--source", "laplace", "--quantizer", "ste", "--steps", "3"]
    assert run([*arguments, "--plot", str(tmp_path / "toy.png")]) == 0
    assert (tmp_path / "toy.png").stat().st_size > 10_000
    assert "laplace" in capsys.readouterr().out
    assert run([*arguments, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["lmbda"] for row in rows] == [1.5, 4, 16, 100]
    assert {"rate_bits", "distortion", "excess"} <= set(rows[0])
    assert run(["lab", "toy", "--source", "cauchy"]) == 1
    assert run(["lab", "toy", "--quantizer", "hope"]) == 1


def test_gaps_of_what_training_leaves(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every step of a schedule of surrogates trains, and its checkpoint can be measured."""
    schedule = "\n[schedule]\nsteps = 4\ncrops = [[0.0, 64, 1]]\nbf16 = false\nmuon = false"
    stages = '[[0.0, "soft-ste=0.2"], [0.25, "soft-round"], [0.5, "soft-then-hard"]]'
    data = f"[data]\nvalidation_px = 64\nquantizers = {stages}"
    (tmp_path / "c.toml").write_text(f"kind = 'mean-scale-hyperprior'\n[shape]\nn = 8\nm = 12\n{data}{schedule}")
    config, out = str(tmp_path / "c.toml"), str(tmp_path / "run")
    assert run(["train", config, "--data", str(folder), "-o", out]) == 0
    capsys.readouterr()
    measured = ["lab", "gaps", f"{out}/checkpoint.pt", "--data", str(folder), "--crop", "64"]  # config.toml lies beside
    assert run([*measured, "--pairs", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quantizer"] == "soft-then-hard"
    assert found["decoder_gap"]["mean_abs"] < 1e-5


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_surrogate_trains_by_configuration_and_makes_bytes(name: str, folder: Path, tmp_path: Path) -> None:
    schedule = "[schedule]\nsteps = 1\ncrops = [[0.0, 64, 1]]\nbf16 = false\nmuon = false"
    data = f"[data]\nvalidation_px = 64\nquantizers = [[0.0, '{name}']]"
    (tmp_path / "c.toml").write_text(f"kind = 'mean-scale-hyperprior'\n[shape]\nn = 4\nm = 6\n{data}\n{schedule}")
    out = tmp_path / "run"
    assert run(["train", str(tmp_path / "c.toml"), "--data", str(folder), "-o", str(out)]) == 0
    model, last = checkpoints.load(out / "checkpoint.pt")
    assert last == name
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    coder = coder_of(model, make(last))
    assert coder.decode(coder.encode(pixels)).shape == pixels.shape


def test_a_schedule_with_an_unknown_quantizer_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'kind = "scale-hyperprior"\n[data]\nquantizers = [[0.0, "hope"]]\n[schedule]\nsteps = 4'
    (tmp_path / "c.toml").write_text(text)
    assert run(["train", str(tmp_path / "c.toml"), "--data", str(folder), "-o", str(tmp_path / "run")]) == 1
    assert "unknown quantizer 'hope'" in capsys.readouterr().err


def test_a_frechet_distance_carries_its_network_s_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, seed in (("a", 0), ("b", 1)):
        (tmp_path / folder).mkdir()
        for k in range(4):
            pixels = np.random.default_rng((seed, k)).integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{k}.png")
    network = "tests.lab.test_frechet:colours"
    arguments = ["lab", "frechet", str(tmp_path / "a"), "--features", network, "--crop", "16"]
    assert run([*arguments[:3], str(tmp_path / "a"), *arguments[3:]]) == 0
    assert capsys.readouterr().out.startswith("0.0000  Fréchet distance by colours, 4 and 4 pictures")
    assert run([*arguments[:3], str(tmp_path / "b"), *arguments[3:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frechet_distance"] > 0
    assert run([*arguments[:3], str(tmp_path / "b"), "--features", "none.pt"]) == 1
    assert "neither a TorchScript file nor module:attribute" in capsys.readouterr().err
