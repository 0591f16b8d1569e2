"""Checks, varints, byte cursor and inflation."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundel.container.sections import Cursor, check, check_bytes, deflate, inflate, pack_check, pack_varint
from roundel.errors import FormatError, TruncatedError


def test_checks_have_the_published_check_values():
    assert check(b"123456789") == 0x29B1  # CRC-16/IBM-3740, also known as CCITT-FALSE
    assert check(bytes(4096)) == zlib.crc32(bytes(4096))
    assert zlib.crc32(b"123456789") == 0xCBF43926  # CRC-32/ISO-HDLC


@pytest.mark.parametrize(("length", "width"), [(0, 0), (1, 2), (4095, 2), (4096, 4)])
def test_check_width_grows_with_the_section(length, width):
    assert check_bytes(length) == len(pack_check(b"x" * length)) == width


def test_short_checks_see_every_flipped_bit():
    data = bytes(range(256)) * 15
    whole = check(data)
    for place in range(0, len(data), 7):
        for bit in range(8):
            assert check(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]) != whole


def test_short_checks_see_zeroed_data():
    assert len({check(bytes(n)) for n in range(1, 200)}) == 199
    assert check(bytes(100)) != 0


@given(st.integers(0, 2**40))
def test_varint_round_trip(value):
    packed = pack_varint(value)
    assert len(packed) == max(1, -(-value.bit_length() // 7))
    cursor = Cursor(packed + b"rest")
    assert cursor.varint(2**40, "number") == value
    assert cursor.at == len(packed)


def test_varint_by_hand():
    assert pack_varint(300) == b"\xac\x02"  # 300 = 2·128 + 44


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"\xac\x02", "more than 299"), (b"\x80\x00", "more bytes"), (b"\x80" * 20, "no end"), (b"\x80", "end at byte 1")],
)
def test_bad_varints(data, error):
    with pytest.raises(FormatError, match=error):
        Cursor(data).varint(299, "number")


def test_cursor_refuses_before_it_allocates():
    with pytest.raises(TruncatedError, match="within the index, which goes on to byte 1099511627776"):
        Cursor(b"abc").take(2**40, "index")


@given(st.binary(max_size=300))
def test_inflate_inverts_deflate(data):
    assert inflate(deflate(data), len(data), "part") == data


def test_inflate_stops_at_the_limit():
    with pytest.raises(FormatError, match="more than the 1000 bytes"):
        inflate(deflate(bytes(10**7)), 1000, "part")


@pytest.mark.parametrize("data", [b"", deflate(b"abc")[:-1], deflate(b"abc") + b"x", b"\xff\xff"])
def test_inflate_wants_one_whole_stream(data):
    with pytest.raises(FormatError, match="damaged"):
        inflate(data, 1000, "part")
