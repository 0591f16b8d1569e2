"""What small boxes hold comes back; anything else is a FormatError."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundel.container import Box, Tag, read_info, read_pack, write, write_pack
from roundel.container import contents as c
from roundel.container.sections import deflate
from roundel.errors import FormatError, RoundelError, UnsupportedError
from tests.container.cases import PACKED, PHOTO, PHOTO_TILES

TERMS = st.integers(1, 2**32 - 1)


@given(TERMS, TERMS, TERMS, TERMS, st.integers(0, 3))
def test_resolutions(a: int, b: int, d: int, e: int, unit: int) -> None:
    x, y = Fraction(a, b), Fraction(d, e)
    assert c.unpack_resolution(c.pack_resolution(x, y, unit)) == (x, y, unit)


def test_usual_resolutions_are_short() -> None:
    assert c.pack_resolution(Fraction(72), Fraction(72), 1) == bytes([1, 72, 1])
    assert c.pack_resolution(Fraction(11811), Fraction(11811), 3) == bytes([3, 0xA3, 0x5C, 1])
    assert c.pack_resolution(Fraction(4), Fraction(3), 0) == bytes([0, 4, 1, 3, 1])


@pytest.mark.parametrize(
    "data", [b"", b"\1", b"\4\1\1", b"\1\1\0", b"\1\1", b"\1\1\1\1", b"\1\1\1\1\1\1", b"\1\x80\0\1"]
)
def test_bad_resolutions(data: bytes) -> None:
    with pytest.raises(FormatError):
        c.unpack_resolution(data)


def test_colours_stand_in_one_order() -> None:
    chunks = {b"gAMA": b"\0\0\xb1\x8f", b"cICP": b"\1\2\3\4", b"cHRM": bytes(32), b"sRGB": b"\0"}
    data = c.pack_colour(chunks)
    assert data[:8] == b"cICP\1\2\3\4"
    assert c.unpack_colour(data) == chunks
    assert c.unpack_colour(b"") == {}


@pytest.mark.parametrize("data", [b"gAMA", b"gAMA\0\0\0", b"tEXta", b"sRGB\0sRGB\0", b"sRG"])
def test_bad_colours(data: bytes) -> None:
    with pytest.raises(FormatError):
        c.unpack_colour(data)


def test_writer_refuses_colours_that_are_none() -> None:
    for chunks in ({b"gAMA": b""}, {b"tEXt": b"abcd"}):
        with pytest.raises(FormatError):
            c.pack_colour(chunks)


def test_largest_samples() -> None:
    for largest in (1, 1023, 65534):
        assert c.unpack_sample_max(c.pack_sample_max(largest)) == largest
    for data in (b"", b"\0\0", b"\xff\xff", b"\1", b"\1\0\0"):
        with pytest.raises(FormatError):
            c.unpack_sample_max(data)


PLAIN = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


@given(st.lists(st.tuples(PLAIN, PLAIN)))
def test_texts(texts: list[tuple[str, str]]) -> None:
    assert c.unpack_texts(c.pack_texts(texts)) == tuple(texts)


@pytest.mark.parametrize("data", [b"", b"no deflate", deflate(b"a\0"), deflate(b"a\0b"), deflate(b"a\0b\0c")])
def test_bad_texts(data: bytes) -> None:
    with pytest.raises(FormatError):
        c.unpack_texts(data)


def test_texts_inflate_up_to_a_limit() -> None:
    bomb = deflate(bytes(c.MAX_TEXT_BYTES + 2))
    with pytest.raises(FormatError, match="more than"):
        c.unpack_texts(bomb)


IMAGES = [
    [Box(Tag.ICC, b"shared" * 100), Box(Tag.EXIF, b"one")],
    [],
    [Box(Tag.ICC, b"shared" * 100), Box(Tag.ALPHA, b"plane")],
]


def test_each_image_of_a_pack_has_its_boxes() -> None:
    data = write_pack(PACKED, [(1, 1)] * 3, [[b""]] * 3, metadata=IMAGES)
    found = read_pack(data).metadata
    assert [list(boxes) for boxes in found] == IMAGES
    assert read_pack(write_pack(PACKED, [(1, 1)] * 3, [[b""]] * 3)).metadata == ((), (), ())
    with pytest.raises(FormatError, match="metadata of 2"):
        write_pack(PACKED, [(1, 1)] * 3, [[b""]] * 3, metadata=IMAGES[:2])


def test_equal_boxes_are_stored_once() -> None:
    import random

    noise = random.Random(1).randbytes(5000)
    one, many = (len(c.pack_metadata([[Box(Tag.ICC, noise)]] * count)) for count in (1, 500))
    assert many - one < 100


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", FormatError),
        (b"\1", FormatError),
        (b"\1\x01\x05abc", FormatError),  # a box longer than what is there
        (b"\1\x01\1a\1\1", FormatError),  # box 1 of 1
        (b"\0\1\0", FormatError),  # box 0 of none
        (b"\1\x01\1a\2\0\0", FormatError),  # a tag twice
        (b"\1\x01\1a\1\0x", FormatError),  # bytes behind
        (b"\1\x43\1a\1\0", FormatError),  # names of a pack
        (b"\1\x48\1a\1\0", FormatError),  # boxes in boxes
        (b"\1\x85\1a\1\0", UnsupportedError),  # a critical one that nobody knows
    ],
)
def test_bad_metadata(raw: bytes, error: type[RoundelError]) -> None:
    pack = read_pack(write_pack(PACKED, [(1, 1)], [[b""]], boxes=[Box(Tag.METADATA, deflate(raw))]))
    with pytest.raises(error):
        _ = pack.metadata


def test_unknown_boxes_of_an_image_are_skipped() -> None:
    raw = b"\2\x3f\1a\x01\1b\2\0\1"
    pack = read_pack(write_pack(PACKED, [(1, 1)], [[b""]], boxes=[Box(Tag.METADATA, deflate(raw))]))
    assert pack.metadata == ((Box(Tag.ICC, b"b"),),)


def test_info_tells_what_small_boxes_hold() -> None:
    boxes = [
        Box(Tag.RESOLUTION, c.pack_resolution(Fraction(300), Fraction(300), 1)),
        Box(Tag.COLOUR, c.pack_colour({b"gAMA": bytes(4), b"sRGB": b"\0"})),
        Box(Tag.SAMPLE_MAX, c.pack_sample_max(4095)),
        Box(Tag.ORIGINAL_DEPTH, b"\x10"),
        Box(Tag.ICC, bytes(5000)),
    ]
    data = write(PHOTO, boxes, PHOTO_TILES)
    for prefix in (data, data[:1024]):
        info = read_info(prefix, len(data))
        assert info.resolution == (300, 300, 1)
        assert info.colour == ("gAMA", "sRGB")
        assert (info.sample_max, info.original_depth) == (4095, 16)
    plain = read_info(write(PHOTO, [], PHOTO_TILES))
    assert (plain.resolution, plain.colour, plain.sample_max, plain.original_depth) == (None, (), None, None)
    nonsense = read_info(write(PHOTO, [Box(Tag.RESOLUTION, b"?")], PHOTO_TILES))
    assert nonsense.resolution is None
