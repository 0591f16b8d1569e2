"""Facts from the first kilobyte."""

import subprocess
import sys
from dataclasses import replace

import pytest

from roundel.container import Box, BoxInfo, Tag, read_info, write, write_pack
from roundel.errors import ChecksumError, FormatError
from tests.container.cases import (
    EQUAL_GROUP,
    EQUAL_HEADER,
    EQUAL_SIZES,
    EQUAL_UNITS,
    PHOTO,
    TILED,
    TILED_BOXES,
    TILED_TILES,
)


def test_a_photo_from_its_first_kilobyte():
    sizes = (200, 900, 1500, 2000, 2500, 3000)
    data = write(PHOTO, [], [[bytes(n) for n in sizes]])
    info = read_info(data[:1024], len(data))
    assert info.header == PHOTO
    assert (info.pack, info.images, info.tiles) == (False, 1, 1)
    assert (info.pass_bytes, info.overhead_bytes, info.total_bytes) == (sizes, 58, len(data))
    assert info.missing_bytes == 0
    assert read_info(data[:1024], 5000).missing_bytes == len(data) - 5000
    assert read_info(data[:1024]).missing_bytes is None


def test_boxes_known_and_unknown():
    data = write(TILED, [*TILED_BOXES, Box(0x7F, b"new")], TILED_TILES)
    info = read_info(data[:1024], len(data))
    assert BoxInfo(Tag.ICC, "ICC", 7, False) in info.boxes
    assert BoxInfo(Tag.ALPHA, "ALPHA", 50, True) in info.boxes
    assert BoxInfo(0x7F, "0x7f", 3, False) in info.boxes
    assert info.pass_bytes == (15, 60, 5000)


def test_a_pack_counts_by_pass():
    data = write_pack(EQUAL_HEADER, EQUAL_SIZES, EQUAL_UNITS, group=EQUAL_GROUP)
    info = read_info(data, len(data))
    assert (info.pack, info.images, info.group, info.tiles) == (True, 1000, 4, 250)
    assert info.pass_bytes == tuple(sum(len(unit[p]) for unit in EQUAL_UNITS) for p in range(2))


def test_a_long_index_leaves_the_header_readable():
    header = replace(PHOTO, width=64 * 30, height=64 * 30, tile_px=64)
    data = write(header, [], [[bytes([t & 255]) * (t % 251) for _ in range(6)] for t in range(900)])
    info = read_info(data[:1024], len(data))
    assert (info.header, info.tiles) == (header, 900)
    assert (info.pass_bytes, info.overhead_bytes, info.total_bytes, info.missing_bytes) == (None, None, None, None)
    assert read_info(data, len(data)).total_bytes == len(data)


def test_damage_and_an_early_end_are_errors():
    data = write(PHOTO, [], [[bytes(300)] * 6])
    for size in (0, 8, 20, 40, 57):
        with pytest.raises(FormatError, match=r"empty|end at byte"):
            read_info(data[:size], size)
    with pytest.raises(ChecksumError):
        read_info(data[:20] + b"\xff" + data[21:1024], len(data))


def test_nothing_heavy_is_imported():
    code = "import sys, roundel.container; sys.exit(any(m in sys.modules for m in ('torch', 'PIL', 'numpy')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_facts_read_well():
    data = write(TILED, TILED_BOXES, TILED_TILES)
    info = read_info(data[:1024], len(data))
    assert repr(info).startswith("<roundel file: ")
    assert f"{TILED.width}×{TILED.height} px" in repr(info)
    assert len(repr(info)) < 120
    html = info._repr_html_()
    assert html.startswith("<table><tr><th>kind</th>")
    assert html.count("<tr>") == html.count("</tr>") > 15
    assert "icc 7" in html
    assert f"<td>{TILED.weights_hash.hex()}</td>" in html
