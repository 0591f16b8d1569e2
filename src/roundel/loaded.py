"""A model with what it needs for whole pictures: threads, a limit, someone to tell; its tiles, and the one header."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from roundel.codecs.loading import at_effort, for_tuning, model_of, resolve
from roundel.codecs.protocol import Model, Window
from roundel.codecs.selection import lossless_at
from roundel.container import DEFAULT_MAX_PIXELS, Header, Kind
from roundel.container.format import PACK_TILE_PX, tile_code
from roundel.errors import ModelError
from roundel.image import Picture
from roundel.image.scan import Scan
from roundel.tiling import Grid, Rect, combine_crcs, grid_for, workers

T = TypeVar("T")
W = TypeVar("W")

Progress = Callable[[int, int], None]
"""Called with tiles done and tiles in all."""

MAX_QUALITY = 100
TILE_PX = {Kind.LOSSY: 512, Kind.LOSSLESS: 512, Kind.TOKENS: 1536}
"""Sides of tiles by kind. Lossy ones of 512 px cost 0.1 to 0.2 % of the bytes and 7 % of the decoding time of those of
1536, and make regions and several threads quick; lossless ones of 256 px cost 18 % of the time and no bytes."""
SLIDE_TILE_PX, SLIDE_PIXELS = 256, 1 << 30
"""Side of lossless tiles of a slide, and the pixels up to which it is: a region that lies across tiles decodes half as
many pixels that it does not show. Larger slides have the usual ones, since each tile takes its time in an overview."""
DRAWN_TILE_PX = 2048
"""Side of lossless tiles of what looks drawn: screens in tiles of 512 px take up to a quarter more bytes."""


@dataclass(frozen=True)
class Codec:
    """A model, and how it works on whole pictures; safe to share between threads."""

    model: Model
    jobs: int = 1
    """Tiles worked on at the same time."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    """Refuse to read or decode more."""
    progress: Progress | None = None
    """Told after each tile."""

    def told(self, progress: Progress | None) -> "Codec":
        """The same codec that tells someone else."""
        return replace(self, progress=progress)

    def grid(
        self, height: int, width: int, tile_px: int | None = None, *, drawn: bool = False, slide: bool = False
    ) -> Grid:
        """The tiles of a picture, of a side of one's own or the default of the model's kind.

        Args:
            drawn: whether it looks drawn: then tiles without loss are large, since what repeats is far apart.
            slide: whether it is one: then they are small, since regions are looked at.

        Raises:
            FormatError: tiles cannot have that side.
        """
        usual = TILE_PX[self.model.kind]
        if self.model.kind is Kind.LOSSLESS and drawn:
            usual = DRAWN_TILE_PX
        elif self.model.kind is Kind.LOSSLESS and slide and height * width <= SLIDE_PIXELS:
            usual = SLIDE_TILE_PX
        side_px = usual if tile_px is None else tile_px
        tile_code(side_px)  # complains before the work
        return grid_for(height, width, side_px, self.model.align_px)

    def each_tile(self, grid: Grid, work: Callable[[int], T]) -> Iterator[T]:
        """Results of work on every tile, by its index, in raster order."""
        return self.run(work, range(grid.tiles), grid.tiles)

    def run(self, work: Callable[[W], T], indices: Iterable[W], total: int, done: int = 0) -> Iterator[T]:
        """Results of work on some (tiles, or runs of them) of `total`, `done` of which are finished already."""
        with workers(self.jobs) as run:
            for result in run(work, indices):
                yield result
                done += 1
                if self.progress:
                    self.progress(done, total)

    def cut(self, pixels: "np.ndarray | Scan", grid: Grid, index: int) -> tuple[np.ndarray, Window]:
        """A tile with the context that the model wants around it.

        Args:
            pixels: uint8 (H, W, 1 or 3), the whole picture.

        Returns:
            uint8 (h, w, 3), writable and contiguous, and where the tile lies in it.
        """
        tile, around = self.around(grid, index)
        part = pixels[around.rows, around.columns]
        rgb = np.array(np.broadcast_to(part, (*part.shape[:2], 3)), order="C")
        return rgb, Window(*tile.relative_to(around))

    def around(self, grid: Grid, index: int) -> tuple[Rect, Rect]:
        """Where a tile lies, and where it lies together with its context."""
        tile = grid.tile(index)
        return tile, tile.grow(self.model.halo_px, grid.bounds)

    def header(
        self, grid: Grid, crcs: Iterable[int | None], *, channels: int, depth: int = 8, quality: int = 0
    ) -> Header:
        """The header of a file of these tiles; see `header_of`."""
        size = (grid.width, grid.height)
        return header_of(self.model, size, crcs, channels=channels, tile_px=grid.side, depth=depth, quality=quality)


def header_of(
    model: Model,
    size: tuple[int, int],
    crcs: Iterable[int | None],
    *,
    channels: int,
    tile_px: int = PACK_TILE_PX,
    depth: int = 8,
    quality: int = 0,
) -> Header:
    """The header of a file that a model wrote.

    Args:
        size: width and height of the picture; of a pack, any.
        crcs: of the tiles in raster order, or of the groups of a pack.
        channels: 1 or 3. tile_px: side of the tiles. depth: bits a sample.
        quality: 0 … 100; of no meaning to a model without loss, whose files say 100.
    """
    return Header(
        kind=model.kind,
        model_id=model.id,
        weights_hash=model.weights_hash,
        width=size[0],
        height=size[1],
        channels=channels,
        depth=depth,
        quality=MAX_QUALITY if model.kind is Kind.LOSSLESS else quality,
        tile_px=tile_px,
        passes=model.passes,
        checksum=combine_crcs([crc for crc in crcs if crc is not None]),
    )


def codec_for(
    picture: Picture | Scan,
    model: Model | int | str | None = None,
    *,
    lossless: bool = False,
    effort: int | None = None,
    tune: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Codec:
    """The codec with which a picture is encoded.

    Args:
        picture: what is to be encoded; at the highest effort a lossless model is chosen by trying them on it.
        model: a loaded model, or the name, id or path of one; None for the default.
        lossless: a model without loss is wanted.
        effort: 0 … 9; None for the usual one.
        tune: the measure to encode for, of a lossy model; None for the usual one.

    Raises:
        RoundelError: the effort is out of range.
        ModelError: the model is unknown, knows one effort or tuning only, or is not lossless where it must be.
    """
    if lossless and model is None and effort is not None and tune is None:
        return Codec(lossless_at(effort, picture.pixels), jobs, progress=progress)
    found = resolve(model, Kind.LOSSLESS if lossless else Kind.LOSSY)
    if lossless and found.kind is not Kind.LOSSLESS:
        raise ModelError(f"model {found.name} is not lossless: name another one, or none, or do without --lossless")
    found = found if tune is None else for_tuning(found, tune)
    return Codec(found if effort is None else at_effort(found, effort), jobs, progress=progress)


def codec_of(
    header: Header,
    model: Model | int | str | None = None,
    *,
    jobs: int = 1,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
) -> Codec:
    """The codec that decodes a file, with the very weights that it was written with.

    Args:
        header: the file's. model: instead of the one that ships under the file's id.

    Raises:
        ModelError: it is another model, or has other weights.
    """
    return Codec(model_of(header, model), jobs, max_pixels, progress)
