"""From a file's bytes to a picture: whole, a region, smaller, a preview from a prefix, or what damage has left."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from roundel import container
from roundel.boxes import from_boxes
from roundel.codecs.protocol import Decoded, Model, Reduced, Reducing, Window
from roundel.container import DEFAULT_MAX_PIXELS, File, Sliceable, Tag
from roundel.errors import ChecksumError, FormatError, RoundelError
from roundel.image.picture import Picture
from roundel.image.shrink import shrink
from roundel.loaded import Codec, Progress, codec_of
from roundel.tiling import Grid, Patch, Rect, combine_crcs, join_latents

__all__ = ["Decoding", "Progress", "Restored", "level_within", "restore"]


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


class _Tile(NamedTuple):
    """One tile, decoded from so many passes."""

    decoded: Decoded
    passes: int
    damaged: bool


class _Result(NamedTuple):
    """What is kept of a tile once it is drawn."""

    crc: int | None
    passes: int
    damaged: bool


@dataclass(frozen=True)
class Decoding:
    """A file with the codec for it, seen at 1 / 2**level of its size; safe to share between threads."""

    file: File
    codec: Codec
    decoder: Model | Reduced
    """The codec's model, or that at a level."""
    level: int
    """Of the decoder: 0 is the whole picture."""
    limit: int
    """Passes to decode."""
    salvage: bool = False

    @classmethod
    def of(
        cls, file: File, codec: Codec, *, level: int = 0, passes: int | None = None, salvage: bool = False
    ) -> "Decoding":
        """The way to decode a file at a level, or the next finer one that model and tiles can do without the rest.

        Raises:
            FormatError: the tiles do not suit the model.
            RoundelError: the file has not so many passes.
        """
        model = codec.model
        limit = model.passes if passes is None else passes
        if not 1 <= limit <= model.passes:
            raise RoundelError(f"passes {passes} is out of range: the file has 1 to {model.passes}")
        grid = codec.grid(file.header.height, file.header.width, file.header.tile_px)
        near = min(level, grid.halvings, model.levels) if isinstance(model, Reducing) else 0
        if near == 0:
            return cls(file, codec, model, 0, limit, salvage)
        assert isinstance(model, Reducing)
        decoder = model.reduced(near)
        return cls(file, codec, decoder, near, min(limit, decoder.passes), salvage)

    @property
    def whole(self) -> Grid:
        """The tiles of the picture at its own size."""
        return Grid(self.file.header.height, self.file.header.width, self.file.header.tile_px)

    @property
    def grid(self) -> Grid:
        """The tiles as they are decoded."""
        return self.whole.reduced(self.level)

    def check_pixels(self, wanted: Rect) -> None:
        """Raises: UnsupportedError: more pixels than the codec's limit are to be held."""
        header = self.file.header
        planes = any(place.entry.tag in (Tag.ALPHA, Tag.LOW_BYTES) for place in self.file.layout.places)
        if planes:  # they are stored whole
            header.check_pixels(self.codec.max_pixels)
        replace(header, width=wanted.width, height=wanted.height).check_pixels(self.codec.max_pixels)

    def picture(self, wanted: Rect) -> Restored:
        """Decode a rectangle of `grid`.

        Raises:
            RoundelError: no tile has a whole first pass, what was decoded is not what was encoded, it is too large.
        """
        self.check_pixels(wanted)
        file, header = self.file, self.file.header
        pixels = np.empty((wanted.height, wanted.width, header.channels), np.uint8)
        tiles = self._draw(wanted, pixels)
        decoded = list(tiles.values())
        fewest = min(tile.passes for tile in decoded)
        whole = wanted == self.whole.bounds and fewest == header.passes
        if whole and combine_crcs([tile.crc for tile in decoded if tile.crc is not None]) != header.checksum:
            raise ChecksumError(
                "what was decoded does not match the file's checksum: file or model weights are damaged"
            )
        damaged = tuple(index for index, tile in tiles.items() if tile.damaged)
        shown = sum(1 for _ in self.grid.touching(wanted))
        scale = 1 << self.level
        part = Rect(*(side * scale for side in wanted)).intersect(self.whole.bounds)
        picture = from_boxes(pixels, self.whole.bounds, header.depth, file.box, part, scale)
        return Restored(picture, shown, fewest, damaged)

    def context(self, part: Rect) -> Rect:
        """The pixels of `grid` whose latents have a say in a part of the picture."""
        bounds = self.grid.bounds
        return part.align(self.decoder.latent_px).intersect(bounds).grow(self.decoder.halo_px, bounds)

    def _draw(self, wanted: Rect, pixels: np.ndarray) -> dict[int, _Result]:
        """Draw a part of the picture, a row of tiles at a time: all that is held are the latents that it needs.

        Returns:
            tile index -> result, in raster order, of all tiles that had a say.
        """
        grid, latent_px = self.grid, self.decoder.latent_px
        results: dict[int, _Result] = {}
        latents: dict[int, Patch] = {}
        total = sum(1 for _ in grid.touching(wanted))
        done = 0
        for row in range(wanted.top // grid.side, -(-wanted.bottom // grid.side)):
            strip = Rect(row * grid.side, 0, grid.side, grid.width).intersect(wanted)
            context = self.context(strip)
            needed = set(grid.touching(context))
            top = context.top // latent_px
            latents = {index: patch.below(top) for index, patch in latents.items() if index in needed}
            fresh = sorted(needed - latents.keys())
            for index, tile in zip(fresh, self.codec.told(None).run(self._decode, fresh, len(fresh)), strict=True):
                latents[index] = Patch(grid.tile(index).scale_down(latent_px), tile.decoded.latents)
                results[index] = _Result(tile.decoded.crc, tile.passes, tile.damaged)
            for _ in self.codec.run(partial(self._render, latents, wanted, pixels), grid.touching(strip), total, done):
                done += 1
        return results

    def _decode(self, index: int) -> _Tile:
        """A tile from its passes; under `salvage` from those before the first damaged one."""
        tile = self.whole.tile(index)
        size = (tile.height, tile.width, self.file.header.quality)
        if not self.salvage:
            found = self.file.passes(index, self.limit)
            return _Tile(self.decoder.decode(found, *size), len(found), False)
        found = self.file.intact_passes(index)[: self.limit]
        while True:
            try:
                return _Tile(self.decoder.decode(found, *size), len(found), len(found) < self.limit)
            except FormatError:
                found = found[:-1]

    def _render(self, latents: dict[int, Patch], wanted: Rect, pixels: np.ndarray, index: int) -> None:
        """Draw what is wanted of a tile into `pixels`, whose corner is the corner of `wanted`."""
        latent_px = self.decoder.latent_px
        part = self.grid.tile(index).intersect(wanted)
        cells = part.align(latent_px).intersect(self.grid.bounds)
        around = self.context(part)
        joined = join_latents(latents, self.grid, around, latent_px)
        rgb = self.decoder.render(joined, Window(*cells.relative_to(around)), self.file.header.quality)
        inner, goal = part.relative_to(cells), part.relative_to(wanted)
        cut = rgb[inner.rows, inner.columns]
        if pixels.shape[2] == 1:
            cut = ((cut.sum(axis=2, dtype=np.uint16, keepdims=True) + 1) // 3).astype(np.uint8)
        pixels[goal.rows, goal.columns] = cut


def restore(
    data: Sliceable,
    *,
    passes: int | None = None,
    partial_file: bool = False,
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 0,
    salvage: bool = False,
    seed: int | None = None,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Restored:
    """Decode a file, or a part of it, and say what was found.

    Args:
        data: the bytes of a .rndl file, or anything that slices like them: only what is needed is read.
        passes: decode the first so many passes only: a preview.
        partial_file: take a file that ends early for a preview instead of an error.
        region: x, y, width, height in pixels of the whole picture; only the tiles that it needs are read.
        reduce: halve the size so many times, from the coarse passes alone where the model can.
        salvage: leave out what is damaged instead of giving up.
        seed: draw what a preview of a lossless file lacks at random, instead of expecting its mean.
        model: the model that wrote the file (loaded, or its name, id or path) if it is not one that ships.
        max_pixels: the most pixels to decode; those of the whole picture where alpha or 16 bits are stored whole.
        jobs: tiles decoded at the same time.
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
    file = container.read(data, allow_truncated=partial_file or salvage, max_pixels=None, lazy=True)
    codec = codec_of(file.header, model, jobs=jobs, max_pixels=max_pixels, progress=progress)
    if seed is not None:
        codec = replace(codec, model=_sampling(codec.model, seed))
    decoding = Decoding.of(file, codec, level=reduce, passes=passes, salvage=salvage)
    wanted = _part(region, decoding.whole).scale_down(1 << decoding.level)
    decoding.check_pixels(wanted)
    if file.available(0) == 0 and not salvage:
        raise FormatError(
            f"too short for a preview: the first pass needs {file.prefix_bytes(1)} bytes, found {len(data)}"
        )
    found = decoding.picture(wanted)
    if reduce == decoding.level:
        return found
    return found._replace(picture=shrink(found.picture, reduce - decoding.level))


def level_within(width: int, height: int, max_side: int) -> int:
    """How often to halve a picture so that no side is longer than `max_side` pixels.

    >>> level_within(4000, 3000, 1000)
    2
    """
    return max(0, (-(-max(width, height) // max_side) - 1).bit_length())


def _sampling(model: Model, seed: int) -> Model:
    if not isinstance(model, Sampling):
        raise RoundelError(f"model {model.name} draws no samples: only lossless models do; leave out --sample")
    return model.sampling(seed)


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
