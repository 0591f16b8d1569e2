"""Neighbours: the C core, its twin and a plain decoder agree; what the stage is for; wrong calls."""

from collections.abc import Iterator

import numpy as np
import pytest

from roundel.codecs.pyramid.cell import Cell, CompiledCell
from roundel.codecs.pyramid.plain_cell import NEIGHBOURS, PlainCell
from roundel.codecs.pyramid.walk import Group, Prediction, Space
from roundel.coding import Tables, compiled
from roundel.errors import RoundelError
from roundel.training.entropy.mixture import mixture_tables
from tests.codecs.reference_neighbours import Neighbours as Reference
from tests.codecs.reference_neighbours import band_slices, positions

NATIVE = compiled.native()
built = pytest.mark.skipif(NATIVE is None, reason="the C core is not built")
Shape = tuple[int, int, int]
Walked = list[tuple[tuple[int, int, int, int], Prediction, np.ndarray]]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return mixture_tables()


def stages(shape: Shape, colours: int, tables: Tables, halvings: int = 0) -> Iterator[Cell]:
    space = Space(*shape, halvings, colours)
    yield PlainCell(NEIGHBOURS, space, tables)
    if NATIVE:
        yield CompiledCell(NEIGHBOURS, space, tables, NATIVE)


def walked(shape: Shape, colours: int, seed: int, bias: float = 0.0, spread: float = 1.0) -> Walked:
    """Groups in the order of the walk: (level, phase, colour, white), what nets might say, and values.

    Means are wrong by `bias` samples on top of the noise, which is `spread` times as large as the nets say.
    """
    rng = np.random.default_rng(seed)
    found: Walked = []
    for level in reversed(range((max(shape[1:]) - 1).bit_length())):
        for number in range(3 * colours * 2):
            phase, colour, white = number // (2 * colours), number // 2 % colours, number % 2
            n = len(positions(shape, level, phase, white))
            if not n:
                continue
            scale = rng.integers(-220, 280, n)
            mean = rng.normal(0, 200, n)
            value = np.rint(mean / 16 + bias + rng.logistic(0, spread * np.exp(scale / 64)))
            told = Prediction(*(np.asarray(a, np.int32) for a in (np.rint(mean), scale, rng.integers(-330, 140, n))))
            most = 127 if colour == 0 else 255
            found.append(((level, phase, colour, white), told, np.clip(value, -most, most).astype(np.int32)))
    return found


def said(stage: Cell, shape: Shape, colours: int, groups: Walked) -> list[np.ndarray]:
    """(2, n) tables and centres of each group."""
    for colour in range(colours):
        stage.first(colour, np.full(shape[0], 3 * colour, np.int32))
    return [np.stack(stage.place(Group(0, *group), values, told)) for group, told, values in groups]


@pytest.mark.parametrize(("shape", "colours"), [((1, 37, 23), 3), ((2, 16, 16), 3), ((1, 19, 50), 1), ((1, 1, 9), 3)])
def test_the_core_its_twin_and_a_plain_decoder_agree(tables: Tables, shape: Shape, colours: int) -> None:
    groups = walked(shape, colours, 0, bias=0.7, spread=1.5)
    results = [said(stage, shape, colours, groups) for stage in stages(shape, colours, tables)]
    plain = Reference(tables, colours)
    for colour in range(colours):
        plain.first(colour, [3 * colour] * shape[0])
    for number, (group, told, values) in enumerate(groups):
        level, phase, _, white = group
        plain.open(*group)
        at, parts = positions(shape, level, phase, white), []
        for band in band_slices(len(values)):
            parts.append(np.array(plain.predict(at[band], *(part[band].tolist() for part in told))))
            plain.learn(values[band].tolist())
        for result in results:
            assert np.array_equal(result[number], np.concatenate(parts, 1)), group


