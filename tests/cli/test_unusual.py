"""Command lines that nobody means to type: one line says what is wrong, and nothing of anybody's is lost."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from tests.cli.conftest import Shell, pixels
from tests.cli.test_main import PROGRAM, ROOT, assert_one_line, start

needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "photo.png", "--target-bpp", "nan"),
        ("encode", "photo.png", "--target-psnr", "nan"),
        ("encode", "photo.png", "--target-ssimulacra2", "inf"),
        ("encode", "photo.png", "--target-size", "9" * 400),
        ("decode", "photo.rndl", "--fraction", "nan"),
        ("eval", ".", "--crop-bpp", "nan"),
        ("encode", ""),
        ("decode", ""),
        ("encode", "photo.png", "-o", ""),
    ],
)
def test_numbers_and_names_that_are_none(
    shell: Shell, photo: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(*arguments) == 2
    assert "roundel: error: " in capsys.readouterr().err
    assert os.listdir() == ["photo.png"]


def test_more_bits_than_any_file_has_are_the_best_quality(shell: Shell, photo: Path) -> None:
    assert shell("encode", photo, "--target-bpp", "1e308", "-o", "x.rndl") == 0
    assert shell("encode", photo, "-q", "100", "-o", "y.rndl") == 0
    assert Path("x.rndl").read_bytes() == Path("y.rndl").read_bytes()


@pytest.mark.parametrize("model", ["²", "9" * 5000, "٣"])
def test_models_that_look_like_numbers(
    shell: Shell, photo: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("encode", photo, "--model", model) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("force", [[], ["-f"]])
def test_the_input_is_never_its_own_output(
    shell: Shell, photo: Path, packed: Path, force: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    packed.rename("x.png")
    before = Path("x.png").read_bytes()
    capsys.readouterr()
    assert shell("decode", "x.png", *force) == 1  # a user with -f would have lost the only copy
    assert "it is the input; name another file with -o" in capsys.readouterr().err
    assert Path("x.png").read_bytes() == before
    assert shell("decode", "x.png", "-o", "y.png", *force) == 0
    assert pixels(Path("y.png")).shape == (130, 200, 3)


def feed(pipe: Path, data: bytes) -> None:
    """Write into a pipe once, as another program would."""
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(data), daemon=True).start()


@needs_fifo
def test_pipes_with_names_are_read_once(
    shell: Shell, photo: Path, packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed(Path("in"), photo.read_bytes())
    assert shell("encode", "in", "--tile", 64, "-o", "x.rndl") == 0
    assert Path("x.rndl").read_bytes() == packed.read_bytes()
    feed(Path("a"), photo.read_bytes())
    capsys.readouterr()
    assert shell("compare", "a", photo, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["identical"]
    assert ("reference_bytes" in said, said["other_bytes"]) == (False, photo.stat().st_size)
    feed(Path("b"), packed.read_bytes())
    assert shell("info", "b") == 0
    said = capsys.readouterr().out
    assert "file_bytes         unknown" in said
    feed(Path("c"), photo.read_bytes())
    assert shell("encode", "c", "--page", 1, "-o", "y.rndl") == 1
    assert "in a file of its own" in capsys.readouterr().err


def test_folders_that_may_not_be_read_are_failures(
    shell: Shell, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in/closed").mkdir(parents=True)
    photo.rename("in/photo.png")
    scandir = os.scandir

    def guarded(path: str) -> object:  # root may read all
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert shell("encode", "in", "-r", "-o", "out") == 1
    said = capsys.readouterr().err
    assert f"roundel: error: {Path('in/closed')}: cannot read this folder (Permission denied)" in said
    assert "1 done, 1 failed" in said
    assert shell("encode", "in/closed") == 1
    assert "no pictures" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="names cannot hold these")
def test_names_cannot_write_to_the_terminal(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo.rename("a\n\x1b[2Jb.png")
    assert shell("encode", "a\n\x1b[2Jb.png") == 0
    said = capsys.readouterr().err
    assert said.startswith("a\\n\\x1b[2Jb.rndl: ")
    assert said.count("\n") == 1
    assert Path("a\n\x1b[2Jb.rndl").exists()


def test_a_pack_s_names_cannot_either(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    data = roundel.pack([pixels, pixels + 1], names=["a\n\x1b[2J.png", "\u202egnp.exe"], model="exact")
    Path("x.rndl").write_bytes(data)
    assert shell("unpack", "x.rndl", "--list") == 0
    assert capsys.readouterr().out == "0\ta\\n\\x1b[2J.png\t8×8\n1\t\\u202egnp.exe\t8×8\n"
    assert shell("unpack", "x.rndl", "-o", photo) == 1
    assert f"cannot write into {photo}: it is a file; name a folder" in capsys.readouterr().err


def test_no_pack_is_written_to_a_terminal(
    shell: Shell, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True)
        assert shell("pack", photo.parent, "-o", "-") == 2
    said = capsys.readouterr()
    assert "refusing to write binary data to a terminal" in said.err
    assert not said.out


def test_a_thumbnail_that_cannot_be_made_names_the_file(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.rndl").touch()
    assert shell("desktop", "--thumbnail", "x.rndl", "x.png", "64") == 1
    assert capsys.readouterr().err == "roundel: error: x.rndl: the file is empty, expected a roundel file\n"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_pictures_whose_names_are_no_text_are_measured(shell: Shell, photo: Path) -> None:
    os.mkdir("in")
    os.rename(photo, b"in/\xff.png")
    assert shell("eval", "in", "-c", "jpeg", "-o", "x.json") == 0
    assert "in: 1 pictures" in Path("x.json").read_text()


def test_what_comes_through_stdin_is_named_once() -> None:
    assert_one_line(start("encode", "-", stdin=b""), "error: standard input: the file is empty")
    assert_one_line(start("encode", "-", stdin=b"no"), "error: standard input: not a picture")


@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors to close")
def test_streams_that_are_closed(packed: Path, photo: Path, tmp_path: Path) -> None:
    def closed(which: str, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
        command = ["sh", "-c", f'"$@" {which}&-', "sh", *PROGRAM, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)

    assert_one_line(closed("0<", "decode", "-", "-o", tmp_path / "x.png"), "Bad file descriptor")
    assert_one_line(closed("1>", "decode", packed, "-o", "-", "--format", "png"), "Bad file descriptor")
    assert_one_line(closed("1>", "info", packed), "Bad file descriptor")
    assert closed("2>", "decode", packed, "-o", tmp_path / "y.png").returncode == 0
    with Image.open(tmp_path / "y.png") as found:  # no message landed in it
        assert np.asarray(found).shape == (130, 200, 3)
