"""Smaller pictures from coarse passes, regions of them, and files that are read only where they are looked at."""

import io
import multiprocessing
import pickle
import sys
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import roundel
from roundel import container
from roundel.codecs.protocol import Decoded, Encoded, Window
from roundel.container import Kind
from roundel.errors import RoundelError, UnsupportedError
from roundel.image import Picture
from roundel.image.shrink import shrink
from roundel.restore import level_within, restore
from tests.standin import BlockMeans, Exact
from tests.test_codec import scene


class Halving(Exact):
    """A lossless stand-in of three passes: every fourth pixel, every second, all; a pass holds all of its picture."""

    name = "halving"
    id = 60002
    passes = 3
    levels = 2

    def __init__(self, level: int = 0) -> None:
        self.level = level
        self.passes = 3 - level

    def reduced(self, level: int) -> "Halving":
        return Halving(level)

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        top, left, height, width = window
        tile = pixels[top : top + height, left : left + width]
        passes = [zlib.compress(tile[::step, ::step].tobytes(), 1) for step in (4, 2, 1)]
        return Encoded(passes, zlib.crc32(tile.tobytes()))

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        assert len(passes) == self.passes, "no pass more than need be is read"
        data = zlib.decompress(passes[-1])
        height, width = -(-height >> self.level), -(-width >> self.level)
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        return Decoded(pixels.transpose(2, 0, 1), zlib.crc32(data) if self.level == 0 else None)


