"""The server answers what the page asks for, in ranges, to this machine alone."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.cli.inputs import PICTURES
from roundel.measure.metrics import psnr
from roundel.viewer.items import items_of
from roundel.viewer.site import Site
from tests.viewer.test_items import listed

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

from roundel.viewer.server import application


@pytest.fixture
def site(files: Path) -> Site:
    return Site.of(items_of(listed(files, "rough", "fine", "exact", "broken", "set"), [], PICTURES), "five")


@pytest.fixture
def client(site: Site, page: Path) -> TestClient:
    return TestClient(application(site, page), base_url="http://127.0.0.1")


def test_the_list_names_what_can_be_fetched(client: TestClient) -> None:
    found = client.get("/view.json").json()
    assert found["title"] == "five"
    assert [item["name"] for item in found["items"]] == [
        f"{stem}.rndl" for stem in ("rough", "fine", "exact", "broken", "set")
    ]
    rough, fine, exact, broken, _ = found["items"]
    assert "original" not in fine
    assert "error" in broken
    assert client.get("/" + broken["file"]).status_code == 404
    for item in (rough, exact):
        for path in (item["file"], item["original"]["file"], *item["figures"]):
            assert client.get("/" + path).status_code == 200, path
    assert len(rough["figures"]) == len(rough["prefix_bytes"])


def test_files_come_whole_and_in_ranges(client: TestClient, encoded: dict[str, bytes]) -> None:
    assert client.get("/files/0.rndl").content == encoded["rough"]
    part = client.get("/files/0.rndl", headers={"range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == encoded["rough"][10:20]
    assert client.head("/files/0.rndl").headers["content-length"] == str(len(encoded["rough"]))


def test_figures_are_of_what_the_passes_decode_to(client: TestClient, photo: np.ndarray, encoded) -> None:
    paths = client.get("/view.json").json()["items"][0]["figures"]
    for passes in (1, len(paths)):
        shown = roundel.decode_array(encoded["rough"], passes=passes)
        found = client.get("/" + paths[passes - 1]).json()
        assert found["psnr_db"] == pytest.approx(psnr(photo, shown), abs=1e-6)
        assert found["identical"] is False
    exact = client.get("/view.json").json()["items"][2]["figures"]
    assert client.get("/" + exact[-1]).json()["identical"] is True


def test_originals_are_the_samples_themselves(client: TestClient, photo: np.ndarray) -> None:
    with Image.open(io.BytesIO(client.get("/originals/0.png").content)) as image:
        np.testing.assert_array_equal(np.asarray(image), photo)


def test_weights_are_those_that_the_files_name(client: TestClient, site: Site) -> None:
    models = client.get("/decoder/weights/models.json").json()
    assert {model["hash"] for model in models} == {item.weights_hash for item in site.items if item.weights_hash}
    for model in models:
        found = client.get(f"/decoder/weights/{model['name']}.safetensors")
        assert len(found.content) == model["bytes"]


@pytest.mark.parametrize(
    "path",
    [
        "/files/9.rndl",
        "/files/0",
        "/originals/1.png",
        "/originals/4.png",
        "/figures/0-0.json",
        "/figures/0-99.json",
        "/figures/-1-1.json",
        "/files/..%2f..%2fetc%2fpasswd",
        "/decoder/weights/..%2fx.safetensors",
        "/../server.py",
    ],
)
def test_nothing_else_is_here(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_other_names_of_this_machine_are_refused(site: Site, page: Path) -> None:
    other = TestClient(application(site, page), base_url="http://elsewhere.example")
    assert other.get("/view.json").status_code == 400


def test_the_page_is_served(client: TestClient) -> None:
    assert "<title>page</title>" in client.get("/").text
    assert client.get("/decoder/index.js").status_code == 200


def test_an_original_of_another_size_is_an_error_in_its_place(files: Path, page: Path) -> None:
    Image.new("RGB", (7, 5)).save(files / "fine.png")
    site = Site.of(items_of(listed(files, "fine"), [], PICTURES), "one")
    found = json.loads(site.made["figures/0-1.json"]())
    assert "7×5 and 95×61" in found["error"]


def test_an_original_that_cannot_be_read_is_said(files: Path, page: Path) -> None:
    (files / "fine.png").write_bytes(b"no picture")
    site = Site.of(items_of(listed(files, "fine"), [], PICTURES), "one")
    answer = TestClient(application(site, page), base_url="http://127.0.0.1").get("/originals/0.png")
    assert answer.status_code == 422
    assert "fine.png" in answer.text


def test_weights_of_one_s_own_are_served(files: Path, tmp_path: Path) -> None:
    from roundel.codecs import zoo
    from roundel.container import Kind

    own = tmp_path / "my.safetensors"
    own.write_bytes(zoo.find(zoo.default(Kind.LOSSY)).weights.read_bytes())
    site = Site.of(items_of(listed(files, "fine"), [], PICTURES), "one", model=str(own))
    assert site.files()["decoder/weights/own-my.safetensors"] == own
