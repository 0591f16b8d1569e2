"""The index: where each cell of the payload lies, and the checks. A cell is one pass of one tile, or of one group."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from roundel.container.format import MAX_CELLS
from roundel.container.sections import LONG, Cursor, check, check_bytes, deflate, inflate, pack_check, pack_varint
from roundel.errors import ChecksumError, FormatError, UnsupportedError


class Index(NamedTuple):
    """Places and checks of the payload.

    Args:
        starts: int64 (cells + 1,), offset of each cell from the payload's first byte; the last is the payload's length.
        checks: uint32 (runs,), one check for each run of `run` consecutive cells (the last run may be shorter).
        run: cells per check. end: offset in the file of the first byte after the index.
    """

    starts: np.ndarray
    checks: np.ndarray
    run: int
    end: int

    def span(self, run: int) -> tuple[int, int]:
        """First and last + 1 byte of a run, from the payload's first byte."""
        cells = len(self.starts) - 1
        return int(self.starts[run * self.run]), int(self.starts[min((run + 1) * self.run, cells)])


def planes(values: np.ndarray, width: int) -> bytes:
    """Unsigned integers as `width` planes of bytes: the low byte of each, then the next byte of each, and so on."""
    return np.ascontiguousarray(values.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :width].T).tobytes()


def unplanes(data: bytes, count: int) -> np.ndarray:
    """Inverse of `planes`: int64 (count,)."""
    bytes_ = np.frombuffer(data, np.uint8).reshape(-1, count)
    values = np.zeros(count, np.int64)
    for place, plane in enumerate(bytes_):
        values |= plane.astype(np.int64) << 8 * place
    return values


def plane_count(values: np.ndarray) -> int:
    """Least width that holds all values: 1 to 4. Raises: UnsupportedError from 2^32 on."""
    width = max(1, (int(values.max(initial=0)).bit_length() + 7) // 8)
    if width > 4:
        raise UnsupportedError(f"a section of {int(values.max())} bytes, the format holds fewer than 2^32")
    return width


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
    values = np.asarray(lengths, dtype=np.int64)
    check_cells(len(values))
    width = plane_count(values)
    raw = planes(values, width)
    packed = deflate(raw) if len(raw) >= 64 else raw
    small = pack_varint(len(packed)) + packed
    return PackedLengths(small, width, True) if len(small) < len(raw) else PackedLengths(raw, width, False)


def seal(head: bytes, lengths: PackedLengths, runs: Sequence[bytes]) -> bytes:
    """Header section + index: lengths, a check for each run of the payload, and a check of all before."""
    out = head + lengths.data + b"".join(pack_check(run) for run in runs)
    return out + pack_check(out)


def unpack_index(data: bytes, at: int, *, cells: int, run: int, width: int, deflated: bool) -> Index:
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
    starts = np.zeros(cells + 1, np.int64)
    np.cumsum(unplanes(raw, cells), out=starts[1:])
    bounds = np.append(starts[:-1:run], starts[-1])
    checks = _read_checks(cursor, np.diff(bounds))
    content = bytes(data[: cursor.at])
    found, expected = check(content), cursor.uint(check_bytes(len(content)), "index")
    if found != expected:
        raise ChecksumError(f"the index is damaged: its check is {found:#x}, expected {expected:#x}; fetch it again")
    return Index(starts, checks, run, cursor.at)


def _read_checks(cursor: Cursor, lengths: np.ndarray) -> np.ndarray:
    """One check for each length, as wide as `check_bytes` says: uint32 (runs,)."""
    widths = np.where(lengths == 0, 0, np.where(lengths < LONG, 2, 4))
    ends = np.cumsum(widths)
    raw = np.frombuffer(cursor.take(int(ends[-1]), "index"), np.uint8).astype(np.uint32)
    checks = np.zeros(len(lengths), np.uint32)
    for place in range(4):
        has = widths > place
        checks[has] |= raw[(ends - widths)[has] + place] << np.uint32(8 * place)
    return checks
