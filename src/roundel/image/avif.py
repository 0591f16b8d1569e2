"""What an AVIF file says of its picture that Pillow does not tell: bits of a sample, colour, a gain map.

Source: ISO/IEC 14496-12 (boxes), 23008-12 (items and their properties); AV1 Image File Format 1.2.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_META_BYTES = 2**24


class Facts(NamedTuple):
    """Args: depth: bits of a sample of the picture. cicp: PNG's cICP of its colours. gain_map: whether it has one."""

    depth: int = 8
    cicp: bytes | None = None
    gain_map: bool = False


def read_facts(file: BinaryIO) -> Facts:
    """Facts of the primary item; those of a plain 8-bit picture where the file does not say them."""
    file.seek(0)
    try:
        meta = _meta(file)
        boxes = dict(_boxes(meta[4:]))
        primary = _primary(boxes.get(b"pitm", b""))
        properties = dict(enumerate(_boxes(dict(_boxes(boxes.get(b"iprp", b""))).get(b"ipco", b"")), 1))
        associated = _associated(dict(_boxes(boxes.get(b"iprp", b""))).get(b"ipma", b""), primary)
    except (struct.error, IndexError):
        return Facts()
    facts = Facts(gain_map=b"tmap" in boxes.get(b"iinf", b""))
    own = [properties[number] for number in associated if number in properties] or list(properties.values())
    for kind, content in own:
        if kind == b"av1C" and len(content) >= 3:
            high, twelve = content[2] & 0x40, content[2] & 0x20
            facts = facts._replace(depth=max(facts.depth, 12 if high and twelve else 10 if high else 8))
        elif kind == b"pixi" and len(content) >= 6:
            facts = facts._replace(depth=max(facts.depth, *content[5 : 5 + content[4]]))
        elif kind == b"colr" and content[:4] == b"nclx" and len(content) >= 11:
            primaries, transfer = struct.unpack_from(">HH", content, 4)
            if primaries < 256 and transfer < 256 and (primaries, transfer) not in ((1, 13), (2, 2)):
                facts = facts._replace(cicp=bytes([primaries, transfer, 0, 1]))  # samples come as RGB, full range
    return facts


def _meta(file: BinaryIO) -> bytes:
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        length = length - 8 if length != 1 else struct.unpack(">Q", file.read(8))[0] - 16
        if kind == b"meta":
            return file.read(min(max(length, 0), _META_BYTES))
        if length < 0:
            break
        file.seek(length, 1)
    raise IndexError


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        length = length or len(data) - at
        if length < 8:
            return
        yield kind, data[at + 8 : at + length]
        at += length


def _primary(content: bytes) -> int:
    return int(struct.unpack_from(">I" if content[0] else ">H", content, 4)[0])


def _associated(content: bytes, item: int) -> list[int]:
    """Numbers of the properties of an item."""
    version, wide = content[0], content[3] & 1
    (count,) = struct.unpack_from(">I", content, 4)
    at = 8
    for _ in range(count):
        (found,) = struct.unpack_from(">I" if version else ">H", content, at)
        at += 4 if version else 2
        number = content[at]
        at += 1
        size = 2 if wide else 1
        values = [int.from_bytes(content[at + size * i : at + size * (i + 1)], "big") for i in range(number)]
        at += size * number
        if found == item:
            return [value & (0x7FFF if wide else 0x7F) for value in values]
    return []
