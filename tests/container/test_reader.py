"""Pictures: what is written is read, in any part, and damage is named."""

import io
import mmap
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundel.container import Box, Damage, Header, Kind, Tag, read, write, write_pack, write_to
from roundel.container.format import tile_side
from roundel.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError
from tests.container.cases import (
    CONSTANT,
    CONSTANT_TILES,
    PACKED,
    PHOTO,
    PHOTO_TILES,
    TILED,
    TILED_BOXES,
    TILED_TILES,
)


@pytest.fixture
def tiled():
    return write(TILED, TILED_BOXES, TILED_TILES)


@settings(deadline=None)
@given(
    st.integers(1, 300), st.integers(1, 300), st.integers(1, 4), st.sampled_from([64, 80, 256]), st.randoms()
)  # fmt: skip
def test_round_trip(width, height, passes, tile_px, random):
    header = replace(PHOTO, width=width, height=height, passes=passes, tile_px=tile_px)
    tiles = [[random.randbytes(random.choice([0, 1, 300])) for _ in range(passes)] for _ in range(header.tiles)]
    file = read(write(header, [], tiles))
    assert file.header == header
    assert [file.passes(tile) for tile in range(header.tiles)] == tiles
    some = sorted(random.sample(range(header.tiles), random.randint(0, header.tiles)))
    assert file.passes_of(some) == [tiles[tile] for tile in some]
    assert file.damaged() == []


def test_boxes_come_back_byte_exact(tiled):
    file = read(tiled)
    assert {box.tag: box.data for box in file.boxes} == {box.tag: box.data for box in TILED_BOXES}
    assert file.box(Tag.ICC) == b"profile"
    assert file.box(Tag.XMP) == b""
    assert file.box(Tag.ORIGINAL_DEPTH) is None


def test_payload_is_pass_major(tiled):
    payload = b"".join(TILED_TILES[tile][p] for p in range(3) for tile in range(6))
    start = tiled.index(payload)
    assert tiled[:start].endswith(b"profile")
    assert tiled[start + len(payload) :] == b"MM\0*exif" + bytes(range(50))


def test_a_small_photo_costs_58_bytes():
    passes = [bytes(n) for n in (200, 900, 1500, 2000, 2500, 3000)]
    assert len(write(PHOTO, [], [passes])) - sum(map(len, passes)) == 58


def test_missing_passes_are_empty():
    file = read(write(TILED, [], [[b"only"]] * 6))
    assert file.passes(3) == [b"only", b"", b""]


def test_constant_tiles_cost_three_bytes_each():
    data = write(CONSTANT, [], CONSTANT_TILES)
    assert len(data) < 256 * 3 + 80
    assert read(data).passes(255) == [b"\1", b"", b"", b""]


def test_streams_get_the_same_bytes(tiled):
    stream = io.BytesIO()
    assert write_to(stream, TILED, TILED_BOXES, iter(TILED_TILES)) == len(tiled)
    assert stream.getvalue() == tiled


def test_reads_a_memory_map(tiled, tmp_path):
    path = tmp_path / "a.rndl"
    path.write_bytes(tiled)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert read(data).passes(4) == TILED_TILES[4]


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
def test_a_prefix_is_a_preview_of_every_tile(tiled, passes):
    whole = read(tiled)
    size = whole.prefix_bytes(passes)
    file = read(tiled[:size], allow_truncated=True)
    assert [file.passes(tile)[:passes] for tile in range(6)] == [tile[:passes] for tile in TILED_TILES]
    assert all(file.available(tile) >= passes for tile in range(6))
    assert not file.complete
    assert {entry.tag for entry in file.lost_boxes} == {Tag.EXIF, Tag.ALPHA}


def test_limit_reads_only_what_is_asked_for(tiled):
    broken = bytearray(tiled)
    broken[read(tiled).prefix_bytes(2)] ^= 1
    file = read(bytes(broken))
    assert file.passes(4, limit=2) == TILED_TILES[4][:2]


