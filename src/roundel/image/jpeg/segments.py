"""The segments of a JPEG file before its first scan.

Source: ITU-T T.81, annex B.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

APP0, APP1, APP2, APP13, COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xFE
MAX_BYTES = 65_533
"""Of a segment's content."""
JFIF = b"JFIF\0"
EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PROFILE = b"ICC_PROFILE\0"
PHOTOSHOP = b"Photoshop 3.0\0"
GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
PICTURES = b"MPF\0"
_SCAN, _ALONE = 0xDA, (0x01, *range(0xD0, 0xDA))


class Segment(NamedTuple):
    """A segment. Args: whole: with marker and length. place: offset of the content in the file."""

    marker: int
    content: bytes
    whole: bytes
    place: int

    @property
    def name(self) -> str:
        """APP0 … APP15, or the marker's number."""
        return f"APP{self.marker - APP0}" if APP0 <= self.marker <= APP0 + 15 else f"{self.marker:#04x}"


def split(data: bytes) -> tuple[list[Segment], int]:
    """The segments before the first scan, and where what follows them begins."""
    out: list[Segment] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN or marker in _ALONE or end < at + 4 or end > len(data):
            break
        out.append(Segment(marker, data[at + 4 : end], data[at:end], at + 4))
        at = end
    return out, at


def joined(segments: Sequence[Segment], marker: int, start: bytes) -> bytes | None:
    """What the segments of a kind hold together, without the words that each starts with; None without any."""
    chosen = [found.content for found in segments if found.marker == marker and found.content.startswith(start)]
    return b"".join(content[len(start) :] for content in chosen) or None


def profile_of(segments: Sequence[Segment]) -> bytes | None:
    """The colour profile, whose parts each have their number and how many there are."""
    chosen = [found.content[len(PROFILE) :] for found in segments if found.content.startswith(PROFILE)]
    return b"".join(part[2:] for part in sorted(chosen, key=lambda part: part[:1])) or None


def segment(marker: int, content: bytes) -> bytes:
    """A segment of at most MAX_BYTES."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def segments_of(marker: int, start: bytes, content: bytes) -> list[bytes]:
    """As many segments as the content needs, each with the same start."""
    step = MAX_BYTES - len(start)
    return [segment(marker, start + content[at : at + step]) for at in range(0, len(content), step)]
