"""OME-Zarr pyramids written with the codec open in ome-zarr-py, and in napari's reader where that is installed."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.test_codec import scene

pytest.importorskip("zarr", minversion="3.1")
writer = pytest.importorskip("ome_zarr.writer")
from ome_zarr.io import parse_url  # noqa: E402
from ome_zarr.reader import Reader  # noqa: E402

LEVELS = [(100, 141), (50, 70), (25, 35)]


@pytest.fixture(scope="module", params=["RGB", "three grey channels", "shards"])
def pyramid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A picture (c, y, x) and where it was written, at three sizes."""
    path = tmp_path_factory.mktemp("ome") / "slide.ome.zarr"
    planes = np.moveaxis(scene(*LEVELS[0]), 2, 0)
    chunks = (1, 64, 64) if request.param == "three grey channels" else (3, 64, 64)
    options = {"chunks": chunks, "serializer": {"name": "roundel", "configuration": {"effort": 0}}, "compressors": None}
    if request.param == "shards":
        options["shards"] = (3, 128, 192)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dask and ome-zarr, about units of channels
        writer.write_image(
            planes,
            str(path),
            axes=["c", "y", "x"],
            scale={"c": 1.0, "y": 0.25, "x": 0.25},
            scale_factors=(2, 4),
            storage_options=options,
        )
    return path, planes


def test_ome_zarr_py_reads_it(pyramid: tuple[Path, np.ndarray]) -> None:
    path, planes = pyramid
    (node,) = Reader(parse_url(str(path)))()
    assert [level.shape for level in node.data] == [(3, *size) for size in LEVELS]
    assert np.array_equal(node.data[0].compute(), planes)
    coarse = node.data[2].compute()
    assert np.abs(coarse.mean(axis=(1, 2)) - planes.mean(axis=(1, 2))).max() < 3
    assert node.metadata["coordinateTransformations"][0][0]["scale"] == [1.0, 0.25, 0.25]


def test_the_codec_wrote_every_chunk(pyramid: tuple[Path, np.ndarray]) -> None:
    path, _ = pyramid
    chunks = [file for file in path.rglob("c/**/*") if file.is_file()]
    assert chunks
    assert all(file.read_bytes().startswith(b"\x89RND") for file in chunks)


def test_napari_s_reader_gives_its_levels(pyramid: tuple[Path, np.ndarray]) -> None:
    napari_get_reader = pytest.importorskip("napari_ome_zarr").napari_get_reader
    path, planes = pyramid
    read = napari_get_reader(str(path))
    assert read is not None
    layers = [layer for layer in read(str(path)) if layer[2] == "image"]
    data = layers[0][0]
    assert [level.shape[-2:] for level in data] == LEVELS
    assert np.array_equal(np.asarray(data[0]).reshape(planes.shape), planes)
