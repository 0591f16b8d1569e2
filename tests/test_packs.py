"""Packs from Python and on the command line: every picture under its own name, with all that it has."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel import RoundelError
from roundel.image import Picture
from tests.cli.conftest import Shell, pixels, shell  # noqa: F401
from tests.standin import Exact
from tests.test_codec import scene

EXACT = Exact()


def save(path: Path, seed: int, size: tuple[int, int] = (12, 17)) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(*size, seed=seed)).save(path)
    return pixels(path)


# ---- from Python


def test_arrays_lists_and_folders(tmp_path: Path) -> None:
    batch = np.stack([scene(8, 9, seed=seed) for seed in range(5)])
    found = roundel.unpack(roundel.pack(batch, labels=[4, 3, 2, 1, 0], model=EXACT), model=EXACT)
    assert np.array_equal(np.stack([member.pixels for member in found]), batch)
    assert [member.label for member in found] == [4, 3, 2, 1, 0]
    assert found[0].name is None
    assert "8" in repr(found[0])
    names = ["b.png", "sub/a.png"]
    saved = [save(tmp_path / name, seed) for seed, name in enumerate(names)]
    for pictures in (tmp_path, str(tmp_path)):
        found = roundel.unpack(roundel.pack(pictures, model=EXACT), model=EXACT)
        assert [member.name for member in found] == names
        assert all(np.array_equal(member.pixels, one) for member, one in zip(found, saved, strict=True))
    data = roundel.pack([tmp_path / "b.png", Image.fromarray(batch[0]), batch[1]], names=list("abc"), model=EXACT)
    assert [member.name for member in roundel.unpack(data, [2, 0], model=EXACT)] == ["c", "a"]


def test_pictures_keep_what_they_have() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        Picture(scene(9, 9), rng.integers(0, 256, (9, 9), np.uint8), icc=b"profile"),
        Picture(rng.integers(0, 65536, (9, 9, 3)).astype(np.uint16)),
        Picture(scene(9, 9), exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x/>"),
        Picture(scene(5, 4)),
    ]
    found = [member.picture for member in roundel.unpack(roundel.pack(pictures, model=EXACT), model=EXACT)]
    for picture, other in zip(pictures, found, strict=True):
        assert np.array_equal(picture.pixels, other.pixels)
        assert (picture.alpha is None) == (other.alpha is None)
        assert picture.alpha is None or np.array_equal(picture.alpha, other.alpha)
        assert (picture.icc, picture.exif, picture.xmp) == (other.icc, other.exif, other.xmp)
    stripped = roundel.unpack(roundel.pack(pictures, strip=True, model=EXACT), model=EXACT)
    assert stripped[0].picture.icc is None
    assert stripped[0].picture.alpha is not None


def test_grey_and_coloured_pictures_of_one_size() -> None:
    rng = np.random.default_rng(1)
    deep = [rng.integers(0, 65536, (8, 8, channels), np.uint16) for channels in (1, 2, 3, 4)]
    mixed = [scene(8, 8), scene(8, 8, 1), *deep]
    found = roundel.unpack(roundel.pack(mixed, model=EXACT), model=EXACT)
    for array, member in zip(mixed, found, strict=True):
        assert np.array_equal(member.pixels.reshape(array.shape), array)
    grey = roundel.unpack(roundel.pack(mixed[1:3], model=EXACT), model=EXACT)
    assert np.array_equal(grey[0].pixels, mixed[1][:, :, 0])


@pytest.mark.parametrize(
    "arguments",
    [
        {"pictures": []},
        {"pictures": 7},
        {"pictures": "nowhere"},
        {"pictures": [np.zeros((3000, 3, 3), np.uint8)]},
        {"names": ["a"]},
        {"names": ["a", "a"]},
        {"names": ["a", "../b"]},
        {"labels": [1]},
        {"group": 0},
        {"group": 2.5},
        {"model": "no-such"},
    ],
    ids=repr,
)
def test_wrong_arguments(arguments: dict[str, object]) -> None:
    given = {"pictures": [scene(8, 8), scene(8, 8)], "model": EXACT, **arguments}
    with pytest.raises(RoundelError):
        roundel.pack(given.pop("pictures"), **given)  # type: ignore[arg-type]


def test_pictures_that_are_not_there() -> None:
    data = roundel.pack([scene(8, 8)], model=EXACT)
    for images in ([1], [-1], [0.5], "a"):
        with pytest.raises(RoundelError, match="picture"):
            roundel.unpack(data, images, model=EXACT)  # type: ignore[arg-type]
    with pytest.raises(RoundelError, match="not a pack"):
        roundel.unpack(roundel.encode(scene(8, 8), model=EXACT), model=EXACT)


# ---- on the command line


def test_names_that_other_systems_cannot_hold(shell: Shell) -> None:  # noqa: F811
    saved = {
        name: save(Path("in", name), seed) for seed, name in enumerate(["a:b.png", "12:30/x?.png", "back\\slash.png"])
    }
    assert shell("pack", "in", "-o", "p.rndl", "--model", "exact") == 0
    assert shell("verify", "p.rndl") == 0
    assert shell("unpack", "p.rndl", "-o", "out") == 0
    for name, expected in saved.items():
        assert np.array_equal(pixels(Path("out", name)), expected)


def test_names_are_mapped_where_they_must_be_and_said(
    shell: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from roundel import names

    first = save(Path("in/a:b.png"), 1)
    assert shell("pack", "in", "-o", "p.rndl", "--model", "exact") == 0
    capsys.readouterr()
    windows = names.paths_of
    monkeypatch.setattr(names, "paths_of", lambda given: windows(given, "win32"))
    assert shell("unpack", "p.rndl", "-o", "out", "--json") == 0
    out, err = capsys.readouterr()
    assert np.array_equal(pixels(Path("out/a%3Ab.png")), first)
    assert "a:b.png is written as a%3Ab.png" in err
    assert json.loads(out)["renamed"] == {"a:b.png": "a%3Ab.png"}


def test_formats_stay_where_they_keep_every_bit(shell: Shell) -> None:  # noqa: F811
    for seed, name in enumerate(["a.jpg", "a.png", "b.tiff", "c.jpeg", "d.bmp", "e.webp", "f.ppm"]):
        save(Path("in", name), seed)
    assert shell("pack", "in", "-o", "p.rndl", "--model", "exact") == 0
    assert shell("unpack", "p.rndl", "-o", "out") == 0
    found = sorted(path.name for path in Path("out").iterdir())
    assert found == ["a.jpg.png", "a.png", "b.tiff", "c.png", "d.bmp", "e.webp", "f.ppm"]
    for name in found:
        source = {"a.jpg.png": "a.jpg", "c.png": "c.jpeg"}.get(name, name)
        shown = pixels(Path("in", source))
        if name == "e.webp":
            continue  # its source lost bits when it was made
        assert np.array_equal(pixels(Path("out", name)), shown), name


def test_what_is_no_picture_is_named_and_left_out(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    save(Path("in/a.png"), 1)
    Path("in/labels.csv").write_text("a.png,1\n")
    Path("in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert shell("pack", "in", "-o", "p.rndl", "--model", "exact", "--json") == 1
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row.get("input") for row in rows[:-1]] == ["in/broken.png", "in/labels.csv"]
    assert (rows[-1]["pictures"], rows[-1]["left_out"]) == (1, 2)
    assert err.count("roundel: error:") == 2
    assert shell("unpack", "p.rndl", "-o", "out") == 0
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]


def test_a_folder_of_no_pictures_is_an_error(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    Path("in").mkdir()
    Path("in/labels.csv").write_text("a.png,1\n")
    assert shell("pack", "in", "-o", "p.rndl", "--model", "exact") == 1
    assert "no pictures to pack" in capsys.readouterr().err
    assert not Path("p.rndl").exists()
    assert shell("pack", "in", "-o", "p.png", "--model", "exact") == 2
