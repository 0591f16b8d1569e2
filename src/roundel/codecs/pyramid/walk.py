"""The order in which a pyramid's samples are coded: one walk that encoders, decoders and previews share.

From one pixel to the whole picture, level by level; within a level phases d, b, c; within a phase luma, Co, Cg, of each
the black squares of a checkerboard, then the white. The walk asks a `Samples` for each group; an encoder knows them, a
decoder reads them, a preview makes them up.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.nets import COLOURS, GROUPS, PHASES, Nets, PhaseNets
from roundel.codecs.pyramid.squares import squares

PASSES = 6
"""All levels from the fourth finest down, the third, the second, and phases d, b, c of the finest."""
LUMA_RANGE, CHROMA_RANGE = (-128, 127), (-255, 255)
RANGES = (LUMA_RANGE, CHROMA_RANGE, CHROMA_RANGE)
"""Of the samples of each colour: the nets' arithmetic is exact for these only."""


class Space(NamedTuple):
    """What a walk covers."""

    pictures: int
    height: int
    """Of whole pictures."""
    width: int
    halvings: int
    """Levels that are left out."""
    colours: int
    """1 or 3."""

    @property
    def pixels(self) -> int:
        """Of all pictures together."""
        return self.pictures * -(-self.height >> self.halvings) * -(-self.width >> self.halvings)


class Group(NamedTuple):
    """Samples that are coded together: one colour of one phase, on the squares of one kind."""

    in_pass: int
    level: int
    phase: int
    """0 d, 1 b, 2 c."""
    colour: int
    white: int

    def of(self, x: NDArray[np.int16]) -> NDArray[np.int32]:
        """The group's samples (n,) in whole pictures (B, 3, H, W)."""
        row, column = PHASES[self.phase]
        s = 1 << self.level
        phase = x[:, self.colour, row * s :: 2 * s, column * s :: 2 * s]
        count, h, w = phase.shape
        if w % 2:
            return phase.reshape(count, -1).take(_inside(h, w, self.white), 1).astype(np.int32).ravel()
        values = np.empty((count, h, w // 2), np.int32)  # quicker, where all rows have as many
        values[:, ::2] = phase[:, ::2, self.white :: 2]
        values[:, 1::2] = phase[:, 1::2, 1 - self.white :: 2]
        return values.ravel()


class Prediction(NamedTuple):
    """What the nets say about the samples of a group, int32 (n,) each."""

    mean: NDArray[np.int32]
    """In sixteenths of a sample."""
    log_scale: NDArray[np.int32]
    """In 1/64; not yet clamped."""
    tail: NDArray[np.int32]
    """In 1/64; not yet clamped."""

    def of(self, part: slice) -> "Prediction":
        """The same of a part of the group."""
        return Prediction(*(array[part] for array in self))


class Samples(Protocol):
    """Where the walk gets samples from."""

    def first(self, colour: int, count: int) -> NDArray[np.int32]:
        """A colour of the one pixel that each of `count` pictures starts with, (count,)."""
        ...

    def next(self, group: Group, predicted: Prediction, before: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Values (n,) of a group, within the range of their colour.

        Args:
            before: those of the colours before, (n,) each, at the same positions.
        """
        ...


@lru_cache(maxsize=32)
def _inside(h: int, w: int, white: int) -> NDArray[np.intp]:
    """Where the squares of one kind lie in h × w samples."""
    return np.flatnonzero((np.arange(h)[:, None] + np.arange(w)) % 2 == white)


def level_count(height: int, width: int) -> int:
    """Halvings that bring both sides down to one pixel."""
    return max(height - 1, width - 1).bit_length()


def pass_of(level: int, phase: int) -> int:
    """The pass that a phase (0 d, 1 b, 2 c) of a level belongs to, level 0 being the finest."""
    return PASSES - 3 + phase if level == 0 else max(0, PASSES - 3 - level)


def walk(
    nets: Nets, samples: Samples, count: int, height: int, width: int, *, colour: bool, halvings: int = 0
) -> NDArray[np.int16]:
    """The samples of `count` pictures of height × width in YCoCg-R, luma centred.

    Args:
        colour: whether chroma is coded; it is 0 otherwise. halvings: stop so many levels before the finest.

    Returns:
        int16 (count, 3, ⌈height / 2^halvings⌉, ⌈width / 2^halvings⌉): every 2^halvings-th row and column.
    """
    levels = level_count(height, width)
    coarse = np.zeros((count, COLOURS, 1, 1), np.int16)
    for plane in range(COLOURS if colour else 1):
        coarse[:, plane, 0, 0] = samples.first(plane, count)
    for level in reversed(range(halvings, levels)):
        shape = (count, COLOURS, -(-height >> level), -(-width >> level))
        fine = np.zeros(shape, np.int16)
        fine[:, :, ::2, ::2] = coarse
        _level(nets, samples, level, coarse, fine, colour=colour)
        coarse = fine
    return coarse


def _level(
    nets: Nets, samples: Samples, level: int, coarse: NDArray[np.int16], fine: NDArray[np.int16], *, colour: bool
) -> None:
    """Complete the phases d, b, c of a level in `fine`, whose phase a is `coarse`."""
    b, _, h, w = coarse.shape
    known = np.empty((b, COLOURS * len(PHASES), h + 2, w + 2), np.float32)
    now, features = coarse, None
    for number, (row, column) in enumerate(PHASES):
        _edged(known[:, COLOURS * number : COLOURS * (number + 1)], now)
        here = fine[:, :, row::2, column::2]
        if not here.size and number == len(PHASES) - 1:
            break  # nothing follows that needs its features
        step = nets.at(level)[number]
        features, linear = step.features(np.ascontiguousarray(known[:, : COLOURS * (number + 1)]), features)
        if here.size:
            group = Group(pass_of(level, number), level, number, 0, 0)
            _phase(step, samples, group, features, linear, here, groups=GROUPS if colour else 2)
        # Beyond the border a phase continues with phase a's samples, which both sides know.
        now = coarse.copy()
        now[:, :, : here.shape[2], : here.shape[3]] = here


def _phase(
    step: PhaseNets,
    samples: Samples,
    group: Group,
    features: NDArray[np.uint8],
    linear: NDArray[np.int32],
    here: NDArray[np.int16],
    *,
    groups: int,
) -> None:
    """Get all samples of a phase into `here`, (B, 3, h, w)."""
    _, _, h, w = here.shape
    board = squares(features, linear, h, w)
    values: tuple[list[NDArray[np.int32]], ...] = ([], [])
    for number in range(groups):
        colour, white = divmod(number, 2)
        rows = board.rows(number)
        if not len(rows):
            continue
        change, log_scale, tail = step.head(number, rows)
        mean = board.mean(number, change)
        wanted = group._replace(colour=colour, white=white)
        found = samples.next(wanted, Prediction(mean, log_scale, tail), values[white])
        values[white].append(found)
        board.put(number, mean, found)
    here[:, : groups // 2] = board.samples[: groups // 2].swapaxes(0, 1)


def _edged(out: NDArray[np.float32], x: NDArray[np.int16]) -> None:
    """Write (B, 3, h, w) into (B, 3, h + 2, w + 2); the border continues with its own pixels."""
    out[:, :, 1:-1, 1:-1] = x
    out[:, :, 0, 1:-1], out[:, :, -1, 1:-1] = out[:, :, 1, 1:-1], out[:, :, -2, 1:-1]
    out[:, :, :, 0], out[:, :, :, -1] = out[:, :, :, 1], out[:, :, :, -2]
