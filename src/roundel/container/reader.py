"""Read the file of one picture, tile by tile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from roundel.container.format import Box, Header
from roundel.container.head import Entry, unpack_head
from roundel.container.index import Index
from roundel.container.layout import Layout, check_size, damaged_box, lay_out, read_box, read_boxes, read_index
from roundel.container.sections import check
from roundel.container.source import Sliceable
from roundel.errors import ChecksumError, UnsupportedError

DEFAULT_MAX_PIXELS = 2**29


class Damage(NamedTuple):
    """A pass of a tile whose bytes do not match their check."""

    tile: int
    pass_: int


@dataclass(frozen=True)
class File:
    """A picture's file, opened: the header is verified, boxes and passes are when they are asked for.

    Args:
        header: facts.
        data: the file, bytes or anything that slices like them, not copied; a prefix of it under `lenient`.
        lenient: boxes that damage or an early end took are missing, not an error.
    """

    header: Header
    index: Index
    layout: Layout
    data: Sliceable
    lenient: bool = False

    def box(self, tag: int) -> bytes | None:
        """Data of the box with this tag, or None; read and verified at each call. Raises: ChecksumError."""
        place = next((place for place in self.layout.places if place.entry.tag == tag), None)
        if place is None:
            return None
        content = read_box(self.data, place)
        if content is None and not self.lenient:
            raise damaged_box(place)
        return content

    @property
    def boxes(self) -> tuple[Box, ...]:
        """All known boxes that are whole. Raises: ChecksumError, if one is not, and the file is not read leniently."""
        return read_boxes(self.data, self.layout, lenient=self.lenient)[0]

    @property
    def lost_boxes(self) -> tuple[Entry, ...]:
        """Those that damage or an early end took."""
        return read_boxes(self.data, self.layout, lenient=True)[1]

    @property
    def complete(self) -> bool:
        """Whether the data reach the end of the file."""
        return len(self.data) >= self.layout.end

    @property
    def pass_bytes(self) -> tuple[int, ...]:
        """Payload bytes of each pass, over all tiles."""
        tiles, starts = self.header.tiles, self.index.starts
        return tuple(starts[(p + 1) * tiles] - starts[p * tiles] for p in range(self.header.passes))

    def prefix_bytes(self, passes: int) -> int:
        """Bytes of the file's beginning that hold the first `passes` passes of every tile."""
        return self.layout.payload + sum(self.pass_bytes[:passes])

    def available(self, tile: int) -> int:
        """Passes of a tile that lie wholly within the data."""
        if self.complete:
            return self.header.passes
        count = 0
        while count < self.header.passes and self._span(tile, count)[1] <= len(self.data):
            count += 1
        return count

    def passes(self, tile: int, limit: int | None = None) -> list[bytes]:
        """The passes of a tile that are there, verified.

        Args: tile: number in raster order. limit: first so many passes only.
        Returns: all passes, or the first ones if `limit` says so or the data end early.
        Raises: ChecksumError naming tile and pass if one of them is damaged.
        """
        out = []
        for p in range(min(self.available(tile), self.header.passes if limit is None else limit)):
            content = self._intact(tile, p)
            if content is None:
                raise self._damage(tile, p)
            out.append(content)
        return out

    def passes_of(self, tiles: Sequence[int], limit: int | None = None) -> list[list[bytes]]:
        """The same of several tiles, in rising order: what lies side by side is read in one piece."""
        if not (tiles and self.complete):
            return [self.passes(tile, limit) for tile in tiles]
        out: list[list[bytes]] = [[] for _ in tiles]
        starts, checks, base = self.index.starts, self.index.checks, self.layout.payload
        breaks = [n for n in range(1, len(tiles)) if tiles[n] != tiles[n - 1] + 1]
        for p in range(self.header.passes if limit is None else limit):
            for first, end in pairwise([0, *breaks, len(tiles)]):
                cell = self._cell(tiles[first], p)
                at = starts[cell : self._cell(tiles[end - 1], p) + 2]
                block = bytes(self.data[base + at[0] : base + at[-1]])
                for n in range(end - first):
                    content = block[at[n] - at[0] : at[n + 1] - at[0]]
                    if check(content) != checks[cell + n]:
                        raise self._damage(tiles[first + n], p)
                    out[first + n].append(content)
        return out

    def intact_passes(self, tile: int) -> list[bytes]:
        """The passes of a tile before its first damaged or missing one."""
        out: list[bytes] = []
        for p in range(self.available(tile)):
            content = self._intact(tile, p)
            if content is None:
                break
            out.append(content)
        return out

    def damaged(self) -> list[Damage]:
        """All passes that are there but damaged, by tile."""
        return list(self._damaged())

    def _damaged(self) -> Iterator[Damage]:
        for tile in range(self.header.tiles):
            for p in range(self.available(tile)):
                if self._intact(tile, p) is None:
                    yield Damage(tile, p)

    def _cell(self, tile: int, pass_: int) -> int:
        if not 0 <= tile < self.header.tiles:
            raise IndexError(f"tile {tile} of {self.header.tiles}")
        return pass_ * self.header.tiles + tile

    def _span(self, tile: int, pass_: int) -> tuple[int, int]:
        start, end = self.index.span(self._cell(tile, pass_))
        return self.layout.payload + start, self.layout.payload + end

    def _damage(self, tile: int, pass_: int) -> ChecksumError:
        """What says that a pass is damaged."""
        rect = self.header.tile_rect(tile)
        return ChecksumError(
            f"tile {tile} (x={rect.left}, y={rect.top}, {rect.width}×{rect.height} px), pass {pass_} is damaged; "
            "fetch the file again, or decode the rest with --salvage"
        )

    def _intact(self, tile: int, pass_: int) -> bytes | None:
        start, end = self._span(tile, pass_)
        content = bytes(self.data[start:end])
        return content if check(content) == self.index.checks[self._cell(tile, pass_)] else None


def read(
    data: Sliceable, *, allow_truncated: bool = False, max_pixels: int | None = DEFAULT_MAX_PIXELS, lazy: bool = False
) -> File:
    """Open the file of a picture.

    Args:
        data: the file, bytes or anything that slices like them (a memory map, a `Source`).
        allow_truncated: take a file that ends early, has damaged boxes or bytes after its end; the header and the index
            must be whole all the same.
        max_pixels: refuse larger pictures; None for no limit, where only parts of the picture will be decoded.
        lazy: leave boxes unread until they are asked for.
    Raises: FormatError, TruncatedError, ChecksumError, UnsupportedError.
    """
    head = unpack_head(data)
    if head.images:
        raise UnsupportedError(
            f"a pack of {head.images} images, not one picture; use `roundel unpack`, or `container.read_pack`"
        )
    if max_pixels is not None:
        head.header.check_pixels(max_pixels)
    index = read_index(data, head)
    layout = lay_out(head, index.end, index.starts[-1])
    if not allow_truncated:
        check_size(len(data), layout.end)
        if not lazy:
            read_boxes(data, layout, lenient=False)
    return File(head.header, index, layout, data, allow_truncated)
