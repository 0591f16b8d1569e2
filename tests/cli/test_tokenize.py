"""`roundel tokenize` and `detokenize`: arrays in NumPy's format, pictures, and files of the tokens themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.cli.main import run
from roundel.training.tokens import stored as autoencoder_weights
from roundel.training.tokens.model import AutoencoderShape, DiscreteAutoencoder
from tests.cli.conftest import pixels
from tests.codecs.test_tokens import SHAPES


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A weights file, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    autoencoder_weights.save(DiscreteAutoencoder(SHAPES["grid"]).eval(), tmp_path / "tiny.safetensors", {})
    return "tiny.safetensors"


def test_there_and_back(tiny: str, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokenize", str(photo), "--model", tiny, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [17, 25, 3]
    codes = np.load(photo.with_suffix(".npy"))
    assert run(["detokenize", str(photo.with_suffix(".npy")), "--size", "200x130", "-o", "a.png", "--model", tiny]) == 0
    assert (
        run(["detokenize", str(photo.with_suffix(".npy")), "--size", "200x130", "-o", "a.rndl", "--model", tiny]) == 0
    )
    assert run(["decode", "a.rndl", "-o", "b.png", "--model", tiny]) == 0
    assert pixels(Path("a.png")).shape == (130, 200, 3)
    assert np.array_equal(pixels(Path("a.png")), pixels(Path("b.png")))
    assert run(["tokenize", "a.rndl", "--model", tiny]) == 0
    assert np.array_equal(np.load("a.npy"), codes)
    for command in ("info", "verify"):
        assert run([command, "a.rndl", *(["--model", tiny] if command == "verify" else [])]) == 0


def test_complaints(tiny: str, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.npy").write_text("no array")
    assert run(["detokenize", "text.npy", "--model", tiny]) == 1
    assert "text.npy: not an array in NumPy's format" in capsys.readouterr().err
    header = b"{'descr': '<i4', 'fortran_order': False, 'shape': (1000000000000000,)}\n"
    for number, damaged in enumerate((header, b"{{{{", b"")):
        Path(f"{number}.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(damaged).to_bytes(2, "little") + damaged)
        assert run(["detokenize", f"{number}.npy", "--model", tiny]) == 1
        assert f"{number}.npy: not an array in NumPy's format" in capsys.readouterr().err
    np.save("object.npy", np.array([{}], object), allow_pickle=True)
    assert run(["detokenize", "object.npy", "--model", tiny]) == 1
    np.save("other.npy", np.full((2, 2, 3), 99))
    assert run(["detokenize", "other.npy", "--model", tiny]) == 1
    assert "other.npy: entry 0 of the tokens is 99 .. 99" in capsys.readouterr().err
    assert run(["detokenize", "other.npy", "--size", "big", "--model", tiny]) == 2
    vector = DiscreteAutoencoder(AutoencoderShape("vector", (4, 4, 8, 8), dims=6)).eval()
    autoencoder_weights.save(vector, Path("vector.safetensors"), {})
    assert run(["encode", str(photo), "--model", tiny, "-o", "a.rndl"]) == 0
    assert run(["tokenize", "a.rndl", "--model", "vector.safetensors"]) == 1
    assert "written by model 65535" in capsys.readouterr().err
