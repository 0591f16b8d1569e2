"""Many images in one file, under one header: groups of images in order, random access to each."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from roundel.container.contents import pack_metadata, unpack_metadata
from roundel.container.format import MAX_GROUP, PACK_TILE_PX, Box, Header, Tag
from roundel.container.head import unpack_head
from roundel.container.index import Index, plane_count, planes, unplanes
from roundel.container.layout import BLOCK_IMAGES, Layout, check_size, lay_out, read_boxes, read_index
from roundel.container.reader import DEFAULT_MAX_PIXELS
from roundel.container.sections import check, deflate, inflate
from roundel.container.source import Sliceable
from roundel.container.writer import assemble, pad_passes
from roundel.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError

MAX_NAMES_BYTES = 2**26


def write_pack(
    header: Header,
    sizes: Sequence[tuple[int, int]],
    units: Sequence[Sequence[bytes]],
    *,
    group: int = 1,
    names: Sequence[str] | None = None,
    labels: Sequence[int] | None = None,
    metadata: Sequence[Sequence[Box]] | None = None,
    boxes: Sequence[Box] = (),
) -> bytes:
    """The file of many images.

    Args:
        header: facts that all images share; width, height and tile_px are replaced.
        sizes: (width, height) of each image, px. units: the passes of each group of `group` images, in order; the last
            group may be smaller. names: a different relative path for each image, "/" between folders.
        labels: 0..2^32-1, one for each image. metadata: boxes of each image, as in a file of its own.
    Raises: FormatError if the arguments disagree; UnsupportedError beyond the format's limits.
    """
    if not sizes or not 1 <= group <= MAX_GROUP:
        raise FormatError(f"a pack of {len(sizes)} images in groups of {group}; both must be positive")
    if len(units) != -(-len(sizes) // group):
        raise FormatError(f"{len(units)} groups given, {len(sizes)} images in groups of {group} expected")
    if min(map(min, sizes)) < 1:
        raise FormatError("an image without pixels cannot be packed")
    extra = []
    if len(set(sizes)) > 1:
        extra.append(Box(Tag.SIZES, deflate(planes((w for w, _ in sizes), 4) + planes((h for _, h in sizes), 4))))
    if names is not None:
        extra.append(Box(Tag.NAMES, _pack_names(names, len(sizes))))
    if labels is not None:
        extra.append(Box(Tag.LABELS, _pack_labels(labels, len(sizes))))
    if metadata is not None:
        if len(metadata) != len(sizes):
            raise FormatError(f"metadata of {len(metadata)} images, {len(sizes)} expected")
        extra.append(Box(Tag.METADATA, pack_metadata(metadata)))
    header = replace(header, tile_px=PACK_TILE_PX, width=max(w for w, _ in sizes), height=max(h for _, h in sizes))
    rows = [pad_passes(unit, header.passes) for unit in units]
    step = max(1, BLOCK_IMAGES // group)
    runs = [b"".join(b"".join(row) for row in rows[i : i + step]) for i in range(0, len(rows), step)]
    cells = [cell for row in rows for cell in row]
    return b"".join(assemble(header, [*boxes, *extra], cells, runs, images=len(sizes), group=group))


class Sizes(NamedTuple):
    """Widths and heights of images that are not all alike, px."""

    widths: "array[int]"
    heights: "array[int]"


@dataclass(frozen=True)
class Pack:
    """A pack, opened: header and boxes are verified, the payload is by blocks when it is asked for.

    Args: count: images. group: images coded together. data: the file, bytes or a memory map, not copied.
    """

    header: Header
    count: int
    group: int
    boxes: tuple[Box, ...]
    index: Index
    layout: Layout
    data: Sliceable
    _sizes: "Sizes | None"
    _verified: set[int] = field(default_factory=set, compare=False, repr=False)

    def __len__(self) -> int:
        return self.count

    def box(self, tag: int) -> bytes | None:
        """Data of the box with this tag, or None."""
        return next((box.data for box in self.boxes if box.tag == tag), None)

    @property
    def units(self) -> int:
        """Groups of images."""
        return -(-self.count // self.group)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Name of each image, or None if the pack has none."""
        data = self.box(Tag.NAMES)
        return None if data is None else _unpack_names(data, self.count)

    @property
    def labels(self) -> "array[int] | None":
        """Label of each image, or None if the pack has none."""
        data = self.box(Tag.LABELS)
        return None if data is None else _unpack_labels(data, self.count)

    @cached_property
    def metadata(self) -> tuple[tuple[Box, ...], ...]:
        """The boxes of each image (colour profile, EXIF, alpha, …); none where the pack keeps none."""
        data = self.box(Tag.METADATA)
        return ((),) * self.count if data is None else unpack_metadata(data, self.count)

    def size(self, image: int) -> tuple[int, int]:
        """Width and height of an image, px."""
        self.locate(image)
        if self._sizes is None:
            return self.header.width, self.header.height
        return self._sizes.widths[image], self._sizes.heights[image]

    def locate(self, image: int) -> tuple[int, int]:
        """Group that holds an image, and the image's place in it."""
        if not 0 <= image < self.count:
            raise IndexError(f"image {image} of {self.count}")
        return divmod(image, self.group)

    def images(self, unit: int) -> range:
        """Numbers of the images in a group."""
        return range(unit * self.group, min((unit + 1) * self.group, self.count))

    def passes(self, unit: int) -> list[bytes]:
        """The passes of a group, verified with their block. Raises: ChecksumError, TruncatedError naming the images."""
        if not 0 <= unit < self.units:
            raise IndexError(f"group {unit} of {self.units}")
        first = unit * self.header.passes
        self._verify(first // self.index.run)
        edges = [self.layout.payload + start for start in self.index.starts[first : first + self.header.passes + 1]]
        return [bytes(self.data[start:end]) for start, end in pairwise(edges)]

    def damaged(self) -> list[range]:
        """Images whose blocks are damaged or missing, one range for each block."""
        out = []
        for block in range(len(self.index.checks)):
            try:
                self._verify(block)
            except (ChecksumError, TruncatedError):
                out.append(self._block_images(block))
        return out

    def _block_images(self, block: int) -> range:
        step = self.index.run // self.header.passes * self.group
        return range(block * step, min((block + 1) * step, self.count))

    def _verify(self, block: int) -> None:
        if block in self._verified:
            return
        start, end = (self.layout.payload + offset for offset in self.index.span(block))
        images = self._block_images(block)
        if end > len(self.data):
            raise TruncatedError(f"images {images[0]} to {images[-1]} lie behind the end of the data; fetch it again")
        if check(bytes(self.data[start:end])) != self.index.checks[block]:
            raise ChecksumError(f"images {images[0]} to {images[-1]} are damaged; fetch the file again")
        self._verified.add(block)


def read_pack(data: Sliceable, *, allow_truncated: bool = False, max_pixels: int = DEFAULT_MAX_PIXELS) -> Pack:
    """Open a pack; arguments and errors as for `read`, `max_pixels` being that of a group of images."""
    head = unpack_head(data)
    if not head.images:
        raise UnsupportedError("one picture, not a pack; use `roundel decode`, or `container.read`")
    head.header.check_pixels(max_pixels, min(head.group, head.images))
    index = read_index(data, head)
    layout = lay_out(head, index.end, index.starts[-1])
    if not allow_truncated:
        check_size(len(data), layout.end)
    boxes, lost = read_boxes(data, layout, lenient=allow_truncated)
    if any(entry.tag == Tag.SIZES for entry in lost):
        raise ChecksumError("the table of image sizes is damaged or missing; fetch the file again")
    packed = next((box.data for box in boxes if box.tag == Tag.SIZES), None)
    sizes = None if packed is None else _unpack_sizes(packed, head.header, head.images)
    return Pack(head.header, head.images, head.group, boxes, index, layout, data, sizes)


def _unpack_sizes(packed: bytes, header: Header, count: int) -> Sizes:
    raw = inflate(packed, 8 * count, "table of sizes")
    if len(raw) != 8 * count:
        raise FormatError(f"a table of sizes of {len(raw)} bytes, expected {8 * count}; the file is damaged")
    sizes = Sizes(unplanes(raw[: 4 * count], count), unplanes(raw[4 * count :], count))
    if min(map(min, sizes)) < 1 or tuple(map(max, sizes)) != (header.width, header.height):
        raise FormatError("the table of sizes does not fit the header; the file is damaged")
    return sizes


def _pack_names(names: Sequence[str], count: int) -> bytes:
    check_names(names, count)
    text = "\0".join(names).encode("utf-8", "surrogateescape")
    if len(text) > MAX_NAMES_BYTES:
        raise UnsupportedError(f"names of {len(text)} bytes, the format holds {MAX_NAMES_BYTES}")
    return deflate(text)


def _unpack_names(data: bytes, count: int) -> tuple[str, ...]:
    names = inflate(data, MAX_NAMES_BYTES, "list of names").decode("utf-8", "surrogateescape").split("\0")
    check_names(names, count)
    return tuple(names)


def check_names(names: Sequence[str], count: int) -> None:
    """Raises: FormatError unless these are different relative paths with "/" between folders, one for each image.

    They need not be paths of the system that they are unpacked on: `roundel.names` makes them such.
    """
    if len(names) != count:
        raise FormatError(f"{len(names)} names for {count} images, one each is expected")
    if len(set(names)) != count:
        raise FormatError("two images of the pack have the same name")
    for name in names:
        if "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
            raise FormatError(f"image name {name!r} is not a plain relative path with / between folders")


def _pack_labels(labels: Sequence[int], count: int) -> bytes:
    if len(labels) != count or min(labels) < 0:
        raise FormatError(f"{len(labels)} labels for {count} images; one non-negative integer each expected")
    values = [int(label) for label in labels]
    width = plane_count(values)
    return bytes([width]) + deflate(planes(values, width))


def _unpack_labels(data: bytes, count: int) -> "array[int]":
    width = data[0] if data else 0
    if not 1 <= width <= 4:
        raise FormatError(f"labels of {width} bytes, must be 1 to 4; the file is damaged")
    raw = inflate(data[1:], width * count, "list of labels")
    if len(raw) != width * count:
        raise FormatError(f"a list of labels of {len(raw)} bytes, expected {width * count}; the file is damaged")
    return unplanes(raw, count)
