"""Pieces that all sections are made of: cautious reading, varints, checks, byte planes, bounded inflation."""

import zlib
from binascii import crc_hqx
from dataclasses import dataclass

from roundel.container.source import Sliceable
from roundel.errors import FormatError, TruncatedError

LONG = 4096  # bytes from which a check has 32 bits; up to here CRC-16 finds every one- and two-bit error


def check_bytes(length: int) -> int:
    """Width of the check of a section of `length` bytes: 0, 2 or 4."""
    return 0 if length == 0 else 2 if length < LONG else 4


def check(data: bytes) -> int:
    """Check of a section: CRC-16 (CCITT, initial 0xFFFF) if it is shorter than 4096 bytes, else CRC-32 of zlib."""
    width = check_bytes(len(data))
    return 0 if width == 0 else crc_hqx(data, 0xFFFF) if width == 2 else zlib.crc32(data)


def pack_check(data: bytes) -> bytes:
    """The check as it stands in a file, little-endian."""
    return check(data).to_bytes(check_bytes(len(data)), "little")


def pack_varint(value: int) -> bytes:
    """Unsigned LEB128: seven bits a byte, low ones first, high bit set on all but the last."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@dataclass
class Cursor:
    """A place in `data` that moves on as fields are read, and never past the end."""

    data: Sliceable
    at: int = 0

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes. Raises: TruncatedError, before anything is allocated, if there are fewer."""
        end = self.at + count
        if end > len(self.data):
            raise TruncatedError(
                f"the data end at byte {len(self.data)}, within the {what}, which goes on to byte {end}; "
                "fetch the whole file again"
            )
        start, self.at = self.at, end
        return bytes(self.data[start:end])

    def uint(self, count: int, what: str) -> int:
        """The next `count` bytes as a little-endian integer."""
        return int.from_bytes(self.take(count, what), "little")

    def varint(self, maximum: int, what: str) -> int:
        """The next varint. Raises: FormatError if it exceeds `maximum` or is longer than it need be."""
        value = shift = 0
        while True:
            byte = self.uint(1, what)
            value |= (byte & 0x7F) << shift
            if value > maximum:
                raise FormatError(f"{what} is more than {maximum}; the file is damaged")
            if byte < 0x80:
                if byte == 0 and shift:
                    raise FormatError(f"{what} is written in more bytes than it needs; the file is damaged")
                return value
            shift += 7
            if shift > 63:
                raise FormatError(f"{what} has no end; the file is damaged")


def deflate(data: bytes) -> bytes:
    """Raw deflate (RFC 1951)."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return coder.compress(data) + coder.flush()


def inflate(data: bytes, limit: int, what: str) -> bytes:
    """Inverse of `deflate`. Raises: FormatError if the result exceeds `limit` bytes or the stream is not whole."""
    coder = zlib.decompressobj(-15)
    try:
        out = coder.decompress(data, limit + 1)
    except zlib.error as error:
        raise FormatError(f"the {what} does not inflate ({error}); the file is damaged") from None
    if len(out) > limit:
        raise FormatError(f"the {what} inflates to more than the {limit} bytes allowed; the file is damaged")
    if not coder.eof or coder.unused_data:
        raise FormatError(f"the {what} is not one whole deflate stream; the file is damaged")
    return out
