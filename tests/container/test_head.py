"""The header section."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundel.container import Box, Header, Kind, Tag, write
from roundel.container.format import MAX_BOXES, MAX_SIDE, PREFIX_BYTES, tile_code, tile_side
from roundel.container.head import Entry, entries_of, pack_head, unpack_head
from roundel.container.sections import pack_check
from roundel.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError
from tests.container.cases import PHOTO, PHOTO_TILES

headers = st.builds(
    Header,
    kind=st.sampled_from(Kind),
    model_id=st.integers(0, 0xFFFF),
    weights_hash=st.binary(min_size=8, max_size=8),
    width=st.integers(1, MAX_SIDE),
    height=st.integers(1, MAX_SIDE),
    channels=st.sampled_from([1, 3]),
    depth=st.sampled_from([8, 16]),
    quality=st.integers(0, 100),
    tile_px=st.integers(0, 255).map(tile_side),
    passes=st.integers(1, 16),
    checksum=st.integers(0, 2**32 - 1),
)


@given(headers, st.lists(st.binary(max_size=9), max_size=3), st.integers(1, 4), st.booleans())
def test_round_trip(header, contents, length_bytes, deflated):
    entries = entries_of([Box(0x20 + i, data) for i, data in enumerate(contents)])
    data = pack_head(header, entries, length_bytes=length_bytes, deflated=deflated)
    head = unpack_head(data + b"more")
    assert (head.header, head.entries, head.length_bytes, head.deflated) == (header, entries, length_bytes, deflated)
    assert (head.images, head.end) == (0, len(data))


def test_every_bit_is_where_the_specification_says():
    head = replace(PHOTO, kind=Kind.LOSSLESS, model_id=300, channels=1, depth=16, passes=4, tile_px=80)
    data = pack_head(head, (), length_bytes=2, deflated=True)
    flags = 1 | 0 << 3 | 1 << 4 | (4 - 1) << 5 | (2 - 1) << 9 | 1 << 11
    content = (
        b"\x89RND\r\n\x1a\n" + b"\x01" + flags.to_bytes(2, "little") + b"\xac\x02" + bytes(range(8))
        + b"\x80\x06" + b"\x80\x04"  # 768 = 6·128, 512 = 4·128
        + b"\x24"  # 80 = (2·2 + 1)·2^4
        + bytes([75]) + bytes.fromhex("78563412")
    )  # fmt: skip
    assert data == content + pack_check(content)


@pytest.mark.parametrize("code", range(256))
def test_tile_codes_are_one_to_one(code):
    assert tile_code(tile_side(code)) == code


@pytest.mark.parametrize("side", [0, -8, 33, 66, 1000, 2**21])
def test_other_tile_sides_are_refused(side):
    with pytest.raises(FormatError, match="tile side"):
        tile_code(side)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0), ("height", MAX_SIDE + 1), ("quality", 101), ("passes", 0), ("passes", 17), ("model_id", 65536),
        ("checksum", -1), ("channels", 2), ("depth", 12), ("weights_hash", b"short"), ("tile_px", 1000),
    ],
)  # fmt: skip
def test_fields_out_of_range(field, value):
    with pytest.raises(FormatError):
        replace(PHOTO, **{field: value})


def test_tiles_cover_the_picture_once():
    header = replace(PHOTO, width=200, height=100, tile_px=80)
    assert (header.columns, header.rows, header.tiles) == (3, 2, 6)
    rects = [header.tile_rect(tile) for tile in range(6)]
    assert rects[0] == (0, 0, 80, 80)
    assert rects[5] == (80, 160, 20, 40)
    assert sum(r.height * r.width for r in rects) == 200 * 100


def seal(content: bytes) -> bytes:
    return content + pack_check(content)


def test_a_later_version_is_unsupported_whatever_follows():
    data = write(PHOTO, [], PHOTO_TILES)
    with pytest.raises(UnsupportedError, match="version 2"):
        unpack_head(data[:8] + b"\x02" + b"\xff" * 50)


@pytest.mark.parametrize("bit", [14, 15])
def test_reserved_bits_are_unsupported(bit):
    content = bytearray(pack_head(PHOTO, (), length_bytes=1, deflated=False)[:-2])
    content[9 + bit // 8] |= 1 << bit % 8
    with pytest.raises(UnsupportedError, match="update"):
        unpack_head(seal(bytes(content)))


def test_an_unknown_kind_is_unsupported():
    content = bytearray(pack_head(PHOTO, (), length_bytes=1, deflated=False)[:-2])
    content[9] |= 7
    with pytest.raises(UnsupportedError, match="update"):
        unpack_head(seal(bytes(content)))


def test_a_bad_field_under_a_good_check_is_refused():
    content = bytearray(pack_head(PHOTO, (), length_bytes=1, deflated=False)[:-2])
    content[-5] = 101
    with pytest.raises(FormatError, match="quality is 101"):
        unpack_head(seal(bytes(content)))


def test_a_damaged_header_is_named():
    data = bytearray(write(PHOTO, [], PHOTO_TILES))
    data[15] ^= 4
    with pytest.raises(ChecksumError, match="header is damaged"):
        unpack_head(bytes(data))


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b"", FormatError, "empty"),
        (b"\x89RN", TruncatedError, "magic"),
        (b"\x89PNG\r\n\x1a\n", FormatError, "not a roundel file"),
        (b"GIF", FormatError, "not a roundel file"),
        (b"\x89RND\n\x1a\n\x01\x00", FormatError, "line ends"),
        (b"\x89RND\r\n\x1a\r\n", FormatError, "line ends"),
    ],
)
def test_foreign_files(data, error, text):
    with pytest.raises(error, match=text):
        unpack_head(data)


def test_the_longest_header_fits_the_prefix():
    header = replace(PHOTO, model_id=65535, width=MAX_SIDE, height=MAX_SIDE, tile_px=0)
    entries = [Entry(0x20, 2**32 - 1, 2**32 - 1)] * MAX_BOXES
    data = pack_head(header, entries, length_bytes=4, deflated=True, images=2**22, group=65535)
    assert len(data) <= PREFIX_BYTES
    assert unpack_head(data).entries == tuple(entries)


def test_a_known_box_comes_once():
    entries = entries_of([Box(Tag.ICC, b"a"), Box(Tag.ICC, b"b")])
    with pytest.raises(FormatError, match="box ICC is there twice"):
        unpack_head(pack_head(PHOTO, entries, length_bytes=1, deflated=False))


@pytest.mark.parametrize("tag", [0x9F, 0xDF])
def test_an_unknown_critical_box_is_unsupported(tag):
    with pytest.raises(UnsupportedError, match=f"box {tag:#x}"):
        unpack_head(pack_head(PHOTO, entries_of([Box(tag, b"a")]), length_bytes=1, deflated=False))
