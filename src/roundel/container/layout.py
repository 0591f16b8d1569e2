"""Where the parts of a file lie once its index is known, and the reading of boxes."""

from typing import NamedTuple

from roundel.container.format import Box, Tag, tag_name
from roundel.container.head import Entry, Head, is_trailing
from roundel.container.index import Index, unpack_index
from roundel.container.sections import check
from roundel.container.source import Sliceable
from roundel.errors import ChecksumError, FormatError, TruncatedError

BLOCK_IMAGES = 256  # images of a pack that share a check


class Place(NamedTuple):
    """A box and the offset of its data in the file."""

    entry: Entry
    start: int


class Layout(NamedTuple):
    """Offsets in the file: of the payload, of each box, and of the end."""

    payload: int
    places: tuple[Place, ...]
    end: int


def read_index(data: Sliceable, head: Head) -> Index:
    """The index that follows a header section; raises as `unpack_index`."""
    passes = head.header.passes
    run = max(1, BLOCK_IMAGES // head.group) * passes if head.images else 1
    return unpack_index(
        data, head.end, cells=head.units * passes, run=run, width=head.length_bytes, deflated=head.deflated
    )


def lay_out(head: Head, index_end: int, payload_bytes: int) -> Layout:
    """Leading boxes follow the index, then the payload, then trailing boxes, all in the directory's order."""
    places, at = [], index_end
    for entry in (e for e in head.entries if not is_trailing(e)):
        places.append(Place(entry, at))
        at += entry.length
    payload = at
    at += payload_bytes
    for entry in (e for e in head.entries if is_trailing(e)):
        places.append(Place(entry, at))
        at += entry.length
    return Layout(payload, tuple(places), at)


def check_size(size: int, end: int) -> None:
    """Raises: TruncatedError or FormatError unless the file has exactly the bytes that its index promises."""
    if size < end:
        raise TruncatedError(
            f"{size} bytes, the file has {end}; fetch it again, or decode what is there (--salvage or a preview)"
        )
    if size > end:
        raise FormatError(
            f"{size - end} bytes follow the end of the file at byte {end}; cut them off, or use --salvage"
        )


def read_box(data: Sliceable, place: Place) -> bytes | None:
    """The content of a box, or None where it is damaged or cut off."""
    entry, start = place
    content = bytes(data[start : start + entry.length]) if start + entry.length <= len(data) else b""
    return content if len(content) == entry.length and check(content) == entry.check else None


def read_boxes(data: Sliceable, layout: Layout, *, lenient: bool) -> tuple[tuple[Box, ...], tuple[Entry, ...]]:
    """Known boxes, and those of them that are damaged or cut off; these raise unless `lenient`."""
    boxes: list[Box] = []
    lost: list[Entry] = []
    for place in layout.places:
        if place.entry.tag not in Tag._value2member_map_:
            continue
        content = read_box(data, place)
        if content is not None:
            boxes.append(Box(Tag(place.entry.tag), content))
        elif lenient:
            lost.append(place.entry)
        else:
            raise damaged_box(place)
    return tuple(boxes), tuple(lost)


def damaged_box(place: Place) -> ChecksumError:
    """The error that names a damaged box."""
    return ChecksumError(f"box {tag_name(place.entry.tag)} at byte {place.start} is damaged; fetch the file again")
