"""The coder against a plain one, its length against the ideal, and its manners with damaged bytes."""

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundel.coding import Tables, cost_bits, decode, encode
from roundel.errors import FormatError, ModelError, RoundelError
from roundel.training.entropy.gaussian import gaussian_tables
from tests.coding import reference

SCALES = np.geomspace(0.11, 60, 16)
TABLES = gaussian_tables(SCALES)
EXTREME = Tables.from_pmfs(
    [np.array([1.0, 0.0]), np.ones(1000), np.array([0.0, 1.0]), np.ones(1)],
    [0, -500, 2**31 - 2, -(2**31)],
    [2**-24, 0.5, 0.999, 2**-24],
)


@pytest.fixture(params=["compiled", "plain"], autouse=True, scope="module")
def coder(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs with both coders."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "plain":
            patch.setenv("ROUNDEL_CODER", "plain")
        yield


def draw(rng: np.random.Generator, count: int, tables: int = len(SCALES)) -> tuple[np.ndarray, np.ndarray]:
    index = rng.integers(0, tables, count)
    return np.round(rng.normal(size=count) * SCALES[index]).astype(np.int32), index


messages = st.lists(
    st.tuples(
        st.one_of(st.integers(-3, 3), st.integers(-600, 600), st.integers(-(2**31), 2**31 - 1)),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(messages)
def test_bytes_equal_those_of_the_plain_coder(message: list[tuple[int, int]]) -> None:
    symbols, index = [m[0] for m in message], [m[1] for m in message]
    data = encode(symbols, index, EXTREME)
    assert data == reference.encode(symbols, index, EXTREME)
    assert reference.decode(data, index, EXTREME) == symbols
    assert decode(data, index, EXTREME).tolist() == symbols


@pytest.mark.parametrize("count", [1, 2, 30, 3000])
def test_plain_coder_agrees_on_typical_messages(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(max(1, 300 // count)):
        symbols, index = draw(rng, count)
        symbols[rng.integers(0, count)] += 10_000  # an escape
        data = encode(symbols, index, TABLES)
        assert data == reference.encode(symbols.tolist(), index.tolist(), TABLES)
        assert reference.decode(data, index.tolist(), TABLES) == symbols.tolist()


def test_a_stream_worked_by_hand() -> None:
    # One table: 0 with ½, 1 with ¼, escape ¼. After the symbols 1, 0 the interval is [½, ⅝) of the whole, so one byte.
    tables = Tables(np.array([2**23, 2**22, 2**22], np.uint32), np.array([0, 3]), np.array([0], np.int32))
    assert encode([1, 0], [0, 0], tables) == b"\x80"
    assert encode([0, 0, 0], [0, 0, 0], tables) == b""  # [0, ⅛): the empty string reads as 0
    # 2 is the escape [¾, 1); distance 0 is class 0: [0, ¼ + 2^-17) of it. So [¾, 13/16).
    assert encode([2], [0], tables) == b"\xc0"
    assert decode(b"\xc0", [0], tables).tolist() == [2]
    assert cost_bits([1, 0], [0, 0], tables) == 3
    assert cost_bits([2], [0], tables) == pytest.approx(4, abs=1e-4)


def test_carries_into_earlier_words() -> None:
    # The middle slot is a sliver around ½, so intervals straddle the ends of words and resolve far behind.
    tables = Tables(np.array([2**23 - 1, 2, 2**23 - 1], np.uint32), np.array([0, 3]), np.array([0], np.int32))
    assert encode([1, 2, 2, 2], [0] * 4, tables).hex() == "800000c0"  # 7FFFFF…, carried
    for count in range(1, 7):
        for symbols in itertools.product(range(3), repeat=count):
            index = [0] * count
            data = encode(symbols, index, tables)
            assert data == reference.encode(symbols, index, tables)
            assert decode(data, index, tables).tolist() == list(symbols)


@pytest.mark.parametrize("count", [5, 50, 500, 5000])
def test_streams_cost_under_one_byte_more_than_ideal(count: int) -> None:
    rng = np.random.default_rng(1)
    excess = []
    for _ in range(100):
        symbols, index = draw(rng, count)
        excess.append(len(encode(symbols, index, TABLES)) - cost_bits(symbols, index, TABLES) / 8)
    assert np.mean(excess) < 0.75
    assert max(excess) < 1.5
    assert min(excess) > -0.01 * count - 1


def test_long_streams_within_a_ten_thousandth_of_ideal() -> None:
    symbols, index = draw(np.random.default_rng(2), 300_000)
    ideal = cost_bits(symbols, index, TABLES) / 8
    assert ideal <= len(encode(symbols, index, TABLES)) < ideal * 1.0001 + 1


def test_cost_is_the_cross_entropy() -> None:
    symbols = np.array([0, 0, 1, -1], np.int32)
    f = TABLES.frequencies[: TABLES.starts[1]]
    p = f[symbols - TABLES.offsets[0]] / 2**24
    assert cost_bits(symbols, np.zeros(4, int), TABLES) == pytest.approx(-np.log2(p).sum())
    # A symbol k beyond the edge costs the escape and an Exp-Golomb code of 2k (above).
    value, escape = int(TABLES.lasts[0]) + 1 + 3, f[-1] / 2**24
    assert cost_bits([value], [0], TABLES) == pytest.approx(-np.log2(escape) + 3 + 2)  # e = 6: class 2 (⅛), 2 bits


def test_empty_and_constant_messages() -> None:
    assert encode([], [], TABLES) == b""
    assert decode(b"", [], TABLES).tolist() == []
    assert decode(b"", np.empty(0, np.uint8), TABLES).dtype == np.int32
    assert cost_bits([], [], TABLES) == 0
    sure = gaussian_tables([0.05])
    assert len(encode(np.zeros(100_000, np.int32), np.zeros(100_000, np.int32), sure)) <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_any_integer_type_of_index(dtype: type) -> None:
    symbols, index = draw(np.random.default_rng(3), 200)
    data = encode(symbols.astype(np.int64), index.astype(dtype), TABLES)
    assert data == encode(symbols, index, TABLES)
    assert np.array_equal(decode(data, index.astype(dtype), TABLES), symbols)


def test_more_tables_than_a_byte_counts() -> None:
    tables = gaussian_tables(np.geomspace(0.1, 5, 700))
    rng = np.random.default_rng(4)
    index, symbols = rng.integers(0, 700, 5000), rng.integers(-9, 9, 5000)
    assert np.array_equal(decode(encode(symbols, index, tables), index, tables), symbols)


def test_wrong_arguments() -> None:
    with pytest.raises(ModelError, match="16 tables"):
        encode([0], [16], TABLES)
    with pytest.raises(ModelError):
        decode(b"", [-1], TABLES)
    with pytest.raises(ValueError, match="table indices"):
        encode([0, 1], [0], TABLES)
    with pytest.raises(ValueError, match="32 bits"):
        encode([2**31], [0], TABLES)
    with pytest.raises(ValueError, match="integers"):
        encode([0.5], [0], TABLES)
    with pytest.raises(ValueError, match="integers"):
        decode(b"", [[0]], TABLES)


def test_damaged_bytes_are_refused_or_decode_to_something_that_encodes_to_them() -> None:
    rng = np.random.default_rng(5)
    symbols, index = draw(rng, 300)
    symbols[::50] = rng.integers(-(2**31), 2**31, 6)
    good = encode(symbols, index, TABLES)
    refused = 0
    for i in range(400):
        data = bytearray(good)
        match i % 4:
            case 0:
                data[rng.integers(len(data))] ^= 1 << rng.integers(8)
            case 1:
                del data[rng.integers(len(data)) :]
            case 2:
                data += rng.bytes(rng.integers(1, 20))
            case 3:
                data = bytearray(rng.bytes(rng.integers(0, 2000)))
        try:
            result = decode(bytes(data), index, TABLES)
        except RoundelError:
            refused += 1
        else:
            assert encode(result, index, TABLES) == bytes(data)
            assert i % 4 != 2, "bytes after the end must be refused"
    assert refused > 150


def test_values_no_encoder_writes() -> None:
    with pytest.raises(FormatError):
        decode(b"\xff" * 64, [0] * 20, TABLES)
    with pytest.raises(FormatError):
        decode(b"\0", [0], TABLES)  # a zero byte at the end is never written
    # Escape from the top of the int32 range: the class and its bits give a value beyond 32 bits.
    with pytest.raises(FormatError):
        decode(b"\xff" * 8, [2], EXTREME)


def test_threads_share_tables() -> None:
    tables = gaussian_tables(SCALES)  # fresh, so that the threads also race to build its models
    jobs = [draw(np.random.default_rng(s), 2000) for s in range(8)]
    results: list[bytes] = [b""] * len(jobs)

    def work(i: int) -> None:
        results[i] = encode(*jobs[i], tables)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [encode(*job, TABLES) for job in jobs]