@built
def test_the_core_and_its_twin_agree_on_larger_pictures(tables: Tables) -> None:
    shape = (1, 130, 101)
    groups = walked(shape, 3, 1, bias=-0.5, spread=0.6)
    one, other = (said(stage, shape, 3, groups) for stage in stages(shape, 3, tables))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def gain(tables: Tables, **wrong: float) -> float:
    """Bits a sample that the stage saves."""
    shape = (1, 96, 96)
    stage = list(stages(shape, 1, tables))[-1]
    said(stage, shape, 1, walked(shape, 1, 2, **wrong))
    return stage.gain() / (96 * 96)


def test_a_constant_error_of_the_means_is_found(tables: Tables) -> None:
    assert gain(tables, bias=2.0) > 0.1


def test_scales_that_are_wrong_throughout_are_found(tables: Tables) -> None:
    assert gain(tables, spread=np.exp(-1)) > 0.05
    assert gain(tables, spread=np.e) > 0.01  # less, as the tails take over


def test_where_the_nets_are_right_it_costs_next_to_nothing(tables: Tables) -> None:
    assert gain(tables) > -0.01


@pytest.mark.parametrize("number", [0, 1])
def test_state_is_of_one_tile(tables: Tables, number: int) -> None:
    shape, groups = (1, 20, 20), walked((1, 20, 20), 3, 3)
    fresh = [list(stages(shape, 3, tables)) for _ in range(2)]
    if number < len(fresh[0]):
        first, second = (said(of[number], shape, 3, groups) for of in fresh)
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_walk_that_stops_early_hears_the_same(tables: Tables) -> None:
    groups = walked((1, 41, 30), 3, 4, bias=0.5)
    coarse = [group for group in groups if group[0][0] >= 1]
    for whole, early in zip(stages((1, 41, 30), 3, tables), stages((1, 41, 30), 3, tables, 1), strict=True):
        expected = said(whole, (1, 41, 30), 3, groups)
        assert all(np.array_equal(a, b) for a, b in zip(said(early, (1, 41, 30), 3, coarse), expected, strict=False))


@built
def test_wrong_calls_are_refused(tables: Tables) -> None:
    assert NATIVE is not None
    one, two, three = (np.zeros(n, np.int32) for n in (1, 2, 3))
    for sizes in ((8, 1, 0, 5, 0, 3), (16, 1, 4, 4, 0, 3), (8, 1, 4, 4, 0, 2), (8, 1, 4, 4, 32, 3)):
        with pytest.raises(ValueError, match="size"):
            NATIVE.Cell(*sizes)
    for flags in (0, 7, NEIGHBOURS):
        with pytest.raises(MemoryError):
            NATIVE.Cell(flags, 1 << 20, 1 << 20, 1 << 20, 0, 3)
    with pytest.raises(RoundelError, match="memory"):
        CompiledCell(NEIGHBOURS, Space(1, 1 << 20, 1 << 20, 0, 3), tables, NATIVE)
    state = NATIVE.Cell(NEIGHBOURS, 1, 4, 4, 0, 3)
    with pytest.raises(ValueError, match="first pixel"):
        state.first(3, one)
    with pytest.raises(ValueError, match="range"):
        state.first(0, np.array([128], np.int32))
    group = 0, 0, 0, 0, 0  # of two samples

    def place(values: np.ndarray, *where: np.ndarray, group: tuple[int, ...] = group) -> None:
        state.place(group, values, two, two, two, *where, tables.native)

    with pytest.raises(ValueError, match="different sizes"):
        place(three, two.copy(), two.copy())
    with pytest.raises(ValueError, match="different sizes"):
        place(two, two.copy(), three.copy())
    with pytest.raises(ValueError, match="range"):
        place(np.array([0, -129], np.int32), two.copy(), two.copy())
    place(two, two.copy(), two.copy())
    with pytest.raises(NATIVE.Beyond):  # a group of another number of samples
        state.place(group, *[three] * 4, three.copy(), three.copy(), tables.native)
    with pytest.raises(ValueError, match="first pixel"):
        state.first(0, one)
    for other in ((0, -1, 0, 0, 0), (0, 0, 3, 0, 0), (0, 0, 0, 3, 0), (0, 0, 0, 0, 2), (0, 32, 0, 0, 0)):
        with pytest.raises(ValueError, match="no such group"):
            place(two, two.copy(), two.copy(), group=other)
