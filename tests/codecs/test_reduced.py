"""Models that ship, at halved sizes: from coarse passes alone, without seams, and like the picture made smaller."""

import numpy as np
import pytest

import roundel
from roundel import container
from roundel.container import Kind
from roundel.image import Picture
from roundel.image.shrink import shrink


def smooth(height: int, width: int) -> np.ndarray:
    """A picture of slow waves, whose halves can be told from a few samples."""
    y, x = np.mgrid[:height, :width] / 40
    waves = np.stack([np.sin(x + y), np.cos(x - 2 * y), np.sin(2 * x)], -1)
    return np.rint(127.5 + 100 * waves).astype(np.uint8)


PIXELS = smooth(150, 171)


@pytest.fixture(scope="module", params=[Kind.LOSSY, Kind.LOSSLESS], ids=["lossy", "lossless"])
def tiled(request: pytest.FixtureRequest) -> bytes:
    """A file of tiles of 64 pixels."""
    return roundel.encode(PIXELS, model=roundel.load_model(kind=request.param), quality=90, tile_px=64)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_small_picture_looks_like_the_large_one(tiled: bytes, level: int) -> None:
    found = roundel.decode_array(tiled, reduce=level)
    expected = shrink(Picture(PIXELS), level).pixels
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 2 + 3 * 2**level  # samples lie half a square beside its middle
    if roundel.info(tiled).header.kind is Kind.LOSSLESS:
        assert np.array_equal(found, PIXELS[:: 1 << level, :: 1 << level])


@pytest.mark.parametrize("level", [1, 2, 4])
def test_tiles_leave_no_seams(level: int) -> None:
    files = [roundel.encode(PIXELS, quality=60, tile_px=side) for side in (64, 256)]
    many, one = (roundel.decode_array(data, reduce=level, jobs=2).astype(int) for data in files)
    assert np.abs(many - one).max() <= 40  # contexts end at tiles, so that symbols differ a little
    assert np.abs(many - one).mean() < 1.5


@pytest.mark.parametrize("level", [1, 2, 3])
def test_only_the_coarse_passes_are_needed(tiled: bytes, level: int) -> None:
    file = container.read(tiled)
    whole = roundel.decode_array(tiled, reduce=level)
    needed = next(
        n
        for n in range(1, file.header.passes + 1)
        if np.array_equal(roundel.decode_array(tiled[: file.prefix_bytes(n)], reduce=level, partial_file=True), whole)
    )
    assert needed <= file.header.passes - level
