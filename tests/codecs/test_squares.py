"""Squares of a checkerboard: the C core and NumPy make the same rows, means and samples; wrong calls."""

import numpy as np
import pytest

from roundel.codecs.pyramid.nets import GROUPS, RESIDUALS, row_bytes
from roundel.codecs.pyramid.plain_squares import PlainSquares
from roundel.codecs.pyramid.squares import CompiledSquares, Squares
from roundel.coding import compiled

NATIVE = compiled.native()
built = pytest.mark.skipif(NATIVE is None, reason="the C core is not built")


def said(board: Squares, seed: int, groups: int) -> list[np.ndarray]:
    """Rows and means of each group, where nets and pictures say anything; last, the samples."""
    rng = np.random.default_rng(seed)
    found = []
    for group in range(groups):
        rows = board.rows(group).copy()
        mean = board.mean(group, rng.integers(-99, 99, len(rows), np.int32))
        found += [rows, mean.copy()]
        board.put(group, mean, rng.integers(-255, 256, len(rows), np.int32))
    return [*found, board.samples]


@built
@pytest.mark.parametrize("groups", [2, GROUPS])
@pytest.mark.parametrize(("b", "h", "w"), [(1, 1, 1), (1, 1, 2), (2, 3, 5), (3, 4, 2), (1, 7, 1), (2, 1, 6)])
def test_the_core_and_its_twin_agree(b: int, h: int, w: int, groups: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.integers(0, 256, (b, h + 1, w + (h % 2), 6), np.uint8)
    linear = rng.integers(-4000, 4000, (3, features[..., 0].size), np.int32)
    boards = PlainSquares(features, linear, h, w), CompiledSquares(features, linear, h, w, NATIVE)
    one, other = (said(board, 1, groups) for board in boards)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_was_found_around_a_square_is_what_its_head_sees() -> None:
    features = np.zeros((1, 3, 3, 10), np.uint8)
    board = PlainSquares(features, np.zeros((3, 9), np.int32), 3, 3)
    # Black squares are the corners and the middle; their means are 0, so residuals are the values.
    for colour in range(3):
        board.put(2 * colour, np.zeros(5, np.int32), np.arange(1, 6, dtype=np.int32) + 10 * colour)
    above = board.rows(GROUPS - 1)[0, 10:].astype(int) - 128  # of the square above the middle
    assert above[: RESIDUALS - 4].reshape(9, 2).tolist() == [[0, 0]] * 3 + [
        [1, 11],
        [0, 0],
        [2, 12],
        [0, 0],
        [3, 13],
        [0, 0],
    ]
    assert above[RESIDUALS - 4 : RESIDUALS].tolist() == [0, 21, 22, 23]


@built
def test_wrong_calls_are_refused() -> None:
    assert NATIVE is not None
    for sizes in ((0, 1, 1, 1, 1, 6, 32), (1, 2, 1, 1, 1, 6, 32), (1, 1, 1, 1, 1, 6, 27)):
        with pytest.raises(ValueError, match="size"):
            NATIVE.Squares(*sizes)
    with pytest.raises(MemoryError):
        NATIVE.Squares(1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 6, 32)
    board, row = NATIVE.Squares(1, 2, 2, 2, 2, 6, 32), row_bytes(6)
    rows, two = np.zeros((2, row), np.uint8), np.zeros(2, np.int32)
    for call in (
        lambda: board.rows(2, np.zeros((1, 2, 2, 6), np.uint8), rows),
        lambda: board.rows(0, np.zeros((1, 2, 3, 6), np.uint8), rows),
        lambda: board.rows(0, np.zeros((1, 2, 2, 6), np.uint8), rows[:1]),
        lambda: board.around(6, rows),
        lambda: board.around(1, rows[:1]),
        lambda: board.means(0, np.zeros(3, np.int32), two),
        lambda: board.means(0, np.zeros(4, np.int32), two[:1]),
        lambda: board.put(0, two, two[:1], np.zeros(4, np.int16)),
        lambda: board.put(0, two, two, np.zeros(3, np.int16)),
        lambda: board.put(-1, two, two, np.zeros(4, np.int16)),
    ):
        with pytest.raises(ValueError, match=r"items|group"):
            call()
