"""Seen colours: the C core, its twin and a plain decoder agree; what the stage is for; damage."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from roundel.codecs.pyramid import plain_colours
from roundel.codecs.pyramid.cell import Cell, CompiledCell
from roundel.codecs.pyramid.distribution import SCALES, UNIFORM_LUMA, mixture_index
from roundel.codecs.pyramid.plain_cell import PlainCell, bands
from roundel.codecs.pyramid.walk import Group, Prediction, Space
from roundel.coding import Tables, compiled
from roundel.coding.logs import log2
from roundel.coding.logs import power as power_of
from roundel.errors import FormatError
from roundel.training.entropy.mixture import mixture_tables
from tests.codecs.reference_colours import SeenColours as Reference
from tests.codecs.reference_colours import logarithm, power
from tests.coding.reference import Decoder

NATIVE = compiled.native()
built = pytest.mark.skipif(NATIVE is None, reason="the C core is not built")


ALL = 7
"""Flags: seen colours correct Y, Co and Cg."""


class Grouped(NamedTuple):
    colour: int
    values: np.ndarray
    told: Prediction
    before: tuple[np.ndarray, ...]

    @property
    def group(self) -> Group:
        return Group(0, 0, 0, self.colour, 0)

    @property
    def placed(self) -> tuple[np.ndarray, np.ndarray]:
        return mixture_index(*self.told)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return mixture_tables()


def groups(kind: str, seed: int, sizes: tuple[int, ...] = (1, 70, 300)) -> list[Grouped]:
    """Three colours of pixels, in groups: of a coarse palette, of noise all over the cube, or with escapes."""
    rng = np.random.default_rng(seed)
    found = []
    for n in sizes:
        rgb = rng.integers(0, 256, (n, 3))
        if kind == "palette":
            rgb = rng.integers(0, 4, (n, 3)) * 85
        r, g, b = rgb.T
        co = r - b
        t = b + (co >> 1)
        cg = g - t
        values = [t + (cg >> 1) - 128, co, cg]
        spread = {"palette": 3.0, "noise": 9.0, "escapes": 150.0}[kind]
        for colour in range(3):
            mean = np.rint(16 * (values[colour] + rng.logistic(0, spread, n))).astype(np.int32)
            scale = np.rint(64 * np.log(rng.uniform(0.5, 4 if kind == "escapes" else 12, n))).astype(np.int32)
            told = Prediction(mean, scale, rng.integers(-320, 130, n).astype(np.int32))
            before = tuple(v.astype(np.int32) for v in values[:colour])
            found.append(Grouped(colour, values[colour].astype(np.int32), told, before))
    return found


def put(stage: Cell, coded: list[Grouped]) -> bytes:
    writer = stage.writer()
    for group in coded:
        stage.put(writer, group.group, group.values, *group.placed, group.before)
    return writer.close()


def taken_plainly(plain: Reference, decoder: Decoder, group: Grouped) -> list[int]:
    """The values of a group."""
    index, centre = group.placed
    parts = [
        plain.take(decoder, group.colour, index[band], centre[band], [b[band] for b in group.before])
        for band in bands(len(index))
    ]
    values = np.concatenate(parts)
    plain.count(group.colour, values, list(group.before))
    return values.tolist()


def stages(tables: Tables, pixels: int = 1000) -> Iterator[Cell]:
    space = Space(1, pixels, 1, 0, 3)
    yield PlainCell(ALL, space, tables)
    if NATIVE:
        yield CompiledCell(ALL, space, tables, NATIVE)


@pytest.mark.parametrize("kind", ["palette", "noise", "escapes"])
def test_the_core_its_twin_and_a_plain_decoder_agree(tables: Tables, kind: str) -> None:
    coded = groups(kind, 0)
    data = {put(stage, coded) for stage in stages(tables)}
    assert len(data) == 1
    (stream,) = data
    for stage in stages(tables):
        reader = stage.reader(stream)
        for group in coded:
            assert np.array_equal(stage.take(reader, group.group, group.told, group.before), group.values)
    plain, decoder = Reference(tables), Decoder(stream)
    for group in coded:
        assert taken_plainly(plain, decoder, group) == group.values.tolist()


@built
def test_large_groups_agree_too(tables: Tables) -> None:
    coded = groups("palette", 1, (3000, 3000))
    assert len({put(stage, coded) for stage in stages(tables, 6000)}) == 1


def test_of_64_colours_the_last_is_known_from_those_before(tables: Tables) -> None:
    stage = next(stages(tables))
    put(stage, groups("palette", 2, (200, 2000)))
    gains = stage.gains()
    # 4 × 4 × 4 colours: Y and Co leave few Cg, and each was seen 30 times. The nets were told 3 levels of noise.
    assert gains[2] > 1.5 * 2200
    assert gains[0] > 0


def test_noise_costs_next_to_nothing(tables: Tables) -> None:
    # Colours all over the cube never repeat; what is gained is that impossible ones are found out.
    stage = next(stages(tables))
    put(stage, groups("noise", 3, (200, 2000)))
    assert min(stage.gains()) > -0.02 * 2200


def test_first_samples_are_coded_as_the_tables_say(tables: Tables) -> None:
    index = np.full(5, UNIFORM_LUMA, np.int32)
    values = np.arange(-2, 3, dtype=np.int32)
    stage = next(stages(tables))
    writer = stage.writer()
    stage.put(writer, Group(0, 0, 0, 0, 0), values, index, np.zeros(5, np.int32), ())
    assert stage.gains()[0] == 0
    assert len(writer.close()) == 5  # eight bits each


@pytest.mark.parametrize("stage_number", [0, 1])
def test_damage_is_refused_and_never_indexes_out_of_range(tables: Tables, stage_number: int) -> None:
    coded = groups("escapes", 4)
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(60):
        stage = list(stages(tables))[-1 if stage_number else 0]
        reader = stage.reader(rng.bytes(rng.integers(0, 400)))
        known: tuple[np.ndarray, ...] = ()
        try:
            for group in coded[:3]:
                known += (stage.take(reader, group.group, group.told, known),)
        except FormatError:
            refused += 1
            continue
        assert np.abs(np.concatenate(known)).max() <= 255
    assert refused > 0


@built
def test_wrong_arguments_are_refused(tables: Tables) -> None:
    assert NATIVE is not None
    state, writer = NATIVE.Cell(ALL, 1, 2, 1, 0, 3), NATIVE.Writer()
    two = [np.zeros(2, np.int32)] * 2
    for colour, values, luma, expected in (
        (3, [0, 0], [0, 0], ValueError),
        (0, [128, 0], [0, 0], NATIVE.Beyond),
        (1, [256, 0], [0, 0], NATIVE.Beyond),
        (1, [0, 0], [200, 0], NATIVE.Beyond),
        (1, [0, 0], [0], ValueError),
    ):
        arrays = np.array(values, np.int32), *two, np.array(luma, np.int32)
        with pytest.raises(expected):
            state.put(writer, colour, *arrays, two[0], tables.native)
    with pytest.raises(NATIVE.Beyond):  # more pixels than the state has memory for
        state.put(writer, 2, *[np.zeros(3, np.int32)] * 5, tables.native)
    with pytest.raises(NATIVE.BadIndex):
        state.put(writer, 0, two[0], np.full(2, len(tables), np.int32), two[0], two[0], two[0], tables.native)
    with pytest.raises(ValueError, match="expected reader"):
        state.take(writer, (0, 0, 0, 0, 0), *[two[0]] * 6, tables.native)
    with pytest.raises(TypeError, match="tables"):
        state.take(NATIVE.Reader(b""), (0, 0, 0, 0, 0), two[0].copy(), *[two[0]] * 5, None)
    with pytest.raises(ValueError, match="different sizes"):
        state.take(NATIVE.Reader(b""), (0, 0, 0, 0, 0), np.zeros(3, np.int32), *[two[0]] * 5, tables.native)
    for group in ((0, 0, 3, 0, 0), (0, 0, 0, 3, 0), (0, 0, 0, 0, 2), (0, 32, 0, 0, 0), (0, 0, 0, 0)):
        with pytest.raises(ValueError, match="group"):
            state.take(NATIVE.Reader(b""), group, two[0].copy(), *[two[0]] * 5, tables.native)
    assert writer.close() == b""


def test_logarithms_and_powers_are_inverse_and_those_of_the_plain_decoder() -> None:
    numbers = np.array([256, 257, 300, 511, 512, 12 << 24, 2**40 - 1])
    assert log2(numbers).tolist() == [logarithm(int(x)) for x in numbers]
    assert log2(np.array([256, 512, 1 << 30])).tolist() == [8 * 256, 9 * 256, 30 * 256]
    logs = np.arange(-1408, 1409)
    assert power_of(logs).tolist() == [power(int(w)) for w in logs]
    assert power_of(np.array([-1408, 0, 256, 1408])).tolist() == [1, 64, 128, 2896]


def test_windows_hold_all_but_a_128th(tables: Tables) -> None:
    reach = plain_colours._reach(tables)
    assert reach[UNIFORM_LUMA] == reach[UNIFORM_LUMA + 1] == plain_colours.NOWHERE
    for t in range(0, UNIFORM_LUMA, 97):
        window = Reference(tables).window(t)
        assert window is not None
        assert (-int(reach[t]), int(reach[t]) + 1) == window
    wide = mixture_index(*(np.array([v], np.int32) for v in (0, 8 * SCALES, -320)))[0][0]
    assert reach[wide] == plain_colours.REACH_MAX
