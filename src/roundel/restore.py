"""From a file's bytes to a picture: whole, a region of it, a preview from a prefix, or what damage has left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from roundel import container
from roundel.codecs.loading import model_of
from roundel.codecs.protocol import Decoded, Model, Window
from roundel.container import DEFAULT_MAX_PIXELS, File, Tag
from roundel.errors import ChecksumError, FormatError, RoundelError
from roundel.image import lowbytes
from roundel.image.picture import Picture
from roundel.image.planes import unpack_plane
from roundel.tiling import Grid, Patch, Rect, combine_crcs, grid_for, join_latents, workers

Progress = Callable[[int, int], None]
"""Called with tiles done and tiles in all."""


@runtime_checkable
class Sampling(Protocol):
    """A model that can make up what a preview lacks."""

    def sampling(self, seed: int) -> Model:
        """The same model, which does."""
        ...


class Restored(NamedTuple):
    """What became of a file."""

    picture: Picture
    tiles: int
    """Tiles that the picture, or the region asked for, consists of."""
    passes: int
    """Passes that every one of them was decoded from."""
    damaged: tuple[int, ...]
    """Tiles that could be decoded only in part, or not at all; empty unless salvaging."""


class Tile(NamedTuple):
    """One tile, decoded from so many passes."""

    decoded: Decoded
    passes: int
    damaged: bool


@dataclass(frozen=True)
class TileReader:
    """Decodes and draws the tiles of one file; safe to share between threads."""

    file: File
    grid: Grid
    codec: Model
    limit: int
    salvage: bool

    def decode(self, index: int) -> Tile:
        """A tile from its passes; under `salvage` from those before the first damaged one."""
        if not self.salvage:
            found = self.file.passes(index, self.limit)
            return Tile(self._decode(index, found), len(found), False)
        found = self.file.intact_passes(index)[: self.limit]
        while True:
            try:
                return Tile(self._decode(index, found), len(found), len(found) < self.limit)
            except FormatError:
                found = found[:-1]

    def context(self, part: Rect) -> Rect:
        """The pixels whose latents have a say in a part of the picture."""
        return part.align(self.codec.latent_px).intersect(self.grid.bounds).grow(self.codec.halo_px, self.grid.bounds)

    def render(self, latents: dict[int, Patch], wanted: Rect, pixels: np.ndarray, index: int) -> None:
        """Draw what is wanted of a tile into `pixels`, whose corner is the corner of `wanted`."""
        part = self.grid.tile(index).intersect(wanted)
        cells = part.align(self.codec.latent_px).intersect(self.grid.bounds)
        around = self.context(part)
        joined = join_latents(latents, self.grid, around, self.codec.latent_px)
        rgb = self.codec.render(joined, Window(*cells.relative_to(around)), self.file.header.quality)
        inner, goal = part.relative_to(cells), part.relative_to(wanted)
        cut = rgb[inner.rows, inner.columns]
        if pixels.shape[2] == 1:
            cut = ((cut.sum(axis=2, dtype=np.uint16, keepdims=True) + 1) // 3).astype(np.uint8)
        pixels[goal.rows, goal.columns] = cut

    def _decode(self, index: int, found: Sequence[bytes]) -> Decoded:
        tile = self.grid.tile(index)
        return self.codec.decode(found, tile.height, tile.width, self.file.header.quality)


def restore(
    data: bytes,
    *,
    passes: int | None = None,
    partial_file: bool = False,
    region: tuple[int, int, int, int] | None = None,
    salvage: bool = False,
    seed: int | None = None,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    jobs: int = 1,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Restored:
    """Decode a file, or a part of it, and say what was found.

    Args:
        data: the bytes of a .rndl file.
        passes: decode the first so many passes only: a preview.
        partial_file: take a file that ends early for a preview instead of an error.
        region: x, y, width, height in pixels; only the tiles that it needs are read.
        salvage: leave out what is damaged instead of giving up.
        seed: draw what a preview of a lossless file lacks at random, instead of expecting its mean.
        model: the model that wrote the file (loaded, or its name, id or path) if it is not one that ships.
        max_pixels: the largest picture to accept.
        jobs: tiles decoded at the same time.
        device: where the model runs.
        progress: told after each tile.

    Raises:
        FormatError: the data is no .rndl file, is damaged, or ends early.
        ModelError: the model that wrote it is not here.
        RoundelError: an argument is not acceptable.

    Example:
        >>> from roundel import encode
        >>> restore(encode(np.zeros((20, 30, 3), np.uint8))).tiles
        1
    """
    file = container.read(data, allow_truncated=partial_file or salvage, max_pixels=max_pixels)
    header = file.header
    codec = model_of(header, model, device)
    if seed is not None:
        if not isinstance(codec, Sampling):
            raise RoundelError(f"model {codec.name} draws no samples: only lossless models do; leave out --sample")
        codec = codec.sampling(seed)
    limit = header.passes if passes is None else passes
    if not 1 <= limit <= header.passes:
        raise RoundelError(f"passes {passes} is out of range: the file has 1 to {header.passes}")
    grid = grid_for(header.height, header.width, header.tile_px, codec.align_px)
    wanted = _part(region, grid)
    if file.available(0) == 0 and not salvage:
        raise FormatError(
            f"too short for a preview: the first pass needs {file.prefix_bytes(1)} bytes, found {len(data)}"
        )
    pixels = np.empty((wanted.height, wanted.width, header.channels), np.uint8)
    tiles = _draw(TileReader(file, grid, codec, limit, salvage), wanted, pixels, jobs, progress)
    decoded = list(tiles.values())
    fewest = min(tile.passes for tile in decoded)
    if wanted == grid.bounds and fewest == header.passes and _crc(decoded) != header.checksum:
        raise ChecksumError("what was decoded does not match the file's checksum: file or model weights are damaged")
    damaged = tuple(index for index, tile in tiles.items() if tile.damaged)
    shown = sum(1 for _ in grid.touching(wanted))
    return Restored(_with_boxes(pixels, file, wanted), shown, fewest, damaged)


def _part(region: tuple[int, int, int, int] | None, grid: Grid) -> Rect:
    """The rectangle to decode."""
    if region is None:
        return grid.bounds
    left, top, width, height = region
    wanted = Rect(top, left, height, width)
    if min(height, width) < 1 or wanted.intersect(grid.bounds) != wanted:
        raise RoundelError(
            f"region x={left}, y={top}, {width}×{height} does not lie in the picture of {grid.width}×{grid.height} px"
        )
    return wanted


class _Result(NamedTuple):
    """What is kept of a tile once it is drawn."""

    crc: int | None
    passes: int
    damaged: bool


def _draw(
    reader: TileReader, wanted: Rect, pixels: np.ndarray, jobs: int, progress: Progress | None
) -> dict[int, _Result]:
    """Draw a part of the picture, a row of tiles at a time: the latents that it and its halo need are all that is held.

    Returns:
        tile index -> result, in raster order, of all tiles that had a say.
    """
    grid = reader.grid
    results: dict[int, _Result] = {}
    latents: dict[int, Patch] = {}
    total = sum(1 for _ in grid.touching(wanted))
    done = 0
    with workers(jobs) as run:
        for row in range(wanted.top // grid.side, -(-wanted.bottom // grid.side)):
            strip = Rect(row * grid.side, 0, grid.side, grid.width).intersect(wanted)
            context = reader.context(strip)
            needed = set(grid.touching(context))
            top = context.top // reader.codec.latent_px
            latents = {index: patch.below(top) for index, patch in latents.items() if index in needed}
            fresh = sorted(needed - latents.keys())
            for index, tile in zip(fresh, run(reader.decode, fresh), strict=True):
                cells = grid.tile(index).scale_down(reader.codec.latent_px)
                latents[index] = Patch(cells, tile.decoded.latents)
                results[index] = _Result(tile.decoded.crc, tile.passes, tile.damaged)
            for _ in run(partial(reader.render, latents, wanted, pixels), grid.touching(strip)):
                done += 1
                if progress:
                    progress(done, total)
    return results


def _crc(tiles: Sequence[_Result]) -> int:
    return combine_crcs([tile.crc for tile in tiles if tile.crc is not None])


def _with_boxes(pixels: np.ndarray, file: File, wanted: Rect) -> Picture:
    """The picture with its alpha and metadata."""
    packed = file.box(Tag.ALPHA)
    alpha = None
    if packed is not None:
        plane = unpack_plane(packed, file.header.height, file.header.width)
        alpha = np.ascontiguousarray(plane[wanted.rows, wanted.columns])
    if file.header.depth > 8:
        low = file.box(Tag.LOW_BYTES)
        pixels = lowbytes.join(pixels, low, file.header.height, file.header.width, wanted.rows, wanted.columns)
    return Picture(pixels, alpha, icc=file.box(Tag.ICC), exif=file.box(Tag.EXIF), xmp=file.box(Tag.XMP))
