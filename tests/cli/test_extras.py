"""Where an extra is missing, commands say in one line what to install, before any work."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {libraries}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from roundel.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def without(libraries: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where libraries are not installed."""
    command = [sys.executable, "-c", WITHOUT.format(libraries=libraries), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(tmp_path / "a.png")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("library", "extra", "arguments"),
    [
        ("torch", "train", ["train", "photo", "--data", "{folder}"]),
        ("onnx", "train", ["train", "photo", "--data", "{folder}"]),
        ("torch", "train", ["lab", "gaps", "{folder}/checkpoint.pt", "--data", "{folder}"]),
        ("torch", "train", ["lab", "toy", "--steps", "1"]),
        ("torch", "train", ["lab", "frechet", "{folder}", "{folder}", "--features", "a:b"]),
        ("matplotlib", "compare", ["lab", "toy", "--steps", "1", "--plot", "{folder}/x.png"]),
        ("matplotlib", "compare", ["eval", "{folder}", "-c", "jpeg=50,60", "--plot", "{folder}/x.png"]),
        ("ray", "ray", ["batch", "{folder}", "{folder}/out"]),
        ("matplotlib", "compare", ["eval", "{folder}", "-c", "jpeg=50,60", "--html", "{folder}/x.html"]),
        ("starlette", "web", ["view", "{folder}"]),
        ("uvicorn", "web", ["view", "{folder}"]),
        ("imagecodecs", "compare", ["eval", "{folder}", "-c", "png", "-c", "jxl-e3", "--lossless"]),
    ],
)
def test_a_missing_extra_is_one_line(library: str, extra: str, arguments: list[str], folder: str) -> None:
    done = without([library], *(part.format(folder=folder) for part in arguments))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"pip install 'roundel[{extra}]'" in done.stderr


def test_the_product_needs_none_of_them(folder: str) -> None:
    absent = ["torch", "onnx", "imagecodecs", "matplotlib", "scipy", "ssimulacra2", "tensorboard", "tifffile"]
    done = without(absent, "encode", f"{folder}/a.png", "-o", f"{folder}/a.rndl")
    assert done.returncode == 0, done.stderr
    assert without(absent, "decode", f"{folder}/a.rndl", "-o", f"{folder}/b.png").returncode == 0
    assert without(absent, "compare", f"{folder}/a.png", f"{folder}/b.png").returncode == 0


def test_baselines_that_nobody_named_are_left_out(folder: str) -> None:
    done = without(["imagecodecs"], "eval", folder, "--lossless", "--json")
    assert done.returncode == 0, done.stderr
    assert "webp-lossless" in done.stdout
    assert "jxl" not in done.stdout
