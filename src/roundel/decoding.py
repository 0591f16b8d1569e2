"""A file with the codec for it, and rectangles of it at any level, decoded a row of tiles at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import gcd
from typing import NamedTuple

import numpy as np

from roundel.boxes import from_boxes
from roundel.codecs.protocol import Decoded, Model, Reduced, Reducing, Together, Window
from roundel.container import File, Tag
from roundel.errors import ChecksumError, FormatError, RoundelError
from roundel.image.picture import Picture
from roundel.kept import Kept
from roundel.loaded import Codec
from roundel.tiling import Grid, Patch, Rect, combine_crcs, join_latents

TOGETHER_PX, TOGETHER_TILES = 5 << 16, 4096
"""Of the tiles that are decoded together, at their level, at most: more gain nothing."""
STRIP_PX = 1 << 20
"""Tiles of so many pixels are held at once, or a row of them; by several threads, so many times more at most."""
PART_PX = 3 << 18
"""So many pixels are drawn at once, or a tile: larger parts have less halo, and take more memory."""


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
    kept: "Kept[tuple[int, int], _Tile] | None" = None
    """Where decoded tiles are remembered, by level and index."""

    @classmethod
    def of(
        cls,
        file: File,
        codec: Codec,
        *,
        level: int = 0,
        passes: int | None = None,
        salvage: bool = False,
        kept: "Kept[tuple[int, int], _Tile] | None" = None,
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
            return cls(file, codec, model, 0, limit, salvage, kept)
        assert isinstance(model, Reducing)
        decoder = model.reduced(near)
        return cls(file, codec, decoder, near, min(limit, decoder.passes), salvage, kept)

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
        if Tag.SAMPLES in {place.entry.tag for place in file.layout.places} and file.box(Tag.SAMPLES) is None:
            raise FormatError(
                "16-bit samples in the box SAMPLES, which is not whole: there is no preview, and nothing to salvage"
            )
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
        strips = self._strips(wanted)
        tiles, done = [[sum(1 for _ in grid.touching(part)) for part in parts] for _, parts in strips], 0
        total = sum(map(sum, tiles))
        for (strip, parts), counts in zip(strips, tiles, strict=True):
            context = self.context(strip)
            needed = set(grid.touching(context))
            top = context.top // latent_px
            latents = {index: patch.below(top) for index, patch in latents.items() if index in needed}
            for index, tile in self._tiles(sorted(needed - latents.keys())):
                latents[index] = Patch(grid.tile(index).scale_down(latent_px), tile.decoded.latents)
                results[index] = _Result(tile.decoded.crc, tile.passes, tile.damaged)
            drawn = self.codec.told(None).run(partial(self._render, latents, wanted, pixels), parts, len(parts))
            for count, _ in zip(counts, drawn, strict=True):
                for _ in range(count):
                    done += 1
                    if self.codec.progress:
                        self.codec.progress(done, total)
        return dict(sorted(results.items()))  # the file's checksum is over tiles in order

    def _strips(self, wanted: Rect) -> list[tuple[Rect, list[Rect]]]:
        """Rows of tiles of a part of the picture, several where they are small, each with the parts to draw one by one.

        Tiles that are decoded together are drawn together too.
        """
        grid = self.grid
        across = sum(1 for _ in grid.touching(wanted._replace(height=1)))
        rows = max(1, STRIP_PX // (across * grid.side**2))
        rows *= self.codec.jobs // gcd(rows * across, self.codec.jobs)  # no thread waits for the last tile of a strip
        strips = []
        for row in range(wanted.top // grid.side, -(-wanted.bottom // grid.side), rows):
            strip = Rect(row * grid.side, 0, rows * grid.side, grid.width).intersect(wanted)
            strips.append((strip, [strip] if self._together > 1 else self._parts(strip)))
        return strips

    def _parts(self, strip: Rect) -> list[Rect]:
        """A strip's tiles, or rectangles of some of them, so that each thread draws as little as can be.

        Halos that would be drawn for both of two neighbours are drawn once.
        """
        side, halo, jobs = self.grid.side, self.decoder.halo_px, self.codec.jobs
        rows, columns = (
            [(every, _spans(start, end, side * every)) for every in range(1, -(-end // side) - start // side + 1)]
            for start, end in ((strip.top, strip.bottom), (strip.left, strip.right))
        )
        best, least = (rows[0][1], columns[0][1]), float("inf")
        for tall, down in rows:
            for wide, across in columns:
                if halo and (tall * wide == 1 or tall * wide * side**2 <= PART_PX):
                    # The largest part with its halo, as often as a thread draws one.
                    drawn = _longest(down, halo, self.grid.height) * _longest(across, halo, self.grid.width)
                    drawn *= -(-len(down) * len(across) // jobs)
                    if drawn < least:
                        best, least = (down, across), drawn
        return [Rect(top, left, bottom - top, right - left) for top, bottom in best[0] for left, right in best[1]]

    def _tiles(self, indices: Sequence[int]) -> Iterator[tuple[int, _Tile]]:
        """Tiles, decoded or remembered, in any order."""
        missing = []
        for index in indices:
            if self.kept is not None and (tile := self.kept.get((self.level, index))) is not None:
                yield index, tile
            else:
                missing.append(index)
        runs = self._runs(missing)
        for run, tiles in zip(runs, self.codec.told(None).run(self._decode_run, runs, len(runs)), strict=True):
            for index, tile in zip(run, tiles, strict=True):
                if self.kept is not None:
                    self.kept.put((self.level, index), tile, tile.decoded.latents.nbytes)
                yield index, tile

    @property
    def _together(self) -> int:
        """Tiles that are decoded together, at most."""
        if self.salvage or not isinstance(self.decoder, Together):
            return 1
        return min(max(1, TOGETHER_PX // self.grid.side**2), TOGETHER_TILES)

    def _runs(self, indices: Sequence[int]) -> list[list[int]]:
        """Tiles that are decoded together: of one size, shared out among the jobs evenly."""
        height, width, side = self.whole
        columns = -(-width // side)
        by_size: dict[tuple[int, int], list[int]] = {}
        for index in indices:  # thousands, at coarse levels: bare numbers are quicker than rectangles
            row, column = divmod(index, columns)
            by_size.setdefault((min(side, height - row * side), min(side, width - column * side)), []).append(index)
        runs = []
        for alike in by_size.values():
            rounds = -(-len(alike) // (self._together * self.codec.jobs))
            count = min(rounds * self.codec.jobs, len(alike))
            runs += [alike[n * len(alike) // count : (n + 1) * len(alike) // count] for n in range(count)]
        return runs

    def _decode_run(self, run: list[int]) -> list[_Tile]:
        """Tiles of one size."""
        if len(run) == 1 or not isinstance(self.decoder, Together):
            return [self._decode(index) for index in run]
        found = self.file.passes_of(run, self.limit)
        tile = self.whole.tile(run[0])
        decoded = self.decoder.decode_together(found, tile.height, tile.width, self.file.header.quality)
        return [_Tile(one, len(passes), False) for one, passes in zip(decoded, found, strict=True)]

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

    def _render(self, latents: dict[int, Patch], wanted: Rect, pixels: np.ndarray, part: Rect) -> None:
        """Draw a part of what is wanted into `pixels`, whose corner is the corner of `wanted`."""
        latent_px = self.decoder.latent_px
        cells = part.align(latent_px).intersect(self.grid.bounds)
        around = self.context(part)
        joined = join_latents(latents, self.grid, around, latent_px)
        rgb = self.decoder.render(joined, Window(*cells.relative_to(around)), self.file.header.quality)
        inner, goal = part.relative_to(cells), part.relative_to(wanted)
        cut = rgb[inner.rows, inner.columns]
        if pixels.shape[2] == 1:
            cut = ((cut.sum(axis=2, dtype=np.uint16, keepdims=True) + 1) // 3).astype(np.uint8)
        pixels[goal.rows, goal.columns] = cut


def _spans(start: int, end: int, length: int) -> list[tuple[int, int]]:
    """(first, last + 1) of the multiples of `length` between two places."""
    inner = range((start // length + 1) * length, end, length)
    return list(pairwise([start, *inner, end]))


def _longest(spans: Sequence[tuple[int, int]], halo: int, size: int) -> int:
    """The greatest of their lengths with halos, which end where the picture does."""
    return max(min(last + halo, size) - max(first - halo, 0) for first, last in spans)
