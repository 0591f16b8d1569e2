"""What the C core decides of groups is what NumPy decides, and decoders read it back."""

import numpy as np
import pytest

from roundel.codecs.wavelet.symbols import Decided, Reading, Writing
from roundel.codecs.wavelet.walk import ALL, BLACK, WHITE, Group, Level
from roundel.coding import compiled
from roundel.coding.dependent import decide_plain
from roundel.training.wavelet.families import family_tables

pytestmark = pytest.mark.skipif(compiled.native() is None, reason="the C core is not built")
TABLES = family_tables()
LIMITS = [np.full(3, 99, np.int32), np.full(9, 60, np.int32)]
GROUPS = Group(1, slice(0, 3), WHITE), Group(1, slice(0, 3), BLACK), Group(1, slice(3, 9), ALL)


class Keeping(Writing):
    """Writes, and keeps what was decided."""

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.found: list[Decided] = []

    def put(self, group: Group, decided: Decided) -> None:
        """See `Writing.put`."""
        super().put(group, decided)
        self.found.append(decided)


class WithNumpy(Keeping):
    """Decides in NumPy, but for paths."""

    def details(self, group: Group, said: np.ndarray, level: Level) -> None:
        """See `Symbols.details`."""
        super(Writing, self).details(group, said, level)


def picture(height: int, width: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Coefficients, and for each group what a head says of them: silent for a third, a little off for others."""
    rng = np.random.default_rng(seed)
    index = np.where(rng.random((height, width, 9)) < 1 / 3, 0, rng.integers(1, 50, (height, width, 9)))
    y = rng.laplace(size=index.shape) * np.where(index, 2 ** (index / 8 - 2), 0.4)
    y[rng.random(y.shape) < 0.01] *= 9
    said = []
    for group in GROUPS:
        own = np.where(index, np.clip(index + 5, 1, 255), 0)[:, :, group.channels]
        skew = rng.integers(0, 9, own.shape)
        said.append(np.concatenate([own, skew], 2).astype(np.uint8))
    return [np.zeros((1, 1, 3), np.float32), y.astype(np.float32)], said


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (7, 5), (1, 1)])
def test_the_c_core_decides_as_numpy_does(height: int, width: int, mapped: bool) -> None:
    y, said = picture(height, width, seed=height)
    maps = [np.random.default_rng(1).uniform(0.2, 4, (height, width)).astype(np.float32)] if mapped else None
    own, other = (kind(y, LIMITS, TABLES, 0.2, maps) for kind in (Keeping, WithNumpy))
    levels = [Level.blank(height, width) for _ in range(2)]
    for writing, level in zip((own, other), levels, strict=True):
        for group, words in zip(GROUPS, said, strict=True):
            writing.details(group, words, level)
    for a, b in zip(own.found, other.found, strict=True):
        assert a.shift == b.shift
        for one, two in zip((a.flags, a.held, a.table, *a.path), (b.flags, b.held, b.table, *b.path), strict=True):
            np.testing.assert_array_equal(one, two)
    for one, two in zip(*levels, strict=True):
        np.testing.assert_array_equal(one, two)
    reading, again = Reading(own.passes(), LIMITS, TABLES), Level.blank(height, width)
    for group, words in zip(GROUPS, said, strict=True):
        reading.details(group, words, again)
    np.testing.assert_array_equal(again.values, levels[0].values)
    if height == 48:
        assert any(d.flags.any() for d in own.found)
        assert any(d.shift for d in own.found)


def test_paths_of_the_c_core_cost_no_more_than_those_of_numpy() -> None:
    """They differ by roundings at most."""
    rng = np.random.default_rng(0)
    y, turned = (rng.laplace(size=3000) * 4).astype(np.float32), rng.integers(0, 2, 3000).astype(np.uint8)
    index, worth = rng.integers(0, 253, 3000).astype(np.int32), np.full(3000, 0.2, np.float32)
    plain = decide_plain(y, turned, index, worth, 263, TABLES)
    values, odd = np.empty(3000, np.int32), np.empty(3000, np.uint8)
    native = compiled.native()
    assert native is not None
    native.decide(values, odd, y, turned, index, worth, TABLES.prices, TABLES.native, 263)
    assert np.mean(values != plain.values) < 0.01
    assert np.abs(values - plain.values).max() <= 4