def test_sizes_of_passes(tiled):
    file = read(tiled)
    assert file.pass_bytes == (15, 60, 5000)
    assert file.prefix_bytes(3) == len(tiled) - len(b"MM\0*exif") - 50


@pytest.mark.parametrize(("tile", "pass_"), [(0, 1), (4, 0), (4, 2)])
def test_damage_is_named_and_stays_in_its_tile(tiled, tile, pass_):
    file = read(tiled)
    start = file.layout.payload + file.index.starts[pass_ * 6 + tile]
    broken = bytearray(tiled)
    broken[start] ^= 0x10
    file = read(bytes(broken))
    assert file.damaged() == [Damage(tile, pass_)]
    with pytest.raises(ChecksumError, match=f"tile {tile} .*pass {pass_} is damaged"):
        file.passes(tile)
    with pytest.raises(ChecksumError, match=f"tile {tile} .*pass {pass_} is damaged"):
        file.passes_of(range(6))
    assert file.intact_passes(tile) == TILED_TILES[tile][:pass_]
    assert [file.passes(t) for t in range(6) if t != tile] == [TILED_TILES[t] for t in range(6) if t != tile]


def test_tile_numbers_are_checked(tiled):
    with pytest.raises(IndexError):
        read(tiled).passes(6)


def test_a_file_that_ends_early_says_how_much_there_should_be(tiled):
    with pytest.raises(TruncatedError, match=f"{len(tiled) - 1} bytes, the file has {len(tiled)}"):
        read(tiled[:-1])


def test_bytes_after_the_end_are_refused_unless_salvaging(tiled):
    with pytest.raises(FormatError, match="3 bytes follow the end"):
        read(tiled + b"abc")
    assert read(tiled + b"abc", allow_truncated=True).passes(4) == TILED_TILES[4]


def test_a_damaged_box_is_named_or_left_out(tiled):
    broken = tiled[:-1] + b"!"
    with pytest.raises(ChecksumError, match="box ALPHA"):
        read(broken)
    file = read(broken, allow_truncated=True)
    assert [entry.tag for entry in file.lost_boxes] == [Tag.ALPHA]
    assert file.box(Tag.EXIF) == b"MM\0*exif"


@pytest.mark.parametrize("tag", [0x3F, 0x7F])
def test_unknown_optional_boxes_are_skipped(tag):
    data = write(TILED, [Box(tag, b"from the future"), *TILED_BOXES], TILED_TILES)
    file = read(data)
    assert file.passes(4) == TILED_TILES[4]
    assert tag not in {box.tag for box in file.boxes}
    assert file.box(Tag.ICC) == b"profile"


def test_pixels_are_capped():
    data = write(PHOTO, [], PHOTO_TILES)
    assert read(data, max_pixels=768 * 512).header == PHOTO
    with pytest.raises(UnsupportedError, match="768×512 px = 393216 pixels, more than the limit of 393215"):
        read(data, max_pixels=768 * 512 - 1)


def test_a_billion_pixels_are_refused_by_default():
    header = replace(PHOTO, width=100_000, height=10_000, tile_px=tile_side(0xFF))
    with pytest.raises(UnsupportedError, match="max-pixels"):
        read(write(header, [], [[b""]]))


def test_a_pack_is_not_a_picture():
    with pytest.raises(UnsupportedError, match="a pack of 1 images"):
        read(write_pack(PACKED, [(1, 1)], [[b"x"]]))


@pytest.mark.parametrize(
    ("header", "tiles"), [(PHOTO, []), (PHOTO, [[b""]] * 2), (PHOTO, [[b""] * 7]), (replace(PHOTO, tile_px=0), [[b""]])]
)
def test_writer_refuses_what_does_not_fit(header, tiles):
    with pytest.raises(FormatError):
        write(header, [], tiles)


def test_one_pixel():
    header = Header(Kind.CLASSICAL, 0, bytes(8), 1, 1, 1, 8, 100, 64, 1)
    file = read(write(header, [], [[b"\x80"]]))
    assert (file.header, file.passes(0)) == (header, [b"\x80"])
