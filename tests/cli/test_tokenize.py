"""`roundel tokenize` and `detokenize`: arrays in NumPy's format, pictures, and files of the tokens themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.cli.main import run
from roundel.container import Kind
from roundel.errors import RoundelError
from tests.cli.conftest import pixels
from tests.test_codec import scene

OTHER = "cifar-tokens"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_and_back(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = roundel.load_model(kind=Kind.TOKENS).levels  # type: ignore[attr-defined]
    assert run(["tokenize", str(photo), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["shape"] == [17, 25, len(levels)]
    codes = np.load(photo.with_suffix(".npy"))
    assert codes.dtype == record["dtype"] == np.min_scalar_type(max(levels) - 1)
    assert run(["detokenize", str(photo.with_suffix(".npy")), "--size", "200x130", "-o", "a.png"]) == 0
    assert run(["detokenize", str(photo.with_suffix(".npy")), "--size", "200x130", "-o", "a.rndl"]) == 0
    assert run(["decode", "a.rndl", "-o", "b.png"]) == 0
    assert pixels(Path("a.png")).shape == (130, 200, 3)
    assert np.array_equal(pixels(Path("a.png")), pixels(Path("b.png")))
    assert run(["tokenize", "a.rndl"]) == 0
    assert np.array_equal(np.load("a.npy"), codes)
    for command in ("info", "verify"):
        assert run([command, "a.rndl"]) == 0


def test_folders_of_pictures() -> None:
    for name in ("in/a.png", "in/b/c.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(16, 24)).save(name)
    assert run(["tokenize", "in", "-r", "-o", "out", "-j", "2"]) == 0
    assert np.load("out/b/c.npy").shape[:2] == (2, 3)
    assert run(["detokenize", "out", "-r", "-o", "back"]) == 0
    assert pixels(Path("back/b/c.png")).shape == (16, 24, 3)


def test_complaints(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.npy").write_text("no array")
    assert run(["detokenize", "text.npy"]) == 1
    assert "text.npy: not an array in NumPy's format" in capsys.readouterr().err
    header = b"{'descr': '<i4', 'fortran_order': False, 'shape': (1000000000000000,)}\n"
    for number, damaged in enumerate((header, b"{{{{", b"")):
        Path(f"{number}.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(damaged).to_bytes(2, "little") + damaged)
        assert run(["detokenize", f"{number}.npy"]) == 1
        assert f"{number}.npy: not an array in NumPy's format" in capsys.readouterr().err
    np.save("object.npy", np.array([{}], object), allow_pickle=True)
    assert run(["detokenize", "object.npy"]) == 1
    assert run(["tokenize", str(photo)]) == 0
    np.save("other.npy", np.full_like(np.load(photo.with_suffix(".npy")), 99))
    capsys.readouterr()
    assert run(["detokenize", "other.npy"]) == 1
    assert "other.npy: entry 0 of the tokens is 99 .. 99" in capsys.readouterr().err
    assert run(["detokenize", "other.npy", "--size", "big"]) == 2
    assert run(["encode", str(photo), "--model", "photo-tokens", "-o", "a.rndl"]) == 0
    assert run(["tokenize", "a.rndl", "--model", OTHER]) == 1
    assert "written by model" in capsys.readouterr().err


# ---- batches, from Python


def test_batches_are_the_pictures_one_by_one(tmp_path: Path) -> None:
    pictures = np.stack([scene(24, 40, seed=seed) for seed in range(3)])
    alone = np.stack([roundel.tokenize(one) for one in pictures])
    assert np.array_equal(roundel.tokenize(pictures), alone)
    assert np.array_equal(roundel.tokenize(list(pictures)), alone)
    Image.fromarray(pictures[1]).save(tmp_path / "one.png")
    assert np.array_equal(roundel.tokenize([pictures[0], tmp_path / "one.png"]), alone[:2])
    again = roundel.detokenize(alone, size=(40, 24))
    assert again.shape == (3, 24, 40, 3)
    assert np.array_equal(again[2], roundel.detokenize(alone[2], size=(40, 24)))


def test_files_of_tokens_may_be_paths(tmp_path: Path) -> None:
    data = roundel.encode(scene(24, 40), model="photo-tokens")
    (tmp_path / "a.rndl").write_bytes(data)
    assert np.array_equal(roundel.tokenize(tmp_path / "a.rndl"), roundel.tokenize(data))


@pytest.mark.parametrize(
    "source", [[], [scene(8, 8), scene(8, 16)], None, 7, "nowhere.png", np.zeros((2, 2, 8, 8, 3), np.uint8)]
)
def test_what_cannot_be_tokenised(source: object) -> None:
    with pytest.raises(RoundelError):
        roundel.tokenize(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("codes", [None, 7, "abc", np.zeros((3, 3)), np.zeros((0, 3, 3, 3), int), [[[1, 2], [3]]]])
def test_what_are_no_tokens(codes: object) -> None:
    with pytest.raises(RoundelError):
        roundel.detokenize(codes)  # type: ignore[arg-type]
