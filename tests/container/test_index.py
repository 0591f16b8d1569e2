"""The index."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundel.container.format import MAX_CELLS
from roundel.container.index import pack_lengths, plane_count, planes, seal, unpack_index, unplanes
from roundel.container.sections import check, deflate, pack_varint
from roundel.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError


def index_of(cells, *, run=1):
    lengths = pack_lengths([len(cell) for cell in cells])
    runs = [b"".join(cells[i : i + run]) for i in range(0, len(cells), run)]
    data = seal(b"head", lengths, runs)
    return data, {"cells": len(cells), "run": run, "width": lengths.width, "deflated": lengths.deflated}


@settings(deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=100), st.integers(1, 7))
def test_round_trip(lengths, run):
    cells = [bytes([i & 255]) * n for i, n in enumerate(lengths)]
    data, shape = index_of(cells, run=run)
    index = unpack_index(data + b"payload", 4, **shape)
    assert index.starts.tolist() == [0, *accumulate(lengths)]
    assert index.checks.tolist() == [check(b"".join(cells[i : i + run])) for i in range(0, len(cells), run)]
    assert index.end == len(data)
    last = (len(cells) - 1) // run
    assert index.span(last) == (sum(lengths[: last * run]), sum(lengths))


def test_planes_by_hand():
    values = [0x010203, 0x0A0B0C]
    assert planes(values, 3) == bytes([3, 12, 2, 11, 1, 10])
    assert unplanes(planes(values, 3), 2).tolist() == values


@pytest.mark.parametrize(("largest", "width"), [(0, 1), (255, 1), (256, 2), (2**32 - 1, 4)])
def test_plane_count(largest, width):
    assert plane_count([largest]) == width


def test_sections_of_4_gib_do_not_fit():
    with pytest.raises(UnsupportedError, match="2\\^32 - 1"):
        plane_count([2**32])


def test_constant_tiles_cost_almost_nothing():
    data, shape = index_of([b"\1"] * 10_000 + [b""] * 30_000)
    assert shape["deflated"]
    assert len(data) < 2 * 10_000 + 200


def test_too_many_cells_are_refused_before_anything_is_read():
    with pytest.raises(UnsupportedError, match="larger tiles"):
        unpack_index(b"", 0, cells=MAX_CELLS + 1, run=1, width=1, deflated=False)


@pytest.mark.parametrize("deflated", [True, False])
def test_missing_bytes_are_noticed_before_allocation(deflated):
    with pytest.raises(TruncatedError, match="index"):
        unpack_index(pack_varint(10**6), 0, cells=MAX_CELLS, run=1, width=4, deflated=deflated)


@pytest.mark.parametrize("length", [399, 401, 10**6])
def test_a_deflated_index_has_the_size_that_the_header_says(length):
    packed = deflate(bytes(length))
    with pytest.raises(FormatError, match="damaged"):
        unpack_index(pack_varint(len(packed)) + packed, 0, cells=400, run=1, width=1, deflated=True)


def test_the_check_covers_the_header_too():
    data, shape = index_of([b"abc"])
    with pytest.raises(ChecksumError, match="index is damaged"):
        unpack_index(b"hEad" + data[4:], 4, **shape)
