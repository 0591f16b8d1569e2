"""Slides and large TIFFs read tile by tile: the samples that tifffile and OpenSlide read."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roundel import scans
from roundel.errors import ImageError, RoundelError, RoundelWarning
from roundel.image import Picture
from roundel.image.scan import Part, Scan
from roundel.image.tiff.scan import open_tiff, properties_of
from tests.slides import made

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

KINDS: dict[str, dict[str, Any]] = {
    "tiles, deflate": {"tile": (64, 96), "compression": "deflate", "predictor": True},
    "tiles, JPEG, RGB": {"tile": (64, 64), **made.JPEG},
    "tiles, JPEG, YCbCr": {"tile": (128, 128), **made.YCBCR},
    "tiles, planar": {"tile": (64, 64), "compression": "lzw", "planarconfig": "separate"},
    "tiles, zstd": {"tile": (256, 256), "compression": "zstd"},
    "strips, LZW": {"rowsperstrip": 7, "compression": "lzw", "predictor": True},
    "strips, JPEG": {"rowsperstrip": 16, **made.YCBCR},
    "one strip, raw": {"rowsperstrip": made.HEIGHT},
    "strips, raw": {"rowsperstrip": 90},
}


def no_limit(width: int, height: int) -> None:
    """Every size will do."""


def stored(path: Path, key: int = 0) -> np.ndarray:
    """What tifffile reads."""
    samples = tifffile.TiffFile(path).pages[key].asarray()
    return samples if samples.shape[0] != 3 else np.moveaxis(samples, 0, -1)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_store(tmp_path: Path, kind: str, big: bool) -> None:
    samples = made.tissue()
    if kind == "tiles, planar":
        samples = np.moveaxis(samples, -1, 0).copy()
    path = made.write(tmp_path / "x.tif", (samples, KINDS[kind]), bigtiff=big)
    with open_tiff(path, no_limit) as scan:  # type: ignore[union-attr]
        want = stored(path)
        assert np.array_equal(scan[:, :], want)
        for top, left, height, width in ((0, 0, 1, 1), (130, 250, 200, 350), (499, 599, 1, 1), (3, 0, 64, 600)):
            assert np.array_equal(scan.read(top, left, height, width), want[top : top + height, left : left + width])


def test_grey_and_palette(tmp_path: Path) -> None:
    grey = made.tissue()[:, :, 0].copy()
    path = made.write(tmp_path / "grey.tif", (grey, {"tile": (64, 64), "compression": "deflate"}))
    with open_tiff(path, no_limit) as scan:  # type: ignore[union-attr]
        assert np.array_equal(scan[:, :][:, :, 0], grey)
    table = np.random.default_rng(0).integers(0, 256, (3, 256)) * 257
    options = {"tile": (64, 64), "photometric": "palette", "colormap": table.astype(np.uint16)}
    path = made.write(tmp_path / "palette.tif", (grey, options))
    with open_tiff(path, no_limit) as scan:  # type: ignore[union-attr]
        assert np.array_equal(scan[:, :], (table.T >> 8)[grey])


def test_strips_are_cut_where_they_are_raw(tmp_path: Path) -> None:
    """A raw strip of any height is read a megabyte at a time at most."""
    samples = np.zeros((4000, 1000, 3), np.uint8)
    path = made.write(tmp_path / "x.tif", (samples, {"rowsperstrip": 4000}))
    with open_tiff(path, no_limit) as scan:  # type: ignore[union-attr]
        assert scan._layout.chunk_height * 3000 <= 1 << 20


@pytest.mark.parametrize("options", [{"dtype": np.uint16}, {"alpha": True}, {"turned": True}])
def test_what_is_read_whole(tmp_path: Path, options: dict[str, Any]) -> None:
    samples, extra = made.tissue(80, 90), {}
    if "dtype" in options:
        samples = samples.astype(np.uint16)[:, :, 0] * 257
    if "alpha" in options:
        samples, extra = np.dstack([samples, samples[:, :, :1]]), {"extrasamples": ["unassalpha"]}
    if "turned" in options:
        extra = {"extratags": [(274, 3, 1, 6, True)]}
    path = made.write(tmp_path / "x.tif", (samples, {"tile": (64, 64), **extra}))
    assert open_tiff(path, no_limit) is None
    found = scans.source(path)
    assert isinstance(found, Picture)
    if "turned" not in options:
        assert np.array_equal(np.squeeze(found.pixels), samples[..., :3] if samples.ndim == 3 else samples)


def test_levels_pages_and_regions(tmp_path: Path) -> None:
    path = made.pyramid(tmp_path / "p.tif")
    for level in range(3):
        with scans.source(path, level=level, region=(10, 20, 100, 80)) as scan:
            assert isinstance(scan, Part)
            want = made.tissue()[:: 1 << level, :: 1 << level]
            assert np.array_equal(scan[:, :], want[20:100, 10:110])
            assert scan.beside.resolution is not None
            assert float(scan.beside.resolution.x) == pytest.approx(40_000 / 2**level, rel=0.01)
    with pytest.raises(ImageError, match=r"level 3 of a picture of 3 levels \(600×500, 300×250, 150×125\)"):
        scans.source(path, level=3)
    with pytest.raises(ImageError, match="does not lie in the picture of 150×125"):
        scans.source(path, level=2, region=(100, 0, 100, 50))
    with pytest.raises(ImageError, match="page 1 of a TIFF of 1 pages"):
        scans.source(path, page=1)


def test_levels_in_sub_directories(tmp_path: Path) -> None:
    whole = made.tissue()
    path, options = tmp_path / "x.ome.tif", {"tile": (64, 64), "photometric": "rgb", "maxworkers": 1}
    with tifffile.TiffWriter(path, ome=True) as out:
        metadata = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
        metadata |= {"PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}
        out.write(whole, subifds=1, metadata=metadata, **options)
        out.write(whole[::2, ::2].copy(), subfiletype=1, **options)
    with scans.source(path, level=1) as scan:
        assert isinstance(scan, Scan)
        assert np.array_equal(scan[:, :], whole[::2, ::2])
        density = scan.beside.resolution
        assert density is not None
        assert (density.x, density.y) == (10_000, 10_000)


def test_pages(tmp_path: Path) -> None:
    pages = [(made.tissue(90, 80, seed), {"compression": "deflate"}) for seed in range(3)]
    path = made.write(tmp_path / "x.tif", *pages)
    with scans.source(path, page=2) as scan:
        assert np.array_equal(scan[:, :], pages[2][0])
    with pytest.warns(RoundelWarning, match="only the first of 3 pages"):
        assert isinstance(scans.source(path), Picture)
    deep = [(made.tissue(20, 30, seed)[:, :, 0].astype(np.uint16), {}) for seed in range(2)]
    found = scans.source(made.write(tmp_path / "deep.tif", *deep), page=1)
    assert isinstance(found, Picture)
    assert np.array_equal(found.pixels[:, :, 0], deep[1][0])


def test_aperio_without_openslide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from roundel.image import vendors

    monkeypatch.setattr(vendors.util, "find_spec", lambda name: None)
    path = made.aperio(tmp_path / "x.svs")
    with scans.source(path) as scan:
        assert isinstance(scan, Scan)
        assert sorted(scan.associated()) == ["label", "macro", "thumbnail"]
        assert np.array_equal(scan.associated()["label"].pixels, made.tissue(60, 80, 1))
        assert scan.properties["openslide.objective-power"] == "20"
        assert scan.beside.resolution is not None
        assert 10_000 / scan.beside.resolution.x == pytest.approx(0.499)
        assert np.array_equal(scan[:, :], stored(path))
    with pytest.raises(ImageError, match=r"read by OpenSlide.*roundel\[slides\]"):
        scans.source(tmp_path / "x.ndpi")


def test_as_openslide_reads_it(tmp_path: Path) -> None:
    openslide = pytest.importorskip("openslide")
    path = made.aperio(tmp_path / "x.svs")
    with scans.source(path) as scan, openslide.OpenSlide(path) as slide, open_tiff(path, no_limit) as own:
        want = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[:, :, :3]
        assert np.array_equal(scan[:, :], want)
        assert np.array_equal(own[:, :], want)
        assert sorted(scan.associated()) == sorted(slide.associated_images)
        assert scan.properties["aperio.MPP"] == "0.4990"
    with scans.source(path, level=1) as scan:
        assert scan.shape == (250, 300, 3)
        assert np.array_equal(scan.read(13, 77, 100, 150), stored(path, 2)[13:113, 77:227])
    for kind in ("tiles, deflate", "tiles, JPEG, YCbCr"):
        path = made.write(tmp_path / "generic.tif", (made.tissue(), KINDS[kind]))
        with open_tiff(path, no_limit) as own, openslide.OpenSlide(path) as slide:
            want = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[:, :, :3]
            assert np.array_equal(own[:, :], want)


@pytest.mark.parametrize("kind", ["tiles, deflate", "tiles, JPEG, YCbCr", "strips, LZW", "one strip, raw"])
def test_cut_short(tmp_path: Path, kind: str) -> None:
    """An error of one line, whatever is missing."""
    path = made.write(tmp_path / "x.tif", (made.tissue(), KINDS[kind]))
    data = path.read_bytes()
    for length in (3, 20, 150, len(data) // 3, len(data) - 200):
        path.write_bytes(data[:length])
        with pytest.raises(RoundelError) as caught:
            scans.source(path, page=0).pixels[:, :]
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_damaged_anywhere(tmp_path: Path) -> None:
    """Any byte of the directories may be wrong."""
    path = made.pyramid(tmp_path / "p.tif", options=made.JPEG)
    data, random = path.read_bytes(), np.random.default_rng(0)
    directory = int.from_bytes(data[4:8], "little")
    for _ in range(300):
        broken = bytearray(data)
        for at in random.integers(directory, min(directory + 400, len(data)), 3):
            broken[at] = random.integers(256)
        path.write_bytes(broken)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = scans.source(path, page=0, max_pixels=1 << 20)
                found.pixels[:64, :64]
        except RoundelError:
            pass


def test_sizes_are_limited(tmp_path: Path) -> None:
    path = made.pyramid(tmp_path / "p.tif")
    with pytest.raises(ImageError, match="600×500 pixels are more than the limit of 100,000"):
        scans.source(path, max_pixels=100_000)
    with scans.source(path, max_pixels=100_000, level=1) as scan:
        assert scan.shape[:2] == (250, 300)


def test_numbers_of_a_description() -> None:
    class Told:
        def __init__(self, text: str) -> None:
            self.text = text

        def data(self, tag: int) -> bytes:
            return self.text.encode()

    def size(text: str) -> Any:
        return properties_of(Told(text)).get("openslide.mpp-x")  # type: ignore[arg-type]

    assert size("Aperio|MPP = 0.25") == "0.25"
    assert size("Aperio|MPP = 1e999999999") is None
    assert size("Aperio|MPP = nan") is None
    assert size('<OME><Pixels PhysicalSizeX="2.5e2" PhysicalSizeXUnit="nm"/></OME>') == "0.25"
    assert size('<OME><Pixels PhysicalSizeX="0.25"/></OME>') == "0.25"
    assert size('<OME><Pixels PhysicalSizeX="0.25" PhysicalSizeXUnit="parsec"/></OME>') is None
