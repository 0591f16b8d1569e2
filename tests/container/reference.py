"""A decoder of the container written from docs/format.md alone: standard library, no shared code, no mercy."""

import zlib
from typing import NamedTuple


class Parsed(NamedTuple):
    """A file: header fields in their order, box data by tag, passes of each tile or group."""

    fields: tuple[int | bytes, ...]
    boxes: dict[int, bytes]
    passes: list[list[bytes]]


def crc16(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ (0x1021 if register & 0x8000 else 0)) & 0xFFFF
    return register


def checked(data: bytes) -> bytes:
    """The bytes of a section's check."""
    if len(data) < 4096:
        return crc16(data).to_bytes(2, "little") if data else b""
    return zlib.crc32(data).to_bytes(4, "little")


def parse(data: bytes) -> Parsed:
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        assert at <= len(data)
        return data[at - count : at]

    def uint(count: int) -> int:
        return int.from_bytes(take(count), "little")

    def varint() -> int:
        byte = uint(1)
        return byte if byte < 128 else byte - 128 + 128 * varint()

    assert take(8) == bytes.fromhex("89524E440D0A1A0A")
    assert uint(1) == 1
    flags = uint(2)
    assert flags >> 14 == 0
    passes, width_bytes, packed = (flags >> 5 & 15) + 1, (flags >> 9 & 3) + 1, flags >> 13 & 1
    model, weights, width, height = varint(), take(8), varint(), varint()
    if packed:
        images, group = varint(), varint()
        units, run = -(-images // group), max(1, 256 // group) * passes
        shape: tuple[int, ...] = (images, group)
    else:
        code = uint(1)
        side = (2 * (code >> 4) + 1) << (code & 15)
        units, run, shape = -(-width // side) * -(-height // side), 1, (side,)
    fields = (
        flags & 7,
        flags >> 3 & 1,
        flags >> 4 & 1,
        passes,
        model,
        weights,
        width,
        height,
        *shape,
        uint(1),
        uint(4),
    )
    directory = []
    for _ in range(varint() if flags >> 12 & 1 else 0):
        tag, length = uint(1), varint()
        directory.append((tag, length, take(0 if length == 0 else 2 if length < 4096 else 4)))
    assert checked(data[:at]) == take(2 if at < 4096 else 4)

    cells = units * passes
    lengths_raw = zlib.decompress(take(varint()), -15) if flags >> 11 & 1 else take(cells * width_bytes)
    assert len(lengths_raw) == cells * width_bytes
    lengths = [int.from_bytes(lengths_raw[cell::cells], "little") for cell in range(cells)]
    runs = [sum(lengths[cell : cell + run]) for cell in range(0, cells, run)]
    checks = [take(0 if length == 0 else 2 if length < 4096 else 4) for length in runs]
    assert checked(data[:at]) == take(2 if at < 4096 else 4)

    boxes = {}
    for trailing in (0, 0x40):
        if trailing:
            payload_at = at
            content = [take(length) for length in lengths]
            assert [checked(b"".join(content[i : i + run])) for i in range(0, cells, run)] == checks
            assert at == payload_at + sum(lengths)
        for tag, length, check in directory:
            if tag & 0x40 == trailing:
                boxes[tag] = take(length)
                assert checked(boxes[tag]) == check
    assert at == len(data)
    rows = [content[u * passes : (u + 1) * passes] if packed else content[u::units] for u in range(units)]
    return Parsed(fields, boxes, rows)
