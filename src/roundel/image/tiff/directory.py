"""Directories of a TIFF structure (a TIFF or BigTIFF file, an EXIF block): reading them, laying new ones out.

Values stay bytes in the structure's byte order, so that what nobody here understands is copied as it is.

Source: Adobe, TIFF Revision 6.0, section 2; the BigTIFF extension of libtiff.
"""

import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from roundel.errors import ImageError

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
MAX_ENTRIES = 4096
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}


class Head(NamedTuple):
    """The first bytes of a TIFF structure. Args: order: "<" or ">". big: a BigTIFF. first: offset of a directory."""

    order: str
    big: bool
    first: int


class Entry(NamedTuple):
    """A value of a directory. Args: kind: TIFF's type. length: values. data: their bytes, in the directory's order."""

    kind: int
    length: int
    data: bytes


Tree = Mapping[int, Any]
"""Tags of a directory, each with its Entry, or with the Tree of the directory that it points to."""


class _Place(NamedTuple):
    kind: int
    length: int
    offset: int


class Directory:
    """A directory of a file; values are read when they are asked for.

    Args:
        file: seekable. head: of the structure. offset: where the directory begins.

    Raises:
        ImageError: it does not lie within the file. An entry whose value does not is left out.
    """

    def __init__(self, file: BinaryIO, head: Head, offset: int) -> None:
        self.order, self._file = head.order, file
        self._word, self._entry_bytes = ("Q", 20) if head.big else ("I", 12)
        self._size = file.seek(0, 2)
        try:
            file.seek(offset)
            (count,) = struct.unpack(head.order + ("Q" if head.big else "H"), file.read(8 if head.big else 2))
        except (struct.error, OverflowError, ValueError) as error:
            raise ImageError(f"the file ends before the TIFF directory at byte {offset}") from error
        if count > MAX_ENTRIES:
            raise ImageError(f"a TIFF directory of {count} entries: damaged, {MAX_ENTRIES} are accepted")
        self._at = file.tell()
        self._table = file.read(count * self._entry_bytes)
        if len(self._table) < count * self._entry_bytes:
            raise ImageError(f"the file ends within the TIFF directory at byte {offset}")
        self._tags = np.frombuffer(self._table, head.order + "u2")[:: self._entry_bytes // 2]
        self.next = int.from_bytes(file.read(8 if head.big else 4), "little" if head.order == "<" else "big")
        """Offset of the next directory, 0 after the last."""

    def __len__(self) -> int:
        return len(self._tags)

    def __contains__(self, tag: int) -> bool:
        return self._place(tag) is not None

    def __iter__(self) -> Iterator[int]:
        return (int(tag) for tag in self._tags if int(tag) in self)

    def _place(self, tag: int) -> _Place | None:
        """Where a value lies; None where the tag is not there, or its value not within the file."""
        found = np.flatnonzero(self._tags == tag)
        if not len(found):
            return None
        start = int(found[0]) * self._entry_bytes
        kind, length = struct.unpack_from(f"{self.order}H{self._word}", self._table, start + 2)
        bytes_, room = length * _TYPE_BYTES.get(kind, 0), struct.calcsize(self._word)
        value_at = start + self._entry_bytes - room
        if bytes_ <= room:
            place = self._at + value_at
        else:
            (place,) = struct.unpack_from(self.order + self._word, self._table, value_at)
        return _Place(kind, length, place) if 0 < bytes_ <= self._size - place else None

    def bytes_of(self, tag: int) -> int:
        """Length of a value; 0 where the tag is not there."""
        place = self._place(tag)
        return 0 if place is None else place.length * _TYPE_BYTES[place.kind]

    def entry(self, tag: int) -> Entry:
        """A value as it stands. Raises: KeyError."""
        place = self._place(tag)
        if place is None:
            raise KeyError(tag)
        self._file.seek(place.offset)
        return Entry(place.kind, place.length, self._file.read(place.length * _TYPE_BYTES[place.kind]))

    def data(self, tag: int) -> bytes | None:
        """The bytes of a value; None where the tag is not there."""
        return self.entry(tag).data if tag in self else None

    def integers(self, tag: int) -> np.ndarray | None:
        """A value of integers, (count,), int64; None where the tag is not there, or is of another type."""
        entry = self.entry(tag) if tag in self else None
        if entry is None or entry.kind not in _INTEGERS:
            return None
        return np.frombuffer(entry.data, self.order + _INTEGERS[entry.kind]).astype(np.int64)

    def integer(self, tag: int, default: int) -> int:
        """The first integer of a value."""
        values = self.integers(tag)
        return default if values is None else int(values[0])

    def rational(self, tag: int) -> Fraction | None:
        """A value of one fraction; None where it is not there or divides by zero."""
        entry = self.entry(tag) if tag in self else None
        if entry is None or entry.kind != RATIONAL:
            return None
        numerator, denominator = struct.unpack_from(self.order + "II", entry.data)
        return Fraction(numerator, denominator) if denominator else None


def read_head(start: bytes) -> Head | None:
    """The head of a TIFF structure from its first 16 bytes; None for anything else."""
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 8:
        return None
    (magic,) = struct.unpack_from(order + "H", start, 2)
    if magic == 42:
        return Head(order, False, *struct.unpack_from(order + "I", start, 4))
    if magic == 43 and len(start) >= 16:
        return Head(order, True, *struct.unpack_from(order + "Q", start, 8))
    return None


def lay_out(tree: Tree, order: str, at: int, *, big: bool = False) -> bytes:
    """The bytes of a directory and of all that it points to.

    Args:
        tree: tags to entries in this byte order, or to trees.
        order: "<" or ">".
        at: offset, even, that the first byte will have in the structure.
        big: whether it is a BigTIFF.
    """
    word, count_word, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    table = struct.pack(order + count_word, len(tree))
    values = bytearray()
    values_at = at + len(table) + len(tree) * (20 if big else 12) + room
    for tag in sorted(tree):
        found = tree[tag]
        if isinstance(found, Entry):
            kind, count, data = found
            fits = len(data) <= room
        else:
            kind, count, fits = (LONG8 if big else LONG), 1, False
            data = lay_out(found, order, values_at + len(values), big=big)
        table += struct.pack(f"{order}HH{word}", tag, kind, count)
        if fits:
            table += data.ljust(room, b"\0")
        else:
            table += struct.pack(order + word, values_at + len(values))
            values += data + bytes(len(data) % 2)
    return table + bytes(room) + bytes(values)


def structure(tree: Tree, order: str) -> bytes:
    """A whole TIFF structure of one directory, such as an EXIF block."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + lay_out(tree, order, 8)


def integers(order: str, kind: int, *values: int) -> Entry:
    """An entry of integers."""
    return Entry(kind, len(values), np.asarray(values, order + _INTEGERS[kind]).tobytes())


def fraction(order: str, value: Fraction) -> Entry:
    """An entry of one fraction, as near as its 32-bit terms allow."""
    nearest = value.limit_denominator(1_000_000) if value.denominator > 1_000_000 else value
    return Entry(RATIONAL, 1, struct.pack(order + "II", min(nearest.numerator, 2**32 - 1), nearest.denominator))
