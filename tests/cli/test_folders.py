"""Folders, lists and mirrored trees; names that collide; batches that resume."""

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from tests.cli.conftest import Shell, pixels
from tests.standin import Exact
from tests.test_codec import scene


def save(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(20, 30, seed=seed)).save(path)
    return path


@pytest.fixture
def tree(shell: Shell) -> Path:
    """in/a.png, in/deep/er/b.png, in/deep/c.jpg, and what is none of anyone's business."""
    save(Path("in/a.png"), 1)
    save(Path("in/deep/er/b.png"), 2)
    save(Path("in/deep/c.jpg"), 3)
    save(Path("in/.hidden.png"))
    save(Path("in/.git/x.png"))
    Path("in/labels.csv").write_text("a,1\n")
    return Path("in")


def files(folder: Path | str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def test_a_tree_is_mirrored_there_and_back(shell: Shell, tree: Path) -> None:
    assert shell("encode", tree, "-r", "-o", "out", "--lossless") == 0
    assert files("out") == ["a.rndl", "deep/c.rndl", "deep/er/b.rndl"]
    assert shell("decode", "out", "-r", "-o", "back") == 0
    assert files("back") == ["a.png", "deep/c.png", "deep/er/b.png"]
    assert np.array_equal(pixels(Path("back/deep/er/b.png")), scene(20, 30, seed=2))
    assert shell("verify", "out", "-r") == 0
    assert shell("info", "out", "-r") == 0


def test_without_r_a_folder_is_its_own_files(shell: Shell, tree: Path) -> None:
    assert shell("encode", tree, "-o", "out") == 0
    assert files("out") == ["a.rndl"]


def test_the_folder_one_is_in(shell: Shell, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert shell("encode", ".") == 0
    assert files(".") == [".git/x.png", ".hidden.png", "a.png", "a.rndl", "deep/c.jpg", "deep/er/b.png", "labels.csv"]
    assert shell("encode", ".", "-r", "-o", "../out") == 0
    assert files("../out") == ["a.rndl", "deep/c.rndl", "deep/er/b.rndl"]


def test_a_name_with_a_slash_is_a_folder_and_several_results_make_one(shell: Shell, tree: Path) -> None:
    assert shell("encode", tree / "a.png", "-o", "new/") == 0
    assert files("new") == ["a.rndl"]
    assert shell("encode", tree / "a.png", tree / "deep/c.jpg", "-o", "packed") == 0
    assert files("packed") == ["a.rndl", "c.rndl"]
    assert shell("encode", tree / "a.png", "-o", "one") == 0
    assert Path("one").is_file()
    assert shell("encode", tree / "a.png", tree / "deep/c.jpg", "-o", "one") == 2


def test_several_folders_keep_their_names(shell: Shell, tree: Path) -> None:
    save(Path("other/a.png"))
    assert shell("encode", tree, "other", "-r", "-o", "out") == 0
    assert files("out") == ["in/a.rndl", "in/deep/c.rndl", "in/deep/er/b.rndl", "other/a.rndl"]


@pytest.mark.parametrize("piped", [False, True])
def test_a_list_of_files(shell: Shell, tree: Path, piped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    absolute = save(Path("z.png")).resolve()
    listed = f"in/a.png\nin/deep/c.jpg\n\n{absolute}\n"
    Path("list").write_text(listed)
    if piped:
        stdin = io.TextIOWrapper(io.BytesIO(listed.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
    assert shell("encode", "--files-from", "-" if piped else "list", "-o", "out") == 0
    assert files("out") == ["in/a.rndl", "in/deep/c.rndl", "z.rndl"]
    assert shell("encode", "--files-from", "nowhere", "-o", "out") == 1


def test_inputs_that_collide_are_named_and_the_rest_is_done(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("in/a.png", "in/a.jpg", "in/b.png"):
        save(Path(name))
    assert shell("encode", "in", "-o", "out", "--json") == 1
    assert files("out") == ["b.rndl"]
    out, err = capsys.readouterr()
    assert {json.loads(line)["input"] for line in out.splitlines() if "error" in line} == {"in/a.png", "in/a.jpg"}
    assert "as would in/a.png" in err
    assert "1 done, 2 failed" in err


def test_the_same_input_twice_is_done_once(shell: Shell, photo: Path) -> None:
    assert shell("encode", photo, photo, "-o", "out") == 0
    assert files("out") == ["photo.rndl"]


def test_a_batch_resumes(shell: Shell, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/a.rndl").write_bytes(b"precious")
    assert shell("encode", tree, "-r", "-o", "out") == 1
    assert files("out") == ["a.rndl", "deep/c.rndl", "deep/er/b.rndl"]
    capsys.readouterr()
    assert shell("encode", tree, "-r", "-o", "out", "--skip-existing") == 0
    assert Path("out/a.rndl").read_bytes() == b"precious"
    assert "0 done, 3 skipped" in capsys.readouterr().err
    assert shell("encode", tree / "a.png", "-o", "out/", "--skip-existing", "--json") == 0
    assert json.loads(capsys.readouterr().out)["skipped"] is True


def test_folders_without_pictures_and_no_inputs_say_so(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert shell("encode", "empty", "-o", "out") == 1
    assert "no pictures in this folder" in capsys.readouterr().err
    assert shell("encode") == 2
    assert shell("decode", "-o", "x.png") == 2
    assert shell("info") == 2


@pytest.mark.parametrize("name", ["out.jpg", "out.PNG", "sub/out.webp"])
def test_an_output_that_names_a_picture_is_refused(
    shell: Shell, photo: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("encode", photo, "-o", name) == 2
    assert "encode writes .rndl files" in capsys.readouterr().err
    assert not Path(name).exists()
    assert shell("tokenize", photo, "-o", name) == 2


def test_a_roundel_file_is_not_encoded_again(shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("encode", packed) == 1
    assert "already a roundel file" in capsys.readouterr().err


def test_times_are_kept_when_asked_for(shell: Shell, photo: Path) -> None:
    os.utime(photo, ns=(10**18, 10**18 + 5))
    assert shell("encode", photo, "-o", "a.rndl", "--preserve") == 0
    assert Path("a.rndl").stat().st_mtime_ns == 10**18 + 5
    assert shell("decode", "a.rndl", "-o", "b.png", "--preserve") == 0
    assert Path("b.png").stat().st_mtime_ns == 10**18 + 5
    assert shell("encode", photo, "-o", "c.rndl") == 0
    assert Path("c.rndl").stat().st_mtime_ns > 10**18 + 5


def test_a_forced_output_keeps_its_mode(shell: Shell, photo: Path) -> None:
    assert shell("encode", photo, "-o", "a.rndl") == 0
    Path("a.rndl").chmod(0o600)
    assert shell("encode", photo, "-o", "a.rndl", "-f") == 0
    assert Path("a.rndl").stat().st_mode & 0o777 == 0o600


def test_quality_of_pictures_that_lose(shell: Shell, packed: Path) -> None:
    sizes = []
    for quality in (20, 90):
        for suffix in ("jpg", "webp", "png"):
            assert shell("decode", packed, "-o", f"{quality}.{suffix}", "-q", quality) == 0
        sizes.append([Path(f"{quality}.{suffix}").stat().st_size for suffix in ("jpg", "webp", "png")])
    assert sizes[0][0] < sizes[1][0]
    assert sizes[0][1] < sizes[1][1]
    assert sizes[0][2] == sizes[1][2]


def test_smaller_pictures(shell: Shell, packed: Path) -> None:
    assert shell("decode", packed, "-o", "half.png", "--reduce", 1) == 0
    assert pixels(Path("half.png")).shape == (65, 100, 3)
    assert shell("decode", packed, "-o", "thumb.png", "--max-side", 60) == 0
    assert pixels(Path("thumb.png")).shape == (33, 50, 3)
    assert shell("decode", packed, "-o", "part.png", "--max-side", 60, "--region", "0,0,120,100") == 0
    assert pixels(Path("part.png")).shape == (50, 60, 3)
    assert shell("decode", packed, "-o", "x.png", "--max-side", 60, "--reduce", 1) == 2


@pytest.mark.parametrize(
    ("text", "size"), [("1500", 1500), ("1.5k", 1500), ("1.5kB", 1500), ("2KiB", 2048), ("0.002M", 2000)]
)
def test_sizes_as_people_write_them(shell: Shell, photo: Path, text: str, size: int) -> None:
    from roundel.cli.values import Bytes

    assert Bytes().convert(text, None, None) == size
    assert shell("encode", photo, "-o", "x.rndl", "--target-size", text, "-f") in (0, 1)
    for wrong in ("0", "-5", "k", "5q", "1e3"):
        assert shell("encode", photo, "-o", "y.rndl", "--target-size", wrong) == 2


def test_lossless_models_have_no_targets(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("encode", photo, "--model", Exact.name, "--target-size", "30k") == 1
    assert "no qualities" in capsys.readouterr().err


def test_info_of_several_files_is_a_table(shell: Shell, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("encode", tree, "-r", "-o", "out") == 0
    capsys.readouterr()
    assert shell("info", "out", "-r") == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 4
    assert out[0].split() == ["file", "model", "size", "quality", "bpp", "bytes"]
    size = Path("out/a.rndl").stat().st_size
    assert out[1].split()[:4] == ["out/a.rndl", "block-means", "30×20", "75"]
    assert out[1].split()[-1] == str(size)
    assert shell("info", "out", "-r", "-v") == 0
    assert capsys.readouterr().out.count("weights_hash") == 3


def test_a_file_of_one_s_own_is_read_where_it_is_needed(shell: Shell, packed: Path) -> None:
    """Decoding a region reads a file lazily, and gives what decoding its bytes gives."""
    assert shell("decode", packed, "-o", "part.png", "--region", "70,60,40,30") == 0
    part = roundel.decode_array(packed.read_bytes(), region=(70, 60, 40, 30))
    assert np.array_equal(pixels(Path("part.png")), part)
