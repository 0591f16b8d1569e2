"""The chunks of a PNG file: splitting a file into them, writing them.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition, chapter 5.
"""

import io
import struct
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from roundel.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Chunk(NamedTuple):
    """A chunk. Args: content: of all but those with pixels. whole: with length and check."""

    kind: bytes
    content: bytes
    whole: memoryview


class Header(NamedTuple):
    """The chunk IHDR. Args: width, height: px. depth: bits of a sample. colour_type: PNG's number."""

    width: int
    height: int
    depth: int
    colour_type: int


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}


def split(data: memoryview) -> list[Chunk]:
    """All chunks of a file, IEND included; without it where the file ends after a whole chunk.

    Raises:
        ImageError: the file ends within a chunk, or the check of one does not match.
    """
    out: list[Chunk] = []
    at = len(SIGNATURE)
    while at + 8 <= len(data) and (not out or out[-1].kind != b"IEND"):
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        end = at + 8 + length
        if end + 4 > len(data):
            raise ImageError(f"truncated: the file ends within a chunk {kind!r}; get a whole copy of it")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ImageError(f"damaged: the check of the chunk {kind!r} does not match; get a whole copy of the file")
        content = b"" if kind in (b"IDAT", b"fdAT") else bytes(data[at + 8 : end])
        out.append(Chunk(kind, content, data[at : end + 4]))
        at = end + 4
    return out


def header_of(chunks: list[Chunk]) -> Header:
    """The header, which is the first chunk. Raises: ImageError."""
    if not chunks or chunks[0].kind != b"IHDR" or len(chunks[0].content) != 13:
        raise ImageError("damaged: a PNG without a header; get a whole copy of the file")
    header = Header(*struct.unpack_from(">IIBB", chunks[0].content))
    if header.depth not in _DEPTHS.get(header.colour_type, ()):
        found = f"colour type {header.colour_type} with {header.depth} bits"
        raise ImageError(f"damaged: a PNG of {found}; get a whole copy of the file")
    return header


class Pieces(io.RawIOBase):
    """A file of pieces of memory one after the other, none of them copied."""

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._starts = [0, *accumulate(map(len, pieces))]
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        self._at = offset + (0, self._at, self._starts[-1])[whence]
        return self._at

    def tell(self) -> int:
        """As of any file."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """As of any file; up to the end of a piece."""
        if self._at >= self._starts[-1]:
            return 0
        number = bisect_right(self._starts, self._at) - 1
        within = self._at - self._starts[number]
        part = self._pieces[number][within : within + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG: length, type, content, check."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
