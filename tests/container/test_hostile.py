"""Files made to break the reader: only RoundelError, quickly, and no memory that the file does not pay for."""

import tracemalloc
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundel.container import File, Pack, read, read_info, read_pack, write, write_pack
from roundel.container.format import MAX_CELLS, MAX_SIDE, tile_side
from roundel.container.head import Entry, pack_head, unpack_head
from roundel.container.sections import deflate, pack_check, pack_varint
from roundel.errors import RoundelError
from tests.container.cases import (
    EQUAL_GROUP,
    EQUAL_HEADER,
    EQUAL_SIZES,
    EQUAL_UNITS,
    MIXED_LABELS,
    MIXED_NAMES,
    MIXED_SIZES,
    MIXED_UNITS,
    PACKED,
    PHOTO,
    PHOTO_TILES,
    TILED,
    TILED_BOXES,
    TILED_TILES,
)

FILES = {
    "photo": write(PHOTO, [], PHOTO_TILES),
    "tiled": write(TILED, TILED_BOXES, [tile[:2] for tile in TILED_TILES]),
    "constant": write(replace(TILED, width=800, height=800), [], [[b"\1"]] * 100),
    "mixed": write_pack(PACKED, MIXED_SIZES, MIXED_UNITS, names=MIXED_NAMES, labels=MIXED_LABELS),
    "equal": write_pack(EQUAL_HEADER, EQUAL_SIZES[:80], EQUAL_UNITS[:20], group=EQUAL_GROUP),
}


def consume(data: bytes, *, lenient: bool = False) -> File | Pack:
    """Read everything that a file offers."""
    if unpack_head(data).images:
        pack = read_pack(data, allow_truncated=lenient)
        _ = pack.names, pack.labels
        for unit in range(pack.units):
            if not lenient:
                pack.passes(unit)
        pack.damaged()
        return pack
    file = read(data, allow_truncated=lenient)
    for tile in range(file.header.tiles):
        file.intact_passes(tile) if lenient else file.passes(tile)
    file.damaged()
    return file


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_at_any_byte(name):
    data = FILES[name]
    consume(data)
    for size in range(len(data)):
        with pytest.raises(RoundelError):
            consume(data[:size])
        with suppress(RoundelError):
            consume(data[:size], lenient=True)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mask", [0x01, 0x10, 0x80, 0xFF])
def test_a_change_of_any_byte_is_noticed(name, mask):
    data = bytearray(FILES[name])
    for place in range(len(data)):
        data[place] ^= mask
        with pytest.raises(RoundelError):
            consume(bytes(data))
        data[place] ^= mask


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_random_edits(name, draw):
    data = bytearray(FILES[name])
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data)))
        data[at : at + draw.draw(st.integers(0, 8))] = draw.draw(st.binary(max_size=8))
    for attempt in (consume, read_info, lambda d: consume(d, lenient=True)):
        with suppress(RoundelError):
            attempt(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80))
def test_random_headers_and_indexes_under_good_checks(fields, index):
    content = FILES["photo"][:9] + fields
    data = content + pack_check(content) + index
    for attempt in (consume, read_info, lambda d: consume(d, lenient=True)):
        with suppress(RoundelError):
            attempt(data + pack_check(data))


def absurd_files():
    """Well-checked headers that promise far more than the file holds."""
    huge = replace(PHOTO, width=MAX_SIDE, height=MAX_SIDE, tile_px=1)
    many = replace(PHOTO, width=2048, height=2048, tile_px=1, passes=1)
    yield pack_head(huge, (), length_bytes=4, deflated=False)
    yield pack_head(many, (), length_bytes=4, deflated=False) + bytes(1000)
    yield pack_head(many, (), length_bytes=4, deflated=True) + pack_varint(2**24) + bytes(1000)
    yield pack_head(many, (), length_bytes=4, deflated=True) + pack_varint(1000) + deflate(bytes(10**6))[:1000]
    yield pack_head(PHOTO, [Entry(1, 2**32 - 1, 0)], length_bytes=4, deflated=False) + b"\xff" * 200
    yield pack_head(PACKED, (), length_bytes=4, deflated=False, images=MAX_CELLS, group=1) + bytes(1000)
    wide = replace(PHOTO, width=MAX_SIDE, height=MAX_SIDE, tile_px=tile_side(0xFF))
    yield pack_head(wide, (), length_bytes=4, deflated=False) + bytes(100)


@pytest.mark.parametrize("data", list(absurd_files()))
@pytest.mark.parametrize("reader", [read, read_pack, read_info])
def test_promises_cost_no_memory(data, reader):
    limits = {} if reader is read_info else {"max_pixels": 2**64, "allow_truncated": True}
    tracemalloc.start()
    try:
        with pytest.raises(RoundelError):
            reader(data, len(data)) if reader is read_info else reader(data, **limits)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_in_the_index_is_bounded():
    header = replace(PHOTO, width=2048, height=2048, tile_px=1, passes=1)
    packed = deflate(bytes(4 * MAX_CELLS))
    content = pack_head(header, (), length_bytes=4, deflated=True) + pack_varint(len(packed)) + packed
    tracemalloc.start()
    try:
        file = read(content + pack_check(content))
        assert tracemalloc.get_traced_memory()[1] < 300_000_000
    finally:
        tracemalloc.stop()
    assert file.passes(MAX_CELLS - 1) == [b""]
