"""The header section: magic, version, header fields, box directory, check."""

from collections.abc import Sequence
from typing import NamedTuple

from roundel.container.format import (
    CRITICAL,
    MAGIC,
    MAX_BOXES,
    MAX_CELLS,
    MAX_GROUP,
    MAX_SIDE,
    PACK_TILE_PX,
    PREFIX_BYTES,
    TRAILING,
    VERSION,
    Box,
    Header,
    Kind,
    Tag,
    tag_name,
    tile_code,
    tile_side,
)
from roundel.container.sections import Cursor, check, check_bytes, pack_check, pack_varint
from roundel.container.source import Sliceable
from roundel.errors import ChecksumError, FormatError, UnsupportedError

_COLOUR, _DEEP, _DEFLATED, _BOXES, _PACK, _RESERVED = 1 << 3, 1 << 4, 1 << 11, 1 << 12, 1 << 13, 0xC000


class Entry(NamedTuple):
    """One line of the box directory."""

    tag: int
    length: int
    check: int


class Head(NamedTuple):
    """The header section as read.

    Args:
        images: images of a pack, 0 for a single picture. group: images coded together in a pack, 0 for a picture.
        length_bytes: 1..4 bytes for a length in the index. deflated: whether the index's lengths are.
        entries: the box directory. end: offset of the first byte after the section.
    """

    header: Header
    images: int
    group: int
    length_bytes: int
    deflated: bool
    entries: tuple[Entry, ...]
    end: int

    @property
    def units(self) -> int:
        """What the index counts: tiles of a picture, or groups of images of a pack."""
        return -(-self.images // self.group) if self.images else self.header.tiles


def entries_of(boxes: Sequence[Box]) -> tuple[Entry, ...]:
    """Directory lines for boxes."""
    return tuple(Entry(int(box.tag), len(box.data), check(box.data)) for box in boxes)


def pack_head(
    header: Header, entries: Sequence[Entry], *, length_bytes: int, deflated: bool, images: int = 0, group: int = 0
) -> bytes:
    """Bytes of the header section, check included."""
    flags = header.kind | (header.passes - 1) << 5 | (length_bytes - 1) << 9
    flags |= _COLOUR * (header.channels == 3) | _DEEP * (header.depth == 16)
    flags |= _DEFLATED * deflated | _BOXES * bool(entries) | _PACK * bool(images)
    out = bytearray(MAGIC)
    out.append(VERSION)
    out += flags.to_bytes(2, "little") + pack_varint(header.model_id) + header.weights_hash
    out += pack_varint(header.width) + pack_varint(header.height)
    out += pack_varint(images) + pack_varint(group) if images else bytes([tile_code(header.tile_px)])
    out += bytes([header.quality]) + header.checksum.to_bytes(4, "little")
    if entries:
        out += pack_varint(len(entries))
    for entry in entries:
        width = check_bytes(entry.length)
        out += bytes([entry.tag]) + pack_varint(entry.length) + entry.check.to_bytes(width, "little")
    return bytes(out) + pack_check(bytes(out))


def unpack_head(data: Sliceable) -> Head:
    """Read the header section from the first bytes of a file; the first 1024 are always enough.

    Raises: FormatError, TruncatedError, ChecksumError; UnsupportedError for a later version, a reserved bit, an unknown
        kind or an unknown critical box.
    """
    cursor = Cursor(bytes(data[:PREFIX_BYTES]))
    _read_magic(cursor)
    version = cursor.uint(1, "version")
    if version != VERSION:
        raise UnsupportedError(f"format version {version}, this program reads version {VERSION}; update roundel")
    flags = cursor.uint(2, "header")
    model_id, weights_hash = cursor.varint(0xFFFF, "model id"), cursor.take(8, "header")
    width, height = cursor.varint(MAX_SIDE, "width"), cursor.varint(MAX_SIDE, "height")
    images = group = 0
    tile_px = PACK_TILE_PX
    if flags & _PACK:
        images, group = cursor.varint(MAX_CELLS, "number of images"), cursor.varint(MAX_GROUP, "group size")
    else:
        tile_px = tile_side(cursor.uint(1, "header"))
    quality, checksum = cursor.uint(1, "header"), cursor.uint(4, "header")
    entries = _read_entries(cursor) if flags & _BOXES else ()
    _verify(cursor)
    if flags & _RESERVED or flags & 7 >= len(Kind):
        raise UnsupportedError(f"flags {flags:#06x} use bits that this version does not know; update roundel")
    if flags & _PACK and not (images and group):
        raise FormatError("a pack of no images; the file is damaged")
    header = Header(
        kind=Kind(flags & 7),
        model_id=model_id,
        weights_hash=weights_hash,
        width=width,
        height=height,
        channels=3 if flags & _COLOUR else 1,
        depth=16 if flags & _DEEP else 8,
        quality=quality,
        tile_px=tile_px,
        passes=(flags >> 5 & 15) + 1,
        checksum=checksum,
    )
    _check_tags(entries)
    return Head(header, images, group, (flags >> 9 & 3) + 1, bool(flags & _DEFLATED), entries, cursor.at)


def _read_magic(cursor: Cursor) -> None:
    start = bytes(cursor.data[: len(MAGIC)])
    if start == MAGIC:
        cursor.at = len(MAGIC)
    elif not start:
        raise FormatError("the file is empty, expected a roundel file")
    elif start[:4] == MAGIC[:4] and len(start) == len(MAGIC):
        raise FormatError(f"line ends were changed on the way (found {start!r}, expected {MAGIC!r}); copy it as binary")
    else:
        cursor.at = len(MAGIC) if not MAGIC.startswith(start) else 0
        if cursor.at:
            raise FormatError(f"not a roundel file: it starts with {start!r}, expected {MAGIC!r}")
        cursor.take(len(MAGIC), "magic")


def _read_entries(cursor: Cursor) -> tuple[Entry, ...]:
    entries = []
    for _ in range(cursor.varint(MAX_BOXES, "number of boxes")):
        tag, length = cursor.uint(1, "box directory"), cursor.varint(2**32 - 1, "box length")
        entries.append(Entry(tag, length, cursor.uint(check_bytes(length), "box directory")))
    return tuple(entries)


def _verify(cursor: Cursor) -> None:
    content = cursor.data[: cursor.at]
    found, expected = check(content), cursor.uint(check_bytes(len(content)), "header")
    if found != expected:
        raise ChecksumError(f"the header is damaged: its check is {found:#x}, expected {expected:#x}; fetch it again")


def _check_tags(entries: Sequence[Entry]) -> None:
    known = [entry.tag for entry in entries if entry.tag in Tag._value2member_map_]
    for tag in known:
        if known.count(tag) > 1:
            raise FormatError(f"box {tag_name(tag)} is there twice; the file is damaged")
    for entry in entries:
        if entry.tag & CRITICAL and entry.tag not in known:
            raise UnsupportedError(
                f"box {entry.tag:#04x} is needed to decode and this version does not know it; update"
            )


def is_trailing(entry: Entry) -> bool:
    """Whether the box's data lie after the payload."""
    return bool(entry.tag & TRAILING)
