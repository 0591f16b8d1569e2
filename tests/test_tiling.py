"""Tiles cover a picture once, and their latents join to those of a single tile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundel.errors import FormatError
from roundel.tiling import Grid, Patch, Rect, combine_crcs, grid_for, join_latents, workers

sides = st.integers(1, 300)


@given(sides, sides, st.sampled_from([16, 64, 80]))
def test_tiles_cover_every_pixel_once(height: int, width: int, side: int) -> None:
    grid = Grid(height, width, side)
    hits = np.zeros((height, width), int)
    for index in range(grid.tiles):
        tile = grid.tile(index)
        hits[tile.rows, tile.columns] += 1
    assert (hits == 1).all()


@given(st.data(), sides, sides)
def test_touching_finds_the_tiles_that_share_a_pixel(data: st.DataObject, height: int, width: int) -> None:
    grid = Grid(height, width, 64)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rect = Rect(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    shared = [i for i in range(grid.tiles) if 0 not in grid.tile(i).intersect(rect)[2:]]
    assert list(grid.touching(rect)) == shared


@given(st.data(), sides, sides)
def test_joined_latents_are_those_of_the_whole_picture(data: st.DataObject, height: int, width: int) -> None:
    grid, latent_px = Grid(height, width, 64), 16
    whole = np.arange(2 * -(-height // 16) * -(-width // 16)).reshape(2, -(-height // 16), -(-width // 16))
    latents = {}
    for index in range(grid.tiles):
        cells = grid.tile(index).scale_down(latent_px)
        latents[index] = Patch(cells, whole[:, cells.rows, cells.columns])
    part = grid.tile(data.draw(st.integers(0, grid.tiles - 1))).grow(32, grid.bounds)
    latents = {index: patch.below(part.top // latent_px) for index, patch in latents.items()}
    cells = part.scale_down(latent_px)
    assert np.array_equal(join_latents(latents, grid, part, latent_px), whole[:, cells.rows, cells.columns])


def test_tiles_must_suit_the_model() -> None:
    assert grid_for(100, 100, 128, 64).shape == (1, 1)
    with pytest.raises(FormatError, match="multiple of 64"):
        grid_for(100, 100, 100, 64)


def test_the_checksum_depends_on_order() -> None:
    assert combine_crcs([1, 2]) != combine_crcs([2, 1])
    assert combine_crcs([0]) == 0x2144DF1C  # CRC-32 of four zero bytes


@pytest.mark.parametrize("jobs", [1, 3])
def test_workers_keep_the_order(jobs: int) -> None:
    with workers(jobs) as run:
        assert list(run(lambda value: value * value, range(50))) == [value * value for value in range(50)]
