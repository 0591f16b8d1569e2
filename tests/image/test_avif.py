"""Facts of AVIF files, built box by box from ISO/IEC 14496-12 and 23008-12."""

import io
import struct

import pytest

from roundel.image.avif import Facts, read_facts


def box(kind: bytes, content: bytes, *, large: bool = False) -> bytes:
    if large:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


def av1c(bits: int) -> bytes:
    return box(b"av1C", bytes([0x81, 0, {8: 0, 10: 0x40, 12: 0x60}[bits], 0]))


def nclx(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, 6, 0x80))


def avif(
    properties: list[bytes],
    associations: dict[int, list[int]],
    *,
    primary: int = 1,
    items: bytes = b"",
    version: int = 0,
    wide: int = 0,
    before: bytes = b"",
) -> io.BytesIO:
    """A file with these properties, numbered from 1. Args: associations: item -> numbers of its properties."""
    table = b""
    for item, numbers in associations.items():
        table += struct.pack(">IB" if version else ">HB", item, len(numbers))
        table += b"".join(struct.pack(">H" if wide else ">B", n | (0x8000 if wide else 0x80)) for n in numbers)
    ipma = box(b"ipma", bytes([version, 0, 0, wide]) + struct.pack(">I", len(associations)) + table)
    iprp = box(b"iprp", box(b"ipco", b"".join(properties)) + ipma)
    meta = bytes(4) + box(b"pitm", bytes(4) + struct.pack(">H", primary)) + box(b"iinf", bytes(4) + items) + iprp
    return io.BytesIO(box(b"ftyp", b"avif\0\0\0\0") + before + box(b"meta", meta))


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("wide", [0, 1])
def test_bits_are_those_of_the_primary_item(bits: int, version: int, wide: int) -> None:
    # item 2, a thumbnail or alpha, has other bits
    properties = [av1c(8 if bits > 8 else 12), av1c(bits)]
    file = avif(properties, {2: [1], 1: [2]}, version=version, wide=wide)
    assert read_facts(file).depth == bits


def test_bits_of_a_grid_are_in_pixi() -> None:
    assert read_facts(avif([box(b"pixi", bytes(4) + bytes([3, 10, 10, 10]))], {1: [1]})).depth == 10


def test_without_associations_all_properties_count() -> None:
    assert read_facts(avif([av1c(8), av1c(10)], {})).depth == 10


def test_colours_and_gain_maps() -> None:
    assert read_facts(avif([nclx(9, 16)], {1: [1]})).cicp == bytes([9, 16, 0, 1])
    for taken_for_granted in ((1, 13), (2, 2)):
        assert read_facts(avif([nclx(*taken_for_granted)], {1: [1]})).cicp is None
    assert read_facts(avif([], {}, items=b"....tmap....")).gain_map
    assert not read_facts(avif([], {})).gain_map


def test_boxes_before_it_are_skipped_whatever_their_size() -> None:
    for large in (False, True):
        file = avif([av1c(12)], {1: [1]}, before=box(b"mdat", bytes(5000), large=large))
        assert read_facts(file).depth == 12


def test_damage_gives_facts_or_none_and_always_ends() -> None:
    whole = avif([av1c(10), nclx(9, 16)], {1: [1, 2]}).getvalue()
    for place in range(len(whole)):
        for value in (0, 1, 0xFF):
            changed = whole[:place] + bytes([value]) + whole[place + 1 :]
            assert isinstance(read_facts(io.BytesIO(changed)), Facts)
        assert isinstance(read_facts(io.BytesIO(whole[:place])), Facts)
