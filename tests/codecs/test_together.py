"""Tiles that are decoded together are those that are decoded one by one."""

import numpy as np
import pytest

from roundel import container, encode
from roundel.codecs.protocol import Together
from roundel.decoding import Decoding
from roundel.errors import ChecksumError
from roundel.kept import Kept
from roundel.loaded import codec_of

SIDE = 64


def tissue(height: int, width: int) -> np.ndarray:
    """Noise, a grey part, a part of one colour."""
    picture = np.random.default_rng(0).integers(100, 140, (height, width, 3)).astype(np.uint8)
    picture[:SIDE, :SIDE] = picture[:SIDE, :SIDE, :1]
    picture[:SIDE, SIDE : 2 * SIDE] = (200, 180, 190)
    return picture


@pytest.fixture(scope="module", params=[0, 5])
def decoding(request: pytest.FixtureRequest) -> Decoding:
    """A file of ragged tiles, with and without seen colours."""
    data = encode(tissue(300, 270), lossless=True, effort=request.param, tile_px=SIDE)
    file = container.read(data)
    return Decoding.of(file, codec_of(file.header))


@pytest.mark.parametrize("level", [0, 1, 2, 4])
def test_every_tile_is_the_same(decoding: Decoding, level: int) -> None:
    file, model = decoding.file, decoding.codec.model
    reduced = model.reduced(level) if level else model
    assert isinstance(reduced, Together)
    whole = [index for index in range(file.header.tiles) if file.header.tile_rect(index)[2:] == (SIDE, SIDE)]
    tiles = [file.passes(index, reduced.passes) for index in whole]
    for passes, found in zip(tiles, reduced.decode_together(tiles, SIDE, SIDE, 100), strict=True):
        alone = reduced.decode(passes, SIDE, SIDE, 100)
        assert np.array_equal(found.latents, alone.latents)
        assert found.crc == alone.crc
        assert (found.crc is None) == (level > 0)


@pytest.mark.parametrize("jobs", [1, 3])
def test_levels_are_every_nth_sample(decoding: Decoding, jobs: int) -> None:
    picture = tissue(300, 270)
    for level in (0, 1, 3):
        reduced = Decoding.of(decoding.file, codec_of(decoding.file.header, jobs=jobs), level=level)
        found = reduced.picture(reduced.grid.bounds).picture.pixels
        assert np.array_equal(found, picture[:: 1 << level, :: 1 << level])


def test_tiles_are_shared_out_evenly(decoding: Decoding) -> None:
    """16 tiles are whole, 4 narrow, 4 low, 1 both, on 3 threads."""
    shared = Decoding.of(decoding.file, codec_of(decoding.file.header, jobs=3))
    runs = shared._runs(range(decoding.file.header.tiles))
    assert sorted(index for run in runs for index in run) == list(range(decoding.file.header.tiles))
    assert sorted(map(len, runs)) == [1, 1, 1, 1, 1, 2, 2, 5, 5, 6]


@pytest.mark.parametrize(("jobs", "tiles"), [(1, [5] * 5), (2, [10, 10, 5]), (3, [15, 10]), (5, [5] * 5), (6, [25])])
def test_strips_leave_no_thread_without_a_tile(
    decoding: Decoding, jobs: int, tiles: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roundel.decoding.STRIP_PX", 1)
    shared = Decoding.of(decoding.file, codec_of(decoding.file.header, jobs=jobs))
    strips = shared._strips(shared.grid.bounds)
    assert [sum(1 for _ in shared.grid.touching(strip)) for strip, _ in strips] == tiles


def test_what_is_kept_is_not_decoded_again(decoding: Decoding) -> None:
    kept: Kept[tuple[int, int], object] = Kept(1 << 20)
    reduced = Decoding.of(decoding.file, decoding.codec, level=2, kept=kept)
    first = reduced.picture(reduced.grid.bounds).picture.pixels
    broken = bytearray(decoding.file.data)
    broken[decoding.file.layout.payload :] = bytes(len(broken) - decoding.file.layout.payload)
    file = container.read(bytes(broken))
    again = Decoding.of(file, decoding.codec, level=2, kept=kept)
    assert np.array_equal(again.picture(again.grid.bounds).picture.pixels, first)
    with pytest.raises(ChecksumError):
        Decoding.of(file, decoding.codec, level=2).picture(reduced.grid.bounds)
