"""Dependent lists: paths through two quantisers, the same in C, on constriction and in plain integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundel.coding import Reader, Tables, Writer, compiled, dependent, plain
from roundel.errors import FormatError
from tests.coding import reference

NATIVE = compiled.native()
built = pytest.mark.skipif(NATIVE is None, reason="no C compiler")
COUNT = 3
"""Indices; as many tables again are those of the second quantiser."""


def made(reach: int) -> Tables:
    """Peaked tables, a pair for each index; symbols beyond the reach are escapes."""
    sizes = np.abs(np.arange(-reach, reach + 1))
    pmfs = [np.exp(-sizes / (1 + t % COUNT)) for t in range(2 * COUNT)]
    return Tables.from_pmfs(pmfs, [-reach] * len(pmfs), 2**-10)


def coefficients(count: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, turned and index."""
    rng = np.random.default_rng(seed)
    y = (rng.laplace(size=count) * spread).astype(np.float32)
    return y, rng.integers(0, 2, count).astype(np.uint8), rng.integers(0, COUNT, count).astype(np.int32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.sampled_from([0.3, 2, 50]), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_values_come_back_from_every_coder(count: int, spread: float, reach: int, seed: int) -> None:
    """Short tables, so that escapes are frequent."""
    y, turned, index = coefficients(count, spread, seed)
    tables = made(reach)
    values = dependent.decide(y, turned, index, np.full(count, 0.2, np.float32), COUNT, tables).values
    written = np.where(turned, -values, values)
    writer, other = Writer(), plain.Writer()
    writer.put_dependent(written, index, COUNT, tables)
    dependent.put_plain(other, written, index, COUNT, tables)
    data = writer.close()
    assert data == other.close()
    assert np.array_equal(Reader(data).take_dependent(index, COUNT, tables), written)
    assert np.array_equal(dependent.take_plain(plain.Reader(data), index, COUNT, tables), written)
    assert reference.take_dependent(reference.Decoder(data), index.tolist(), COUNT, tables) == written.tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.sampled_from([0.3, 2, 50]), st.integers(0, 2**32 - 1))
def test_no_value_is_further_than_two_from_its_coefficient(count: int, spread: float, seed: int) -> None:
    """Where bits cost nothing."""
    y, turned, index = coefficients(count, spread, seed)
    values = dependent.decide(y, turned, index, np.zeros(1, np.float32), COUNT, made(40)).values
    assert np.abs(values - y).max() <= 2


def test_the_path_is_a_decibel_nearer_than_a_quantiser_as_coarse() -> None:
    """Each quantiser has a step of 2, whose squared error is 4/12; theory says 1.1 dB for eight states."""
    y = np.random.default_rng(0).uniform(6, 76, 20000).astype(np.float32)  # near 0 there are more values
    zeros = np.zeros(y.size, np.int32)
    values = dependent.decide(y, zeros.astype(np.uint8), zeros, np.zeros(1, np.float32), COUNT, made(40)).values
    assert 1.05 < 10 * np.log10(4 / 12 / np.square(values - y).mean()) < 1.15


@built
@pytest.mark.parametrize("spread", [0.5, 3, 30])
def test_c_and_plain_decisions_cost_the_same(spread: float) -> None:
    y, turned, index = coefficients(2000, spread, 3)
    tables, worth = made(6), np.linspace(0.1, 0.4, 500).astype(np.float32)

    def cost(values: np.ndarray) -> float:
        writer = Writer()
        writer.put_dependent(np.where(turned, -values, values), index, COUNT, tables)
        return float(np.square(values - y).sum()) + 0.25 * 8 * len(writer.close())

    native = dependent.decide(y, turned, index, worth, COUNT, tables).values
    slow = dependent.decide_plain(y, turned, index, np.repeat(worth, 4), COUNT, tables).values
    assert abs(cost(native) / cost(slow) - 1) < 1e-3
    assert np.mean(native != slow) < 0.01  # single precision breaks ties otherwise


@pytest.mark.parametrize("value", [1, 3, -1])
def test_odd_values_are_refused_where_the_first_quantiser_is_on(value: int) -> None:
    with pytest.raises(ValueError, match="quantiser"):
        Writer().put_dependent([value], [0], COUNT, made(4))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 40))
def test_any_bytes_decode_to_something_or_are_refused(data: bytes, count: int) -> None:
    index, tables = np.arange(count, dtype=np.int32) % COUNT, made(2)
    found = []
    for take in (Reader(data).take_dependent, lambda *a: dependent.take_plain(plain.Reader(data), *a)):
        try:
            found.append(take(index, COUNT, tables).tolist())
        except FormatError:
            found.append(None)
    assert found[0] == found[1]
