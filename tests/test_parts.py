"""Parts that threads draw: together the picture, each as little as can be, and the same pixels however they lie."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import roundel
from roundel import decoding
from roundel.decoding import Decoding
from roundel.tiling import Grid, Rect
from tests.codecs.pictures import smooth_picture


def parts(grid: Grid, strip: Rect, jobs: int, halo_px: int = 224) -> list[Rect]:
    """Of a strip of tiles."""
    own = SimpleNamespace(grid=grid, decoder=SimpleNamespace(halo_px=halo_px), codec=SimpleNamespace(jobs=jobs))
    return Decoding._parts(own, strip)  # type: ignore[arg-type]


@given(st.data(), st.integers(1, 900), st.integers(1, 900), st.integers(1, 5), st.sampled_from([0, 224]))
def test_parts_cover_a_strip_once(data: st.DataObject, height: int, width: int, jobs: int, halo_px: int) -> None:
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    strip = Rect(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    hits = np.zeros((height, width), int)
    for part in parts(Grid(height, width, 64), strip, jobs, halo_px):
        hits[part.rows, part.columns] += 1
    inside = np.zeros_like(hits)
    inside[strip.rows, strip.columns] = 1
    assert np.array_equal(hits, inside)


def test_two_threads_draw_a_row_of_tiles_each() -> None:
    """Two rows of three tiles have halos between the rows only: 1536 × 736 px each, not three times 960 × 736."""
    grid = Grid(1024, 1536, 512)
    assert parts(grid, grid.bounds, 2) == [Rect(0, 0, 512, 1536), Rect(512, 0, 512, 1536)]
    assert parts(grid, grid.bounds, 2, halo_px=0) == [grid.tile(n) for n in range(6)]


@pytest.mark.parametrize("part_px", [1, 64 * 128, 1 << 20])
def test_pixels_are_the_same_however_parts_lie(monkeypatch: pytest.MonkeyPatch, part_px: int) -> None:
    data = roundel.encode(smooth_picture(150, 200), quality=40, tile_px=64)
    whole, region = roundel.decode_array(data, jobs=1), (30, 50, 120, 77)
    monkeypatch.setattr(decoding, "PART_PX", part_px)
    for jobs in (1, 2, 3):
        assert np.array_equal(roundel.decode_array(data, jobs=jobs), whole)
        assert np.array_equal(roundel.decode_array(data, jobs=jobs, region=region), whole[50:127, 30:150])
