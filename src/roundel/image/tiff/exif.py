"""What a TIFF's own directory says beside its pixels, as an EXIF block, and back: both are the same structure."""

import io
from fractions import Fraction
from typing import Any

from roundel.errors import ImageError
from roundel.image import resolution
from roundel.image.resolution import Resolution
from roundel.image.tiff.directory import LONG, LONG8, Directory, Entry, Head, Tree, read_head, structure

XMP, PHOTOSHOP, ICC = 700, 34377, 34675
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, ORIENTATION = 282, 283, 296, 274
_DIRECTORIES: dict[int, Any] = {0x8769: {0xA005: {}}, 0x8825: {}}  # EXIF and in it interoperability, GPS
_LAYOUT = frozenset(
    # size, samples, compression, strips, tiles, colours of a palette, JPEG tables, other pictures of the file
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291}
    | {292, 293, 297, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333, 334, 336, 338, 339, 340, 341}
    | {343, 344, 345, 346, 347, 351, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 34016}
    | {32995, 32996, 32997, 32998, 50674, 50675}
)
_ELSEWHERE = frozenset({XMP, PHOTOSHOP, ICC, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, ORIENTATION})
MAX_BYTES = 2**26
_UNITS = {1: resolution.NONE, 2: resolution.INCH, 3: resolution.CENTIMETRE}


def to_exif(directory: Directory, file: io.BufferedIOBase | Any, head: Head) -> bytes | None:
    """An EXIF block of all that a TIFF directory holds beside pixels, resolution, profile, XMP; values to the byte.

    Raises:
        ImageError: it has more than MAX_BYTES.
    """
    tree = _tree(directory, file, head, _DIRECTORIES, _LAYOUT | _ELSEWHERE)
    return structure(tree, directory.order) if tree else None


def from_exif(exif: bytes) -> tuple[str, Tree]:
    """Byte order and tree of what an EXIF block adds to a TIFF's directory; no tags where it is damaged."""
    head = read_head(exif)
    if head is None or head.big:
        return "<", {}
    file = io.BytesIO(exif)
    try:
        return head.order, _tree(Directory(file, head, head.first), file, head, _DIRECTORIES, _LAYOUT | _ELSEWHERE)
    except ImageError:
        return head.order, {}


def exif_within(exif: bytes, limit_bytes: int) -> bytes | None:
    """An EXIF block of at most so many bytes, without its longest notes; None where nothing is left of it."""
    order, notes = from_exif(exif)
    empty = len(structure({}, order))
    sizes = {tag: len(structure({tag: found}, order)) - empty for tag, found in notes.items()}
    excess = empty + sum(sizes.values()) - limit_bytes
    tree = dict(notes)
    for tag in sorted(sizes, key=lambda tag: sizes[tag], reverse=True):
        if excess <= 0:
            break
        excess -= sizes[tag]
        del tree[tag]
    return structure(tree, order) if tree else None


def exif_resolution(exif: bytes | None) -> Resolution | None:
    """The resolution that an EXIF block notes of the picture itself."""
    head = read_head(exif or b"")
    if exif is None or head is None:
        return None
    try:
        return resolution_of(Directory(io.BytesIO(exif), head, head.first))
    except ImageError:
        return None


def resolution_of(directory: Directory) -> Resolution | None:
    """The resolution in a directory."""
    x, y = directory.rational(X_RESOLUTION), directory.rational(Y_RESOLUTION)
    unit = _UNITS.get(directory.integer(RESOLUTION_UNIT, 2), resolution.NONE)
    return resolution.resolution(x or y or Fraction(0), y or x or Fraction(0), unit)


def _tree(directory: Directory, file: Any, head: Head, branches: dict[int, Any], without: frozenset[int]) -> Tree:
    tags = [tag for tag in directory if tag not in without]
    if sum(directory.bytes_of(tag) for tag in tags) > MAX_BYTES:
        raise ImageError(f"the directory's texts and other notes have more than {MAX_BYTES} bytes")
    tree: dict[int, Any] = {}
    for tag in tags:
        if tag in branches:
            try:
                below = Directory(file, head, directory.integer(tag, 0))
                tree[tag] = _tree(below, file, head, branches[tag], frozenset())
            except ImageError:  # a pointer to nowhere must not cost the picture
                continue
        elif (entry := _classic(directory.entry(tag), directory.order)) is not None:
            tree[tag] = entry
    return {tag: found for tag, found in tree.items() if found}


def _classic(entry: Entry, order: str) -> Entry | None:
    """A BigTIFF's entry with a type that TIFF has; None if a value does not fit."""
    if entry.kind < LONG8:
        return entry
    endian: Any = "little" if order == "<" else "big"
    values = [int.from_bytes(entry.data[at : at + 8], endian) for at in range(0, len(entry.data), 8)]
    if max(values) >= 2**32:
        return None
    return Entry(LONG, entry.length, b"".join(value.to_bytes(4, endian) for value in values))
