"""`roundel convert`: every level as `roundel.open` shows it."""

import json
from pathlib import Path

import numpy as np
import pytest

import roundel
from roundel.cli.main import run
from tests.slides import made

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A slide with a label in an empty folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "slide.rndl"
    path.write_bytes(roundel.encode(made.aperio(tmp_path / "slide.svs"), lossless=True, effort=0, tile_px=256))
    (tmp_path / "slide.svs").unlink()
    return path


def levels_of(path: Path) -> list[np.ndarray]:
    """All levels of a file."""
    with roundel.open(path) as file:
        return [file.read_array((0, 0), level, size) for level, size in enumerate(file.level_dimensions)]


def test_pyramid(packed: Path) -> None:
    assert run(["convert", str(packed), "out.tif", "--tile", "128"]) == 0
    with tifffile.TiffFile("out.tif") as file:
        for level, want in enumerate(levels_of(packed)):
            page = file.pages[level]
            assert page.is_tiled
            assert np.array_equal(page.asarray(), want)
            assert page.subfiletype == (1 if level else 0)
        assert json.loads(file.pages[0].description)["openslide.objective-power"] == "20"
    # and back: levels, size of a pixel and label are found again
    again = roundel.encode("out.tif", lossless=True, effort=0)
    with roundel.open(again) as file, roundel.open(packed) as first:
        assert np.array_equal(file.read_array((0, 0), 0, file.size), levels_of(packed)[0])
        assert file.properties["openslide.mpp-x"] == first.properties["openslide.mpp-x"]
        assert np.array_equal(*(np.asarray(one.associated_images["label"]) for one in (file, first)))


def test_pyramid_for_openslide(packed: Path) -> None:
    openslide = pytest.importorskip("openslide")
    assert run(["convert", str(packed), "out.tif"]) == 0
    with openslide.OpenSlide("out.tif") as slide:
        assert slide.properties["openslide.mpp-x"] == "0.499"
        for level, want in enumerate(levels_of(packed)):
            found = slide.read_region((0, 0), level, slide.level_dimensions[level])
            assert np.array_equal(np.asarray(found)[:, :, :3], want)


def test_ome_tiff(packed: Path) -> None:
    assert run(["convert", str(packed), "out.ome.tif"]) == 0
    with tifffile.TiffFile("out.ome.tif") as file:
        assert file.is_ome
        for found, want in zip(file.series[0].levels, levels_of(packed), strict=True):
            assert np.array_equal(found.asarray(), want)
        assert 'PhysicalSizeX="0.499"' in file.ome_metadata
        assert [series.name for series in file.series[1:]] == ["label", "macro", "thumbnail"]


def test_jpeg_tiles(packed: Path) -> None:
    assert run(["convert", str(packed), "out.tif", "--jpeg", "90"]) == 0
    with tifffile.TiffFile("out.tif") as file:
        assert file.pages[0].compression.name == "JPEG"
        assert np.abs(file.pages[0].asarray().astype(int) - levels_of(packed)[0]).mean() < 6


@pytest.mark.parametrize("codec", ["zstd", "roundel"])
def test_ome_zarr(packed: Path, codec: str) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    assert run(["convert", str(packed), "out.ome.zarr", "--codec", codec, "--tile", "128"]) == 0
    group = zarr.open_group("out.ome.zarr", mode="r")
    for level, want in enumerate(levels_of(packed)):
        assert np.array_equal(np.moveaxis(group[str(level)][:], 0, -1), want)
    (scales,) = group.attrs["ome"]["multiscales"]
    assert scales["datasets"][2]["coordinateTransformations"] == [{"type": "scale", "scale": [1.0, 1.996, 1.996]}]
    assert group["associated/label/0"].shape == (3, 60, 80)
    assert run(["convert", str(packed), "out.ome.zarr"]) == 1
    assert run(["convert", str(packed), "out.ome.zarr", "-f"]) == 0


def test_ome_zarr_is_valid(packed: Path) -> None:
    models = pytest.importorskip("ome_zarr_models")
    zarr = pytest.importorskip("zarr", minversion="3")
    assert run(["convert", str(packed), "out.ome.zarr"]) == 0
    for name in ("", "associated/macro"):
        models.v05.Image.from_zarr(zarr.open_group("out.ome.zarr", path=name, mode="r"))


def test_deep_and_grey(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (60, 300), np.uint16)
    path = tmp_path / "deep.rndl"
    path.write_bytes(roundel.encode(samples, lossless=True, effort=0))
    assert run(["convert", str(path), str(tmp_path / "deep.tif")]) == 0
    with tifffile.TiffFile(tmp_path / "deep.tif") as file:
        assert np.array_equal(file.pages[0].asarray(), samples)
        assert np.array_equal(file.pages[1].asarray(), samples[::2, ::2])
    assert run(["convert", str(path), str(tmp_path / "jpeg.tif"), "--jpeg", "90"]) == 1


def test_what_goes_wrong_leaves_nothing(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", str(packed), "out.png"]) == 2
    assert run(["convert", "missing.rndl", "out.tif"]) == 1
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    packed.write_bytes(data)
    for target in ("out.tif", "out.ome.zarr"):
        assert run(["convert", str(packed), target]) == 1
        assert "slide.rndl" in capsys.readouterr().err
    assert [path.name for path in packed.parent.iterdir()] == ["slide.rndl"]
    Path("folder.zarr").mkdir()
    assert run(["convert", str(packed), "folder.zarr", "-f"]) == 1
    assert Path("folder.zarr").is_dir()