class Counting(io.BytesIO):
    """A file that counts what is read from it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


# ---- reduced pictures


@pytest.mark.parametrize("level", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (200, 311), (257, 130)])
def test_a_level_shows_what_coarse_passes_hold(size: tuple[int, int], level: int) -> None:
    pixels = scene(*size)
    data = roundel.encode(pixels, model=Halving(), tile_px=64)
    found = roundel.decode_array(data, model=Halving(), reduce=level)
    near = min(level, 2)
    expected = shrink(Picture(np.ascontiguousarray(pixels[:: 1 << near, :: 1 << near])), level - near).pixels
    assert np.array_equal(found, expected)
    assert found.shape[:2] == (-(-size[0] >> level), -(-size[1] >> level))


def test_fine_passes_are_not_needed() -> None:
    data = roundel.encode(scene(200, 311), model=Halving(), tile_px=64)
    file = container.read(data)
    prefix = data[: file.prefix_bytes(1)]
    small = roundel.decode_array(prefix, model=Halving(), reduce=2, partial_file=True)
    assert np.array_equal(small, scene(200, 311)[::4, ::4])


def test_models_that_cannot_reduce_are_averaged() -> None:
    data = roundel.encode(scene(99, 130), model=BlockMeans(), tile_px=64)
    whole = restore(data, model=BlockMeans()).picture
    assert np.array_equal(roundel.decode_array(data, model=BlockMeans(), reduce=2), shrink(whole, 2).pixels)


def test_tiles_that_do_not_halve_stay_right() -> None:
    """Of tiles of 31 px, every second pixel of each is no regular grid."""
    pixels = scene(150, 140)
    data = roundel.encode(pixels, model=Halving(), tile_px=31)
    assert np.array_equal(roundel.decode_array(data, model=Halving(), reduce=1), shrink(Picture(pixels), 1).pixels)


def test_a_region_of_a_reduced_picture_counts_in_pixels_of_the_whole() -> None:
    data = roundel.encode(scene(200, 311), model=Halving(), tile_px=64)
    part = roundel.decode_array(data, model=Halving(), region=(50, 21, 130, 99), reduce=1)
    assert np.array_equal(part, scene(200, 311)[::2, ::2][10:60, 25:90])


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_and_low_bytes_follow(depth: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 1 << depth, (90, 70, 4)).astype(np.uint8 if depth == 8 else np.uint16)
    data = roundel.encode(pixels, model=Halving(), tile_px=32)
    assert np.array_equal(roundel.decode_array(data, model=Halving(), reduce=2), pixels[::4, ::4])
    part = roundel.decode_array(data, model=Halving(), reduce=1, region=(11, 20, 40, 30))
    assert np.array_equal(part, pixels[::2, ::2][10:25, 5:26])


def test_shrinking_averages_what_is_there() -> None:
    pixels = np.array([[10, 20, 40], [30, 41, 50]], np.uint8)[..., None]
    assert shrink(Picture(pixels), 1).pixels[..., 0].tolist() == [[25, 45]]  # 101 / 4 = 25.25, 90 / 2
    deep = np.full((5, 5, 3), 65535, np.uint16)
    assert (shrink(Picture(deep), 3).pixels == 65535).all()


@pytest.mark.parametrize(
    ("size", "side", "level"), [((4000, 3000), 1000, 2), ((4001, 1), 1000, 3), ((10, 7), 10, 0), ((9, 9), 1, 4)]
)
def test_levels_within_a_side(size: tuple[int, int], side: int, level: int) -> None:
    assert level_within(*size, side) == level


# ---- open files


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.rndl"
    path.write_bytes(roundel.encode(scene(1000, 1300), model=Halving(), tile_px=128))
    return path


def test_levels_halve_the_size_down_to_256_pixels(large: Path) -> None:
    with roundel.open(large) as file:
        assert file.size == file.dimensions == (1300, 1000)
        assert file.level_count == 4
        assert file.level_dimensions == ((1300, 1000), (650, 500), (325, 250), (163, 125))
        assert file.level_downsamples == (1, 2, 4, 8)
        assert "1300×1000" in repr(file)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_regions_are_cuts_of_their_level(large: Path, level: int) -> None:
    with roundel.open(large, model=Halving(), jobs=2) as file:
        width, height = file.level_dimensions[level]
        whole = file.read_array((0, 0), level, (width, height))
        assert whole.shape == (height, width, 3)
        if level <= 2:
            assert np.array_equal(whole, scene(1000, 1300)[:: 1 << level, :: 1 << level])
        for left, top, across, down in ((0, 0, 1, 1), (3, 7, 100, 90), (width - 5, height - 9, 5, 9)):
            part = file.read_region((left << level, top << level), level, (across, down))
            assert np.array_equal(np.asarray(part), whole[top : top + down, left : left + across])


def test_only_the_bytes_of_the_tiles_are_read(large: Path) -> None:
    data = large.read_bytes()
    file = container.read(data)
    stream = Counting(data)
    with roundel.open(stream, model=Halving()) as opened:
        header_bytes = stream.count
        assert header_bytes <= 1024 + 3 * file.layout.payload  # prefix, index, and the index once more for its check
        opened.read_region((128, 256), 0, (128, 128))
        tile = 2 * 11 + 1
        assert stream.count - header_bytes == sum(map(len, file.passes(tile)))
        before = stream.count
        opened.read_region((128, 256), 2, (32, 32))
        assert stream.count - before == len(file.passes(tile)[0])


def test_boxes_that_no_region_needs_are_not_read() -> None:
    picture = Picture(scene(300, 300), xmp=bytes(100_000))
    stream = Counting(roundel.encode(picture, model=Exact()))
    with roundel.open(stream, model=Exact()) as opened:
        assert stream.count < 10_000
        assert opened.size == (300, 300)


def test_a_picture_larger_than_the_limit_shows_its_parts(large: Path) -> None:
    with roundel.open(large, model=Halving(), max_pixels=10_000) as file:
        assert file.read_region((100, 100), 0, (100, 100)).size == (100, 100)
        with pytest.raises(UnsupportedError, match="limit of 10000"):
            file.read_region((100, 100), 0, (101, 100))


def test_wrong_regions_and_closed_files(large: Path) -> None:
    file = roundel.open(large, model=Halving())
    for location, level, size in (
        ((1290, 0), 0, (11, 1)),
        ((-1, 0), 0, (1, 1)),
        ((0, 0), 4, (1, 1)),
        ((0, 0), 0, (0, 1)),
        ((0, 0), 0.5, (1, 1)),
        ((0, 0), 0, 7),
        ("ab", 0, (1, 1)),
    ):
        with pytest.raises(RoundelError):
            file.read_region(location, level, size)  # type: ignore[arg-type]
    file.close()
    file.close()
    with pytest.raises(RoundelError, match="closed"):
        file.read_region((0, 0), 0, (1, 1))


@pytest.mark.parametrize("source", ["nowhere.rndl", b"GIF89a", 7, None, "a\0b"])
def test_what_is_no_file_is_refused(source: object) -> None:
    with pytest.raises(RoundelError):
        roundel.open(source)  # type: ignore[arg-type]


def test_threads_share_an_open_file(large: Path) -> None:
    with roundel.open(large, model=Halving()) as file, ThreadPoolExecutor(4) as pool:
        corners = [(x, y) for x in range(0, 1000, 97) for y in range(0, 900, 101)]
        parts = list(pool.map(lambda corner: file.read_array(corner, 0, (60, 60)), corners))
    for (x, y), part in zip(corners, parts, strict=True):
        assert np.array_equal(part, scene(1000, 1300)[y : y + 60, x : x + 60])


def corner(file: roundel.OpenFile, place: tuple[int, int]) -> bytes:
    """A patch, as a worker reads it."""
    return file.read_array(place, 0, (60, 60)).tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_share_an_open_file(large: Path, method: str) -> None:
    """Forked ones share the position in the file, which therefore must not matter; spawned ones open it again."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{sys.platform} cannot {method}")
    places = [(x, y) for x in range(0, 1000, 197) for y in range(0, 900, 201)]
    with roundel.open(large, model=Halving()) as file:
        expected = [corner(file, place) for place in places]
        with ProcessPoolExecutor(
            3, mp_context=multiprocessing.get_context(method), initializer=_keep, initargs=(file,)
        ) as pool:
            assert list(pool.map(_kept_corner, places)) == expected
    with pytest.raises(RoundelError, match="by its path"):
        pickle.dumps(roundel.open(io.BytesIO(large.read_bytes())))
    again = pickle.loads(pickle.dumps(roundel.open(large.read_bytes(), model=Halving())))
    assert corner(again, places[1]) == expected[1]


def _keep(file: roundel.OpenFile) -> None:
    """Give a worker its file."""
    multiprocessing.current_process().file = file  # type: ignore[attr-defined]


def _kept_corner(place: tuple[int, int]) -> bytes:
    return corner(multiprocessing.current_process().file, place)  # type: ignore[attr-defined]


def test_kinds_are_known_before_a_model_is(large: Path) -> None:
    with roundel.open(large) as file:  # no model of this id ships
        assert file.header.kind is Kind.LOSSLESS
        with pytest.raises(RoundelError, match="60002"):
            file.read_region((0, 0), 0, (1, 1))
