"""Committed files of format version 1 parse as they always have. They are never edited: a new format adds new ones."""

from pathlib import Path

import pytest

from roundel.container import Header, read, read_pack, write, write_pack
from tests.container import cases

GOLDEN = Path(__file__).parent / "golden"

PICTURES = {
    "photo": (cases.PHOTO, [], cases.PHOTO_TILES),
    "tiled": (cases.TILED, cases.TILED_BOXES, cases.TILED_TILES),
    "constant": (cases.CONSTANT, [], [[b"\x01", b"", b"", b""]] * 256),
}


def golden(name: str) -> bytes:
    return (GOLDEN / f"v1-{name}.rndl").read_bytes()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name):
    header, boxes, tiles = PICTURES[name]
    file = read(golden(name))
    assert file.header == header
    assert sorted(file.boxes) == sorted(boxes)
    assert [file.passes(tile) for tile in range(header.tiles)] == tiles


def test_pack_of_mixed_images():
    pack = read_pack(golden("mixed"))
    assert [pack.size(k) for k in range(3)] == cases.MIXED_SIZES
    assert pack.names == tuple(cases.MIXED_NAMES)
    assert pack.labels.tolist() == cases.MIXED_LABELS
    assert [pack.passes(unit) for unit in range(pack.units)] == cases.MIXED_UNITS


def test_pack_of_equal_images():
    pack = read_pack(golden("equal"))
    assert pack.header == Header(**{**vars(cases.EQUAL_HEADER), "width": 32, "height": 32})
    assert (pack.images(249), pack.group) == (range(996, 1000), cases.EQUAL_GROUP)
    assert [pack.passes(unit) for unit in range(pack.units)] == cases.EQUAL_UNITS


@pytest.mark.parametrize("name", ["photo", "tiled"])
def test_the_writer_still_writes_them(name):
    # Without a deflated part, whose bytes depend on the zlib at hand, a file is one exact string of bytes.
    assert write(*PICTURES[name]) == golden(name)


def test_the_writer_still_writes_packs_of_the_same_content():
    again = write_pack(cases.EQUAL_HEADER, cases.EQUAL_SIZES, cases.EQUAL_UNITS, group=cases.EQUAL_GROUP)
    payload = b"".join(b"".join(unit) for unit in cases.EQUAL_UNITS)
    assert again.endswith(payload)
    assert golden("equal").endswith(payload)
