"""Geometry of tiles: which there are, which a region needs, and how their latents join into a window with a halo."""

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np

from roundel.errors import FormatError

T = TypeVar("T")
R = TypeVar("R")


class Rect(NamedTuple):
    """A rectangle of picture pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """First row below the rectangle."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """First column right of the rectangle."""
        return self.left + self.width

    @property
    def rows(self) -> slice:
        """The rectangle's rows of an array."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The rectangle's columns of an array."""
        return slice(self.left, self.right)

    def intersect(self, other: "Rect") -> "Rect":
        """The common part, of zero height or width where there is none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        height, width = min(self.bottom, other.bottom) - top, min(self.right, other.right) - left
        return Rect(top, left, max(height, 0), max(width, 0))

    def grow(self, margin: int, bounds: "Rect") -> "Rect":
        """The rectangle with `margin` more pixels on each side, clipped to `bounds`."""
        grown = Rect(self.top - margin, self.left - margin, self.height + 2 * margin, self.width + 2 * margin)
        return grown.intersect(bounds)

    def align(self, step: int) -> "Rect":
        """The smallest rectangle around this one with all sides on multiples of `step`."""
        small = self.scale_down(step)
        return Rect(small.top * step, small.left * step, small.height * step, small.width * step)

    def scale_down(self, step: int) -> "Rect":
        """The smallest rectangle of `step` × `step` cells around this one, in cells."""
        if step == 1:
            return self
        top, left = self.top // step, self.left // step
        return Rect(top, left, -(-self.bottom // step) - top, -(-self.right // step) - left)

    def relative_to(self, other: "Rect") -> "Rect":
        """The same rectangle, counted from the corner of another."""
        return Rect(self.top - other.top, self.left - other.left, self.height, self.width)


class Grid(NamedTuple):
    """The tiles of a picture, in raster order; only those at the right and bottom borders may be smaller.

    >>> Grid(height=100, width=130, side=64).tile(5)
    Rect(top=64, left=128, height=36, width=2)
    """

    height: int
    width: int
    side: int

    @property
    def bounds(self) -> Rect:
        """The whole picture."""
        return Rect(0, 0, self.height, self.width)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.height // self.side), -(-self.width // self.side)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        rows, columns = self.shape
        return rows * columns

    @property
    def halvings(self) -> int:
        """How often the picture can be halved so that its tiles still lie on one grid."""
        return 31 if self.tiles == 1 else (self.side & -self.side).bit_length() - 1

    def reduced(self, level: int) -> "Grid":
        """The same tiles in the picture at 1 / 2**level of its size, sides rounded up; level 0 … `halvings`.

        >>> Grid(height=100, width=130, side=64).reduced(2)
        Grid(height=25, width=33, side=16)
        """
        return Grid(*(-(-size >> level) for size in self))

    def tile(self, index: int) -> Rect:
        """Where tile `index` lies in the picture."""
        row, column = divmod(index, -(-self.width // self.side))
        top, left = row * self.side, column * self.side
        return Rect(top, left, min(self.side, self.height - top), min(self.side, self.width - left))

    def touching(self, rect: Rect) -> Iterator[int]:
        """Indices of the tiles that share a pixel with `rect`, in raster order."""
        columns = self.shape[1]
        for row in range(rect.top // self.side, -(-rect.bottom // self.side)):
            for column in range(rect.left // self.side, -(-rect.right // self.side)):
                yield row * columns + column


class Patch(NamedTuple):
    """Latents of a tile, or of the lower part of one."""

    cells: Rect
    """Where they lie, in latents from the corner of the picture."""
    values: np.ndarray
    """(C, cells.height, cells.width)."""

    def below(self, row: int) -> "Patch":
        """What lies at or below a row of latents; a copy, so that the rest can be forgotten."""
        cut = row - self.cells.top
        if cut <= 0:
            return self
        return Patch(self.cells._replace(top=row, height=self.cells.height - cut), self.values[:, cut:].copy())


def join_latents(patches: Mapping[int, Patch], grid: Grid, around: Rect, latent_px: int) -> np.ndarray:
    """Latents that cover a rectangle of pixels, out of those of the tiles that it touches.

    Args:
        patches: tile index -> its latents, one for each `latent_px` pixels along each axis.
        grid: the picture's tiles.
        around: the pixels to cover; its corner lies on `latent_px`.
        latent_px: pixels per latent.

    Returns:
        (C, H, W) of the same type.
    """
    wanted = around.scale_down(latent_px)
    found = [patches[index] for index in grid.touching(around)]
    joined = np.empty((found[0].values.shape[0], wanted.height, wanted.width), found[0].values.dtype)
    for (top, left, height, width), values in found:  # thousands, at coarse levels: bare numbers are quicker
        down, right = top - wanted.top, left - wanted.left  # of the tile's corner in what is wanted
        part = values[:, max(0, -down) : wanted.height - down, max(0, -right) : wanted.width - right]
        joined[:, max(0, down) : down + height, max(0, right) : right + width] = part
    return joined


def usual_jobs() -> int:
    """Tiles to work on at the same time where someone waits: one on each processor of this process, 4 at most."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, 4)


@contextmanager
def workers(jobs: int) -> Iterator[Callable[[Callable[[T], R], Iterable[T]], Iterator[R]]]:
    """A `map` that keeps the order and runs on `jobs` threads; leaving early drops what has not begun."""
    if jobs <= 1:
        yield map
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool.map
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def grid_for(height: int, width: int, tile_px: int, align_px: int) -> Grid:
    """The tiles of a picture for a model that wants their sides to be multiples of `align_px`.

    Raises:
        FormatError: they are not.
    """
    if tile_px < 1 or tile_px % align_px:
        raise FormatError(f"tiles of {tile_px} px do not suit the model: their side is a multiple of {align_px} px")
    return Grid(height, width, tile_px)


def combine_crcs(crcs: Sequence[int]) -> int:
    """One checksum for all tiles: the CRC-32 of their CRC-32s, each as 4 bytes little-endian, in raster order."""
    return zlib.crc32(struct.pack(f"<{len(crcs)}I", *crcs))
