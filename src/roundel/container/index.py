"""The index: where each cell of the payload lies, and the checks. A cell is one pass of one tile, or of one group.

Plain Python on purpose: `info` reads an index without waiting for numpy, and four million cells take a second or two.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from roundel.container.format import MAX_CELLS
from roundel.container.sections import Cursor, check, check_bytes, deflate, inflate, pack_check, pack_varint
from roundel.container.source import Sliceable
from roundel.errors import ChecksumError, FormatError, UnsupportedError


class Index(NamedTuple):
    """Places and checks of the payload.

    Args:
        starts: cells + 1 offsets of the cells from the payload's first byte; the last is the payload's length.
        checks: one for each run of `run` consecutive cells (the last run may be shorter).
        run: cells per check. end: offset in the file of the first byte after the index.
    """

    starts: "array[int]"
    checks: "array[int]"
    run: int
    end: int

    def span(self, run: int) -> tuple[int, int]:
        """First and last + 1 byte of a run, from the payload's first byte."""
        return self.starts[run * self.run], self.starts[min((run + 1) * self.run, len(self.starts) - 1)]


def planes(values: Iterable[int], width: int) -> bytes:
    """Unsigned integers as `width` planes of bytes: the low byte of each, then the next byte of each, and so on."""
    data = _little_endian(array("Q", values)).tobytes()
    return b"".join(data[place::8] for place in range(width))


def unplanes(data: bytes, count: int) -> "array[int]":
    """Inverse of `planes`: `count` numbers."""
    spread = bytearray(8 * count)
    for place in range(len(data) // count):
        spread[place::8] = data[place * count : (place + 1) * count]
    values = array("Q")
    values.frombytes(spread)
    return _little_endian(values)


def _little_endian(values: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        values.byteswap()
    return values


def plane_count(values: Sequence[int]) -> int:
    """Least width that holds all values: 1 to 4. Raises: UnsupportedError from 2^32 on."""
    largest = max(values, default=0)
    if largest >= 2**32:
        raise UnsupportedError(f"{largest} is more than a length or label of the format holds, 2^32 - 1")
    return max(1, (largest.bit_length() + 7) // 8)


def check_cells(cells: int) -> None:
    """Raises: UnsupportedError if there are more cells than an index may have."""
    if cells > MAX_CELLS:
        raise UnsupportedError(f"{cells} tiles × passes, the format holds {MAX_CELLS}; use larger tiles")


class PackedLengths(NamedTuple):
    """Lengths as they stand in a file."""

    data: bytes
    width: int
    deflated: bool


def pack_lengths(lengths: Sequence[int]) -> PackedLengths:
    """Lengths of all cells as byte planes, deflated where that is shorter."""
    check_cells(len(lengths))
    width = plane_count(lengths)
    raw = planes(lengths, width)
    packed = deflate(raw) if len(raw) >= 64 else raw
    small = pack_varint(len(packed)) + packed
    return PackedLengths(small, width, True) if len(small) < len(raw) else PackedLengths(raw, width, False)


def seal(head: bytes, lengths: PackedLengths, runs: Sequence[bytes]) -> bytes:
    """Header section + index: lengths, a check for each run of the payload, and a check of all before."""
    return seal_checks(head, lengths, b"".join(pack_check(run) for run in runs))


def seal_checks(head: bytes, lengths: PackedLengths, checks: bytes) -> bytes:
    """The same from the checks as they stand in the file."""
    out = head + lengths.data + checks
    return out + pack_check(out)


def unpack_index(data: Sliceable, at: int, *, cells: int, run: int, width: int, deflated: bool) -> Index:
    """Read the index that starts at byte `at` of a file.

    Args: cells: tiles × passes, or groups × passes. run: cells per check. width, deflated: from the header section.
    Raises: UnsupportedError, TruncatedError, FormatError, ChecksumError.
    """
    check_cells(cells)
    cursor = Cursor(data, at)
    if deflated:
        packed = cursor.take(cursor.varint(cells * width, "index length"), "index")
        raw = inflate(packed, cells * width, "index")
        if len(raw) != cells * width:
            raise FormatError(f"the index inflates to {len(raw)} bytes, expected {cells * width}; the file is damaged")
    else:
        raw = cursor.take(cells * width, "index")
    starts = array("Q", accumulate(unplanes(raw, cells), initial=0))
    edges = [*starts[:-1:run], starts[-1]]
    widths = [check_bytes(after - before) for before, after in pairwise(edges)]
    raw = cursor.take(sum(widths), "index")
    ends = accumulate(widths)
    checks = array(
        "L", (int.from_bytes(raw[end - width : end], "little") for width, end in zip(widths, ends, strict=True))
    )
    content = bytes(data[: cursor.at])
    found, expected = check(content), cursor.uint(check_bytes(len(content)), "index")
    if found != expected:
        raise ChecksumError(f"the index is damaged: its check is {found:#x}, expected {expected:#x}; fetch it again")
    return Index(starts, checks, run, cursor.at)
