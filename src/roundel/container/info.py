"""What a file says about itself, from its first kilobyte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import NamedTuple, TypeVar

from roundel.container.contents import PixelDensity, unpack_colour, unpack_resolution, unpack_sample_max
from roundel.container.format import CRITICAL, VERSION, Header, Kind, Tag, tag_name
from roundel.container.head import Head, unpack_head
from roundel.container.layout import lay_out, read_boxes, read_index
from roundel.errors import FormatError, TruncatedError

T = TypeVar("T")


class BoxInfo(NamedTuple):
    """A box of the directory; `name` is its number in hexadecimal where this version does not know it."""

    tag: int
    name: str
    bytes: int
    critical: bool


@dataclass(frozen=True, repr=False)
class FileInfo:
    """Facts of a file.

    Args:
        images: of a pack, else 1. group: images coded together in a pack, else 1. pack: whether it is one.
        tiles: of the picture, or groups of the pack.
        boxes: the whole directory. pass_bytes: payload of each pass, or None if the index ends behind the prefix; so
            are total_bytes (what the file should have) and overhead_bytes (all but boxes and payload).
        file_bytes: what the file has, if known.
        resolution: pixels per unit. colour: names of the PNG chunks kept. sample_max: largest sample value of the
            source, where its samples were scaled. original_depth: bits of a sample of the source, where reduced. All
            four are None (or empty) if they are not there, lie behind the prefix, or are damaged.
    """

    version: int
    header: Header
    pack: bool
    images: int
    group: int
    tiles: int
    boxes: tuple[BoxInfo, ...]
    pass_bytes: tuple[int, ...] | None
    overhead_bytes: int | None
    total_bytes: int | None
    file_bytes: int | None
    resolution: PixelDensity | None = None
    colour: tuple[str, ...] = ()
    sample_max: int | None = None
    original_depth: int | None = None

    @property
    def missing_bytes(self) -> int | None:
        """Bytes that the file should have and has not (negative: bytes after its end), or None if unknown."""
        return None if self.total_bytes is None or self.file_bytes is None else self.total_bytes - self.file_bytes

    def __repr__(self) -> str:
        header = self.header
        what = f"pack of {self.images}, " if self.pack else ""
        size = f"{header.width}×{header.height} px"
        quality = f", quality {header.quality}" if header.kind is Kind.LOSSY else ""
        total = "" if self.file_bytes is None else f", {self.file_bytes} bytes"
        return f"<roundel file: {what}{header.kind.name.lower()}, {size}{quality}, model {header.model_id}{total}>"

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        facts = {**vars(self.header), **vars(self)}
        del facts["header"]
        facts["kind"], facts["weights_hash"] = self.header.kind.name.lower(), self.header.weights_hash.hex()
        facts["boxes"] = ", ".join(f"{box.name.lower()} {box.bytes}" for box in self.boxes) or "none"
        facts["pass_bytes"] = None if self.pass_bytes is None else " ".join(map(str, self.pass_bytes))
        rows = "".join(f"<tr><th>{key}</th><td>{escape(str(value))}</td></tr>" for key, value in facts.items())
        return f"<table>{rows}</table>"


def read_info(prefix: bytes, file_size: int | None = None) -> FileInfo:
    """Facts from the beginning of a file; 1024 bytes are enough for all but the passes of many tiles.

    Args: prefix: the first bytes, or the whole file. file_size: bytes of the file, if known.
    Raises: as `read`, save that payload and boxes are not looked at.
    """
    head = unpack_head(prefix)
    header = head.header
    pass_bytes = overhead = total = None
    small: dict[int, bytes] = {}
    try:
        index = read_index(prefix, head)
    except TruncatedError:
        if file_size is not None and file_size <= len(prefix):
            raise
    else:
        lengths = [after - before for before, after in pairwise(index.starts)]
        pass_bytes = tuple(sum(cells) for cells in _by_pass(lengths, head))
        layout = lay_out(head, index.end, sum(pass_bytes))
        overhead, total = index.end, layout.end
        small = {box.tag: box.data for box in read_boxes(prefix[: layout.payload], layout, lenient=True)[0]}
    return FileInfo(
        version=VERSION,
        header=header,
        pack=bool(head.images),
        images=head.images or 1,
        group=head.group or 1,
        tiles=head.units,
        boxes=tuple(BoxInfo(e.tag, tag_name(e.tag), e.length, bool(e.tag & CRITICAL)) for e in head.entries),
        pass_bytes=pass_bytes,
        overhead_bytes=overhead,
        total_bytes=total,
        file_bytes=file_size,
        resolution=_content(unpack_resolution, small.get(Tag.RESOLUTION)),
        colour=tuple(kind.decode() for kind in _content(unpack_colour, small.get(Tag.COLOUR)) or ()),
        sample_max=_content(unpack_sample_max, small.get(Tag.SAMPLE_MAX)),
        original_depth=(small.get(Tag.ORIGINAL_DEPTH) or b"\0")[0] or None,
    )


def _content(unpack: Callable[[bytes], T], data: bytes | None) -> T | None:
    """What a box holds; None where `info` has nothing to say of it."""
    try:
        return None if data is None else unpack(data)
    except FormatError:
        return None


def _by_pass(lengths: list[int], head: Head) -> Iterator[list[int]]:
    for p in range(head.header.passes):
        yield lengths[p :: head.header.passes] if head.images else lengths[p * head.units : (p + 1) * head.units]
