"""`roundel encode` of slides: tile by tile, with all that belongs to them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

import roundel
from roundel import container
from roundel.cli.main import run
from roundel.codecs.loading import load_model
from roundel.container import Kind, Tag
from roundel.encoding import Encoding
from roundel.errors import RoundelError
from roundel.estimate import estimate
from roundel.image.scan import Scan
from roundel.loaded import Codec
from roundel.scans import source
from tests.slides import made

pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
QUICK = ("--lossless", "--effort", "0", "--tile", "128")


@pytest.fixture
def slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SVS in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return made.aperio(tmp_path / "slide.svs")


def test_all_comes_back(slide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with source(slide) as scan:
        want, beside, properties = scan[:, :], scan.associated(), dict(scan.properties)
    assert run(["encode", str(slide), *QUICK, "--verify"]) == 0
    assert "--dry-run estimates" in capsys.readouterr().err
    with roundel.open("slide.rndl") as file:
        assert np.array_equal(file.read_array((0, 0), 0, file.size), want)
        assert {name: np.asarray(one).tobytes() for name, one in file.associated_images.items()} == {
            name: one.pixels.tobytes() for name, one in beside.items()
        }
        assert file.properties["openslide.mpp-x"] == "0.499"
        assert properties.items() <= dict(file.properties).items()


def test_the_same_file_as_from_pixels(slide: Path) -> None:
    """Streaming changes no byte of the payload."""
    with source(slide) as scan:
        pixels = scan[:, :]
    whole = roundel.encode(pixels, lossless=True, effort=0, tile_px=128)
    streamed = roundel.encode(slide, lossless=True, effort=0, tile_px=128, strip=True)
    assert streamed == whole


def test_lossy_and_tokens(slide: Path) -> None:
    with source(slide) as scan:
        pixels = scan[:, :]
    for options in ({"quality": 30}, {"target_size": 20_000}, {"model": "photo-tokens"}):
        with_paths, whole = (
            roundel.encode(one, strip=True, effort=0, **options)
            if "model" not in options  # type: ignore[arg-type]
            else roundel.encode(one, strip=True, **options)
            for one in (slide, pixels)
        )  # type: ignore[arg-type]
        assert with_paths == whole
    with pytest.raises(RoundelError, match="a slide is not held whole"):
        roundel.encode(slide, target_psnr=30)


def test_memory_does_not_grow_with_the_picture() -> None:
    """Of a scan only single tiles are asked for, and their passes are not held once they are written."""
    asked = []

    class Blank(Scan):
        def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
            asked.append(height * width)
            return np.full((height, width, 3), top % 251, np.uint8)

    from roundel.image import Picture

    scan = Blank(4096, 4096, Picture(np.zeros((1, 1, 3), np.uint8)))
    encoding = Encoding.of(scan, Codec(load_model("photo-fast")))

    class Out:
        size = 0

        def write(self, data: bytes) -> int:
            Out.size += len(data)
            return len(data)

    header = encoding.write_to(Out(), 100)
    assert max(asked) == 256**2
    assert (header.width, header.tiles) == (4096, 256)
    assert Out.size < 3000


def test_spool_writes_what_write_writes(tmp_path: Path) -> None:
    with source(made.pyramid(tmp_path / "x.tif")) as scan:
        encoding = Encoding.of(scan, Codec(load_model("photo-fast")), tile_px=256)

        encoding.write_to(out := io.BytesIO(), 100, str(tmp_path))
        assert out.getvalue() == encoding.at(100)
        encoding.check(out.getvalue())
        other = Encoding.of(made_other(scan), encoding.codec, tile_px=256)
        with pytest.raises(RoundelError, match="does not decode to the picture"):
            other.check(out.getvalue())


def made_other(scan: Scan) -> Scan:
    """The same but for one pixel."""

    class Other(Scan):
        def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
            found = scan.read(top, left, height, width).copy()
            found[-1, -1, 0] ^= 1
            return found

    return Other(scan.width, scan.height, scan.beside)


def test_region_page_level(slide: Path) -> None:
    assert run(["encode", str(slide), *QUICK, "--level", "1", "--region", "7,9,100,90", "-o", "part.rndl"]) == 0
    with source(slide, level=1) as scan, roundel.open("part.rndl") as file:
        assert np.array_equal(file.read_array((0, 0), 0, file.size), scan[9:99, 7:107])
        assert file.properties["openslide.mpp-x"] == "0.998"
    assert run(["encode", str(slide), *QUICK, "--level", "5", "-o", "x.rndl"]) == 1
    assert run(["encode", str(slide), *QUICK, "--region", "599,0,2,2", "-o", "x.rndl"]) == 1
    assert not Path("x.rndl").exists()


def test_a_region_of_any_picture(tmp_path: Path) -> None:
    from PIL import Image

    samples = made.tissue(40, 50)
    Image.fromarray(samples).save(tmp_path / "x.png")
    data = roundel.encode(tmp_path / "x.png", lossless=True, effort=0, region=(10, 20, 30, 15))
    assert np.array_equal(roundel.decode_array(data), samples[20:35, 10:40])
    with pytest.raises(RoundelError, match="those of a TIFF or a slide"):
        roundel.encode(tmp_path / "x.png", page=1)


def test_strip_leaves_label_and_properties_out(slide: Path) -> None:
    assert run(["encode", str(slide), *QUICK, "--strip"]) == 0
    assert container.read(Path("slide.rndl").read_bytes()).boxes == ()


def test_dry_run_writes_nothing_and_is_near(slide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["encode", str(slide), *QUICK, "--dry-run", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert not Path("slide.rndl").exists()
    assert run(["encode", str(slide), *QUICK]) == 0
    size = Path("slide.rndl").stat().st_size
    assert abs(record["estimated_bytes"] - size) < 0.02 * size
    assert record["sampled_tiles"] == record["tiles"] == 20
    assert record["input_bytes"] == slide.stat().st_size
    assert run(["encode", str(slide), "--dry-run", "--target-size", "30k"]) == 2


def test_an_estimate_has_an_error(tmp_path: Path) -> None:
    """Half of the picture is empty: the sample may have more of it or less."""
    samples = made.tissue(600, 600)
    samples[:, 300:] = 240
    encoding = Encoding.of(source_of(samples), Codec(load_model("photo-fast")), tile_px=48)
    found = estimate(encoding, 100)
    true = len(encoding.at(100))
    assert found.sampled < found.tiles == 169
    assert found.error_bytes > 0
    assert abs(found.file_bytes - true) < 4 * found.error_bytes


def source_of(samples: np.ndarray) -> "roundel.image.Picture":  # type: ignore[name-defined]
    """A picture of an array."""
    from roundel.image import from_array

    return from_array(samples)


def test_a_slide_on_stdout(slide: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["encode", str(slide), *QUICK, "-o", "-"]) == 0
    data = capsysbinary.readouterr().out
    assert container.read(data).header.kind is Kind.LOSSLESS
    assert container.read(data).box(Tag.ASSOCIATED) is not None


def test_a_slide_that_ends_early_leaves_nothing(slide: Path) -> None:
    data = slide.read_bytes()
    tiles = data.index(b"Aperio")
    slide.write_bytes(data[: tiles // 2])
    assert run(["encode", str(slide), *QUICK]) == 1
    assert sorted(path.name for path in slide.parent.iterdir()) == ["slide.svs"]


def test_too_many_tiles_are_refused_at_once() -> None:
    from roundel.image import Picture

    class Thread(Scan):
        def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
            raise AssertionError("nothing is to be read")

    for width, height in ((1 << 31, 1), ((1 << 31) - 1, 20)):
        encoding = Encoding.of(
            Thread(width, height, Picture(np.zeros((1, 1, 3), np.uint8))), Codec(load_model("photo-fast"))
        )
        with pytest.raises(RoundelError, match=r"width is|larger tiles"):
            encoding.write_to(io.BytesIO(), 100)


def test_decode_says_that_the_label_is_left_out(slide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["encode", str(slide), *QUICK]) == 0
    assert run(["decode", "slide.rndl", "-o", "x.png", "--reduce", "2"]) == 0
    assert "pictures beside the slide are left out" in capsys.readouterr().err
