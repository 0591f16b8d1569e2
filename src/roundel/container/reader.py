"""Read the file of one picture, tile by tile."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from roundel.container.format import Box, Header
from roundel.container.head import Entry, unpack_head
from roundel.container.index import Index
from roundel.container.layout import Layout, check_size, lay_out, read_boxes, read_index
from roundel.container.sections import check
from roundel.errors import ChecksumError, UnsupportedError

DEFAULT_MAX_PIXELS = 2**29


class Damage(NamedTuple):
    """A pass of a tile whose bytes do not match their check."""

    tile: int
    pass_: int


@dataclass(frozen=True)
class File:
    """A picture's file, opened: header and boxes are verified, passes are when they are asked for.

    Args:
        header: facts. boxes: known boxes. lost_boxes: those that damage or an early end took (only `allow_truncated`).
        data: the file, bytes or a memory map, not copied; a prefix of it under `allow_truncated`.
    """

    header: Header
    boxes: tuple[Box, ...]
    lost_boxes: tuple[Entry, ...]
    index: Index
    layout: Layout
    data: bytes

    def box(self, tag: int) -> bytes | None:
        """Data of the box with this tag, or None."""
        return next((box.data for box in self.boxes if box.tag == tag), None)

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
                rect = self.header.tile_rect(tile)
                raise ChecksumError(
                    f"tile {tile} (x={rect.left}, y={rect.top}, {rect.width}×{rect.height} px), pass {p} is damaged; "
                    "fetch the file again, or decode the rest with --salvage"
                )
            out.append(content)
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

    def _intact(self, tile: int, pass_: int) -> bytes | None:
        start, end = self._span(tile, pass_)
        content = bytes(self.data[start:end])
        return content if check(content) == self.index.checks[self._cell(tile, pass_)] else None


def read(data: bytes, *, allow_truncated: bool = False, max_pixels: int = DEFAULT_MAX_PIXELS) -> File:
    """Open the file of a picture.

    Args:
        data: the file, bytes or anything that slices like them (a memory map).
        allow_truncated: take a file that ends early, has damaged boxes or bytes after its end; the header and the index
            must be whole all the same.
        max_pixels: refuse larger pictures.
    Raises: FormatError, TruncatedError, ChecksumError, UnsupportedError.
    """
    head = unpack_head(data)
    if head.images:
        raise UnsupportedError(
            f"a pack of {head.images} images, not one picture; use `roundel unpack`, or `container.read_pack`"
        )
    head.header.check_pixels(max_pixels)
    index = read_index(data, head)
    layout = lay_out(head, index.end, index.starts[-1])
    if not allow_truncated:
        check_size(len(data), layout.end)
    boxes, lost = read_boxes(data, layout, lenient=allow_truncated)
    return File(head.header, boxes, lost, index, layout, data)
