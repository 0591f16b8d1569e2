"""Write one picture as a file: pass 0 of every tile, then pass 1 of every tile, and so on."""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from roundel.container.format import PACK_TILE_PX, Box, Header
from roundel.container.head import entries_of, is_trailing, pack_head
from roundel.container.index import pack_lengths, seal
from roundel.errors import FormatError


def write(header: Header, boxes: Sequence[Box], tiles: Iterable[Sequence[bytes]]) -> bytes:
    """The file of a picture.

    Args:
        header: its facts. boxes: metadata, each tag once.
        tiles: the passes of each tile, in raster order; a tile with fewer passes than the header says has empty ones.
    Raises: FormatError if tiles and header disagree; UnsupportedError beyond the format's limits.
    """
    return b"".join(_chunks(header, boxes, tiles))


def write_to(stream: BinaryIO, header: Header, boxes: Sequence[Box], tiles: Iterable[Sequence[bytes]]) -> int:
    """As `write`, into a stream; holds the compressed passes once. Returns: bytes written."""
    return sum(stream.write(chunk) for chunk in _chunks(header, boxes, tiles))


def _chunks(header: Header, boxes: Sequence[Box], tiles: Iterable[Sequence[bytes]]) -> Iterator[bytes]:
    if header.tile_px == PACK_TILE_PX:
        raise FormatError("a picture has a tile side; use write_pack for a pack")
    rows = [pad_passes(tile, header.passes) for tile in tiles]
    if len(rows) != header.tiles:
        raise FormatError(f"{len(rows)} tiles given, a picture of {header.columns}×{header.rows} tiles expected")
    cells = [row[p] for p in range(header.passes) for row in rows]
    yield from assemble(header, boxes, cells, cells)


def assemble(
    header: Header,
    boxes: Sequence[Box],
    cells: Sequence[bytes],
    runs: Sequence[bytes],
    *,
    images: int = 0,
    group: int = 0,
) -> Iterator[bytes]:
    """Chunks of a file in order: header section and index, leading boxes, payload, trailing boxes.

    Args: cells: the payload's parts, in order. runs: the same bytes, in the portions that get a check each.
        images, group: of a pack.
    """
    lengths = pack_lengths([len(cell) for cell in cells])
    entries = entries_of(boxes)
    head = pack_head(header, entries, length_bytes=lengths.width, deflated=lengths.deflated, images=images, group=group)
    yield seal(head, lengths, runs)
    yield from (box.data for box, entry in zip(boxes, entries, strict=True) if not is_trailing(entry))
    yield from cells
    yield from (box.data for box, entry in zip(boxes, entries, strict=True) if is_trailing(entry))


def pad_passes(tile: Sequence[bytes], passes: int) -> list[bytes]:
    """The passes of a tile or group, with empty ones for those that it has not."""
    if len(tile) > passes:
        raise FormatError(f"a tile of {len(tile)} passes, the header says {passes}")
    return [*tile, *[b""] * (passes - len(tile))]
