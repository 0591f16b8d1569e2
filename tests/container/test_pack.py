"""Packs: many images under one header."""

from dataclasses import replace

import numpy as np
import pytest

from roundel.container import Box, Tag, read_pack, write, write_pack
from roundel.container.sections import deflate
from roundel.errors import ChecksumError, FormatError, RoundelError, TruncatedError, UnsupportedError
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
)


@pytest.fixture
def equal():
    return write_pack(EQUAL_HEADER, EQUAL_SIZES, EQUAL_UNITS, group=EQUAL_GROUP)


@pytest.fixture
def mixed():
    return write_pack(PACKED, MIXED_SIZES, MIXED_UNITS, names=MIXED_NAMES, labels=MIXED_LABELS)


def test_groups_of_equal_images(equal):
    pack = read_pack(equal)
    assert (len(pack), pack.group, pack.units) == (1000, 4, 250)
    assert [pack.passes(unit) for unit in range(pack.units)] == EQUAL_UNITS
    assert [pack.size(k) for k in range(1000)] == EQUAL_SIZES
    assert (pack.header.width, pack.header.height) == (32, 32)
    assert pack.names is None
    assert pack.labels is None
    assert pack.damaged() == []


def test_images_are_found_in_their_groups(equal):
    pack = read_pack(equal)
    assert pack.locate(777) == (194, 1)
    assert list(pack.images(194)) == [776, 777, 778, 779]
    ragged = read_pack(write_pack(PACKED, [(8, 8)] * 5, [[b"a"], [b"b"]], group=4))
    assert list(ragged.images(1)) == [4]
    for wrong in (-1, 1000):
        with pytest.raises(IndexError):
            pack.locate(wrong)
    with pytest.raises(IndexError):
        pack.passes(250)


def test_images_of_all_sizes_with_names_and_labels(mixed):
    pack = read_pack(mixed)
    assert [pack.size(k) for k in range(3)] == MIXED_SIZES
    assert (pack.header.width, pack.header.height) == (300, 32)
    assert pack.names == tuple(MIXED_NAMES)
    assert pack.labels.tolist() == MIXED_LABELS
    assert [pack.passes(unit) for unit in range(3)] == MIXED_UNITS


def test_other_boxes_stay(mixed):
    data = write_pack(PACKED, MIXED_SIZES, MIXED_UNITS, boxes=[Box(Tag.ICC, b"shared")])
    assert read_pack(data).box(Tag.ICC) == b"shared"


def test_an_image_costs_under_two_bytes():
    lengths = np.random.default_rng(0).normal(1283, 250, 10_000).astype(int)
    data = write_pack(PACKED, [(32, 32)] * 10_000, [[bytes(n)] for n in lengths])
    assert len(data) - lengths.sum() < 1.6 * 10_000


def test_damage_is_named_by_block_and_stays_there(equal):
    broken = bytearray(equal)
    broken[-1] ^= 1
    pack = read_pack(bytes(broken))
    assert pack.damaged() == [range(768, 1000)]
    assert pack.passes(191) == EQUAL_UNITS[191]
    with pytest.raises(ChecksumError, match="images 768 to 999 are damaged"):
        pack.passes(192)


def test_a_pack_that_ends_early(equal):
    with pytest.raises(TruncatedError):
        read_pack(equal[:-1])
    pack = read_pack(equal[:-1], allow_truncated=True)
    assert pack.passes(0) == EQUAL_UNITS[0]
    with pytest.raises(TruncatedError, match="images 768 to 999"):
        pack.passes(249)
    assert pack.damaged() == [range(768, 1000)]


def test_a_picture_is_not_a_pack():
    with pytest.raises(UnsupportedError, match="not a pack"):
        read_pack(write(PHOTO, [], PHOTO_TILES))


def test_groups_are_capped_as_one_picture():
    data = write_pack(PACKED, [(1000, 1000)] * 8, [[b""], [b""]], group=4)
    assert len(read_pack(data, max_pixels=4_000_000)) == 8
    with pytest.raises(UnsupportedError, match="4 images = 4000000 pixels"):
        read_pack(data, max_pixels=3_999_999)


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": []},
        {"sizes": [(1, 1)] * 4},
        {"sizes": [(1, 1), (0, 1), (1, 1)]},
        {"group": 0},
        {"group": 2},
        {"units": [[b"a", b"b"]] * 3},
        {"names": ["a"]},
        {"labels": [1, 2]},
        {"labels": [1, 2, -3]},
        {"labels": [1, 2, 2**32]},
    ],
)
def test_writer_refuses_what_does_not_fit(change):
    with pytest.raises(RoundelError):
        write_pack(PACKED, **{"sizes": MIXED_SIZES, "units": MIXED_UNITS, **change})


NASTY_NAMES = ["/etc/passwd", "../up", "a/../../up", "a//b", "", ".", "a\0b", "b"]


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_names_cannot_lead_out_of_the_folder(name):
    with pytest.raises(FormatError):
        write_pack(PACKED, [(1, 1)] * 2, [[b""]] * 2, names=[name, "b"])
    crafted = deflate("\0".join([name, "b"]).encode())
    pack = read_pack(write_pack(PACKED, [(1, 1)] * 2, [[b""]] * 2, boxes=[Box(Tag.NAMES, crafted)]))
    with pytest.raises(FormatError):
        _ = pack.names


@pytest.mark.parametrize(
    "table", [b"", deflate(b"short"), deflate(bytes(16)), deflate(b"\1" * 16), deflate(bytes(10**6))]
)
def test_bad_tables_of_sizes(table):
    data = write_pack(PACKED, [(5, 5)] * 2, [[b""]] * 2, boxes=[Box(Tag.SIZES, table)])
    with pytest.raises(FormatError):
        read_pack(data)


@pytest.mark.parametrize("content", [b"", b"\0", b"\5", b"\1", b"\1" + deflate(b"abc"), b"\1" + deflate(bytes(10**6))])
def test_bad_labels(content):
    pack = read_pack(write_pack(PACKED, [(5, 5)] * 2, [[b""]] * 2, boxes=[Box(Tag.LABELS, content)]))
    with pytest.raises(FormatError):
        _ = pack.labels


def test_sizes_are_needed_even_for_salvage():
    data = write_pack(PACKED, MIXED_SIZES, MIXED_UNITS)
    broken = bytearray(data)
    broken[len(data) - sum(len(unit[0]) for unit in MIXED_UNITS) - 1] ^= 1
    with pytest.raises(ChecksumError, match="table of image sizes"):
        read_pack(bytes(broken), allow_truncated=True)


def test_header_of_a_picture_serves_as_template():
    pack = read_pack(write_pack(replace(PHOTO, passes=1), [(9, 4)], [[b"x"]]))
    assert (pack.header.width, pack.header.height, pack.header.tile_px) == (9, 4, 0)
