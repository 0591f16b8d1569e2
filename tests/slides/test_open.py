"""`roundel.open` and `open_slide`: OpenSlide's interface."""

from pathlib import Path

import numpy as np
import pytest

import roundel
from roundel.container.contents import pack_associated, unpack_associated
from roundel.errors import FormatError, RoundelError
from tests.slides import made

pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of three levels with a label."""
    folder = tmp_path_factory.mktemp("open")
    path = folder / "slide.rndl"
    path.write_bytes(roundel.encode(made.aperio(folder / "slide.svs"), lossless=True, effort=0, tile_px=128))
    return path


@pytest.fixture(scope="module")
def samples(packed: Path) -> np.ndarray:
    """The whole picture."""
    return roundel.decode_array(packed)


def test_levels(packed: Path, samples: np.ndarray) -> None:
    with roundel.open(packed) as file:
        assert file.dimensions == (600, 500)
        assert file.level_count == 3
        assert file.level_downsamples == (1.0, 2.0, 4.0)
        for _ in range(2):  # decoded, then remembered
            for level in range(3):
                found = file.read_array((160, 80), level, (90, 70))
                left, top = 160 >> level, 80 >> level
                assert np.array_equal(found, samples[:: 1 << level, :: 1 << level][top : top + 70, left : left + 90])
        assert [file.get_best_level_for_downsample(by) for by in (0.5, 1, 1.9, 2, 3.99, 4, 100)] == [
            0,
            0,
            0,
            1,
            1,
            2,
            2,
        ]


def test_properties(packed: Path) -> None:
    with roundel.open(packed) as file:
        found = file.properties
        assert found["openslide.mpp-x"] == found["openslide.mpp-y"] == "0.499"
        assert found["openslide.level-count"] == "3"
        assert found["openslide.level[2].width"] == "150"
        assert found["openslide.level[1].tile-width"] == "64"
        assert found["openslide.vendor"] == "aperio"
    plain = roundel.open(roundel.encode(made.tissue(20, 30), lossless=True, effort=0))
    assert plain.properties["openslide.vendor"] == "roundel"
    assert "openslide.mpp-x" not in plain.properties
    assert dict(plain.associated_images) == {}


def test_thumbnail(packed: Path, samples: np.ndarray) -> None:
    with roundel.open(packed) as file:
        small = file.get_thumbnail((100, 100))
        assert small.size == (100, 83)
        assert abs(np.asarray(small).mean() - samples.mean()) < 2
        with pytest.raises(RoundelError, match="size 0 is out of range"):
            file.get_thumbnail((0, 10))


def test_closed_files_say_so(packed: Path) -> None:
    file = roundel.open(packed)
    file.close()
    for look in (lambda: file.properties, lambda: file.associated_images, lambda: file.get_thumbnail((9, 9))):
        with pytest.raises(RoundelError, match=r"slide\.rndl is closed"):
            look()


def test_drop_in(packed: Path, samples: np.ndarray) -> None:
    with roundel.open_slide(str(packed)) as slide:
        found = np.asarray(slide.read_region((-20, -10), 0, (100, 60)))
        assert found.shape == (60, 100, 4)
        assert not found[:10].any()
        assert not found[:, :20].any()
        assert np.array_equal(found[10:, 20:, :3], samples[:50, :80])
        assert (found[10:, 20:, 3] == 255).all()
        assert not np.asarray(slide.read_region((6000, 0), 1, (10, 10))).any()
        assert slide.associated_images["label"].mode == "RGBA"
        assert slide.get_thumbnail((60, 60)).mode == "RGB"
        with pytest.raises(RoundelError, match="level 3 is out of range"):
            slide.read_region((0, 0), 3, (1, 1))


def test_as_openslide(packed: Path) -> None:
    openslide = pytest.importorskip("openslide")
    from openslide.deepzoom import DeepZoomGenerator

    with roundel.open_slide(packed) as mine, openslide.OpenSlide(packed.with_suffix(".svs")) as theirs:
        for location, size in (((0, 0), (64, 64)), ((570, 480), (64, 64)), ((-5, 100), (40, 30))):
            a, b = (np.asarray(one.read_region(location, 0, size)) for one in (mine, theirs))
            assert np.array_equal(a, b)
        a, b = (DeepZoomGenerator(one, 126, 1) for one in (mine, theirs))
        assert a.level_dimensions == b.level_dimensions
        for column in range(a.level_tiles[-1][0]):
            tiles = [np.asarray(one.get_tile(one.level_count - 1, (column, 1))) for one in (a, b)]
            assert np.array_equal(*tiles)


def test_a_quarter_of_the_resolution_reads_an_eighth_of_the_bytes(packed: Path) -> None:
    read = 0

    class Counted:
        def __init__(self, data: bytes) -> None:
            self.data, self.at = data, 0

        def seek(self, place: int, whence: int = 0) -> int:
            self.at = place + (len(self.data) if whence == 2 else 0)
            return self.at

        def read(self, count: int = -1) -> bytes:
            nonlocal read
            found = self.data[self.at :] if count < 0 else self.data[self.at : self.at + count]
            read += len(found)
            self.at += len(found)
            return found

        def fileno(self) -> int:
            raise OSError

    data = packed.read_bytes()
    file = roundel.open(Counted(data))  # type: ignore[arg-type]
    read = 0
    file.read_array((0, 0), 2, (150, 125))
    assert read < len(data) / 8


def test_boxes() -> None:
    pictures = {"label": b"abc", "ümlaut": b""}
    assert unpack_associated(pack_associated(pictures)) == pictures
    for damaged in (b"", b"\x41", b"\x01\x05ab", b"\x02\x01a\x00\x01a\x00", pack_associated(pictures) + b"x"):
        with pytest.raises(FormatError):
            unpack_associated(damaged)
    assert unpack_associated(b"\x00") == {}


def test_no_pictures_in_pictures(packed: Path) -> None:
    from roundel.container import Box, Tag, read, write

    file = read(packed.read_bytes())
    tiles = [file.passes(index) for index in range(file.header.tiles)]
    nested = write(file.header, [Box(Tag.ASSOCIATED, pack_associated({"label": packed.read_bytes()}))], tiles)
    with pytest.raises(FormatError, match="'label' has associated pictures itself"):
        roundel.open(nested).associated_images["label"]
