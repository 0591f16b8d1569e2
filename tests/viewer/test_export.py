"""The exported folder holds all that the page fetches, and appears whole or not at all."""

import json
from pathlib import Path

import pytest

from roundel.atomic import OutputError
from roundel.cli.inputs import PICTURES
from roundel.errors import ImageError
from roundel.viewer import export
from roundel.viewer.items import items_of
from roundel.viewer.site import Site
from tests.viewer.test_items import listed


def site_of(files: Path, *stems: str) -> Site:
    return Site.of(items_of(listed(files, *stems), [], PICTURES), "some")


def test_all_that_the_list_names_is_there(files: Path, page: Path, tmp_path: Path) -> None:
    goal = tmp_path / "deep" / "out"
    site = site_of(files, "rough", "exact", "broken")
    done: list[int] = []
    size = export.export(site, page, goal, advance=lambda: done.append(1))
    assert len(done) == len(site.made)
    assert size == sum(path.stat().st_size for path in goal.rglob("*") if path.is_file())
    found = json.loads((goal / "view.json").read_text())
    for item in found["items"]:
        if "error" not in item:
            for path in (item["file"], item["original"]["file"], *item["figures"]):
                assert (goal / path).is_file(), path
    for model in json.loads((goal / "decoder/weights/models.json").read_text()):
        assert (goal / f"decoder/weights/{model['name']}.safetensors").stat().st_size == model["bytes"]
    assert (goal / "index.html").is_file()
    assert not list(goal.parent.glob(".*"))
    assert goal.stat().st_mode & 0o055 or goal.stat().st_mode & 0o077 == 0


def test_only_an_older_page_is_replaced(files: Path, page: Path, tmp_path: Path) -> None:
    goal = tmp_path / "out"
    export.export(site_of(files, "rough", "exact"), page, goal)
    with pytest.raises(OutputError, match="exists already"):
        export.export(site_of(files, "fine"), page, goal)
    export.export(site_of(files, "fine"), page, goal, force=True)
    assert not (goal / "files/1.rndl").exists()
    with pytest.raises(OutputError, match="holds no page"):
        export.export(site_of(files, "fine"), page, files, force=True)
    with pytest.raises(OutputError, match="is a file"):
        export.export(site_of(files, "fine"), page, files / "fine.rndl", force=True)


def test_what_fails_leaves_nothing(files: Path, page: Path, tmp_path: Path) -> None:
    (files / "fine.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"fine\.png"):
        export.export(site_of(files, "fine"), page, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))
