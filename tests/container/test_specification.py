"""docs/format.md and the code agree: its example, its tables, and a decoder written from it alone."""

import re
from pathlib import Path

import pytest

from roundel.container import Header, Kind, Tag, write
from roundel.container.format import MAX_BOXES, MAX_CELLS, MAX_PASSES, MAX_SIDE, tile_side
from tests.container import cases, reference
from tests.container.test_golden import PICTURES, golden

TEXT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


def test_the_example_to_the_byte():
    block = TEXT.split("## Example")[1].split("```")[1]
    example = bytes.fromhex("".join(re.match(r"(?:[0-9A-F]{2} )*", line + " ").group() for line in block.splitlines()))
    header = Header(Kind.LOSSLESS, 2, bytes(8), 1, 1, 1, 8, 100, 64, 1, 0x12345678)
    assert write(header, [], [[b"\x5a"]]) == example


def test_the_table_of_boxes():
    table = {name: int(tag, 16) for tag, name in re.findall(r"^\| (0x\w\w) \| (\w+) \|", TEXT, re.M)}
    assert table == {tag.name: int(tag) for tag in Tag}


def test_the_limits():
    assert (MAX_SIDE, MAX_PASSES, MAX_CELLS, MAX_BOXES) == (2**31 - 1, 16, 2**22, 64)
    assert tile_side(0xFF) == 31 * 2**15


@pytest.mark.parametrize("name", PICTURES)
def test_the_plain_decoder_reads_pictures(name):
    header, boxes, tiles = PICTURES[name]
    parsed = reference.parse(golden(name))
    assert parsed.passes == tiles
    assert parsed.boxes == {int(box.tag): box.data for box in boxes}
    assert parsed.fields == (
        header.kind, header.channels == 3, header.depth == 16, header.passes, header.model_id, header.weights_hash,
        header.width, header.height, header.tile_px, header.quality, header.checksum,
    )  # fmt: skip


def test_the_plain_decoder_reads_packs():
    parsed = reference.parse(golden("equal"))
    assert parsed.passes == cases.EQUAL_UNITS
    assert parsed.fields[6:10] == (32, 32, 1000, 4)
    assert reference.parse(golden("mixed")).passes == cases.MIXED_UNITS
