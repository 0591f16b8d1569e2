"""Which picture a file was made from, and what the page is told of each file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.cli.inputs import PICTURES
from roundel.container import read
from roundel.errors import ImageError
from roundel.viewer.items import items_of


def listed(folder: Path, *stems: str) -> list[tuple[Path, str]]:
    return [(folder / f"{stem}.rndl", f"{stem}.rndl") for stem in stems]


def originals(files, pictures) -> list[str | None]:
    return [item.original and item.original.name for item in items_of(files, pictures, PICTURES)]


def test_a_picture_of_the_same_name_beside_a_file_is_its_original(files: Path) -> None:
    assert originals(listed(files, "rough", "fine", "exact"), []) == ["rough.png", None, "exact.png"]


def test_a_picture_that_is_named_comes_first(files: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (95, 61)).save(other)
    assert originals(listed(files, "rough", "fine"), [other]) == ["other.png", "other.png"]  # the only one
    two = [other, files / "exact.png"]
    with pytest.raises(ImageError, match=r"other\.png: none of the"):
        items_of(listed(files, "exact"), two, PICTURES)
    assert originals(listed(files, "exact"), [files / "exact.png"]) == ["exact.png"]


def test_folders_of_originals_take_the_place_of_the_files_own(files: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.new("RGB", (95, 61)).save(elsewhere / "fine.jpg")
    assert originals(listed(files, "rough", "fine"), [elsewhere]) == [None, "fine.jpg"]


def test_folders_of_originals_mirror_those_of_the_files(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    for folder in ("photos/sub", "packed/sub"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "packed/sub/a.rndl").write_bytes(encoded["fine"])
    for name in ("a.png", "sub/a.jpg", "sub/a.webp"):
        Image.new("RGB", (95, 61)).save(tmp_path / "photos" / name)
    files = [(tmp_path / "packed/sub/a.rndl", "sub/a.rndl")]
    assert originals(files, [tmp_path / "photos"]) == ["a.jpg"]  # the first by name of those in its place


def test_names_are_no_patterns(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    for name in ("a[1].rndl", "a1.png", "b*.rndl", "b2.png"):
        (tmp_path / name).write_bytes(encoded["fine"])
    assert originals(listed(tmp_path, "a[1]", "b*"), []) == [None, None]
    Image.new("RGB", (95, 61)).save(tmp_path / "a[1].png")
    assert originals(listed(tmp_path, "a[1]"), []) == ["a[1].png"]


def test_facts_are_those_of_the_file(files: Path, encoded: dict[str, bytes]) -> None:
    rough, broken, pack = items_of(listed(files, "rough", "broken", "set"), [], PICTURES)
    assert (rough.facts["width_px"], rough.facts["height_px"], rough.facts["quality"]) == (95, 61, 20)
    assert rough.facts["prefix_bytes"][-1] == len(encoded["rough"])  # nothing follows the last pass
    assert rough.passes == read(encoded["rough"]).header.passes
    assert "60" in broken.facts["error"]
    assert broken.passes == 0
    depths = np.add.outer(3 * np.arange(40), 7 * np.arange(50)).astype(np.uint16)
    (files / "deep.rndl").write_bytes(data := roundel.encode(depths, lossless=True))
    (deep,) = items_of(listed(files, "deep"), [], PICTURES)
    assert deep.facts["prefix_bytes"] == [len(data)]  # all or nothing: the samples lie in a box
    assert pack.facts["images"] == 2
    assert pack.facts["sizes_px"] == [(30, 20), (8, 9)]
    assert pack.facts["names"] == ("a.png", "b.png")


def test_a_pack_and_a_file_that_is_gone_have_no_original(files: Path) -> None:
    Image.new("RGB", (5, 5)).save(files / "set.png")
    pack, gone = items_of(listed(files, "set", "gone"), [], PICTURES)
    assert pack.original is None
    assert "cannot read" in gone.facts["error"]
