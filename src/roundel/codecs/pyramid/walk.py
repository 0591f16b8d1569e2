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

from roundel.codecs.pyramid.distribution import MEAN_BITS
from roundel.codecs.pyramid.nets import COLOURS, GROUPS, PHASES, SQUARE_TAPS, Nets, PhaseNets, row_bytes

PASSES = 6
"""All levels from the fourth finest down, the third, the second, and phases d, b, c of the finest."""
LUMA_RANGE, CHROMA_RANGE = (-128, 127), (-255, 255)
RANGES = (LUMA_RANGE, CHROMA_RANGE, CHROMA_RANGE)
"""Of the samples of each colour: the nets' arithmetic is exact for these only."""
RESIDUAL_MAX = 127
RESIDUAL_ZERO = 128


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
    positions: NDArray[np.intp]
    """(picture·h + row)·w + column of each sample in the phase, (n,), ascending."""

    def of(self, x: NDArray[np.int16]) -> NDArray[np.int32]:
        """The group's samples (n,) in whole pictures (B, 3, H, W)."""
        row, column = PHASES[self.phase]
        s = 1 << self.level
        phase = x[:, self.colour, row * s :: 2 * s, column * s :: 2 * s]
        return phase.ravel().take(self.positions).astype(np.int32)


class Prediction(NamedTuple):
    """What the nets say about the samples of a group, int32 (n,) each."""

    mean: NDArray[np.int32]
    """In sixteenths of a sample."""
    log_scale: NDArray[np.int32]
    """In 1/64; not yet clamped."""
    tail: NDArray[np.int32]
    """In 1/64; not yet clamped."""


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


class _Squares(NamedTuple):
    """Where the squares of one kind lie, (n,) indices each."""

    inside: NDArray[np.intp]
    """In the phase, (B, h, w)."""
    features: NDArray[np.intp]
    """On the grid of phase a, which may reach beyond the picture by a row and a column."""
    padded: NDArray[np.intp]
    """Of the position above and to the left, in the phase with a margin of one, (B, h + 2, w + 2)."""


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
            group = Group(pass_of(level, number), level, number, 0, 0, np.empty(0, np.intp))
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
    b, _, h, w = here.shape
    squares = _squares(b, h, w, *features.shape[1:3])
    rows = [_rows(features, s.features) for s in squares]
    pair = np.full((b * (h + 2) * (w + 2), 2), RESIDUAL_ZERO, np.uint8)
    cross = np.full(len(pair), RESIDUAL_ZERO, np.uint8)
    values: tuple[list[NDArray[np.int32]], ...] = ([], [])
    for number in range(groups):
        colour, white = divmod(number, 2)
        place = squares[white]
        if not len(place.inside):
            continue
        if number:
            _surround(rows[white][:, step.width :], place.padded, w + 2, pair, cross if number == GROUPS - 1 else None)
        change, log_scale, tail = step.head(number, rows[white])
        mean = change + linear[colour].take(place.features)
        wanted = group._replace(colour=colour, white=white, positions=place.inside)
        found = samples.next(wanted, Prediction(mean, log_scale, tail), values[white])
        values[white].append(found)
        if number < groups - 1:
            error = found - ((mean + (1 << MEAN_BITS >> 1)) >> MEAN_BITS)
            seen = (np.clip(error, -RESIDUAL_MAX, RESIDUAL_MAX) + RESIDUAL_ZERO).astype(np.uint8)
            (cross if colour == COLOURS - 1 else pair[:, colour])[place.padded + w + 3] = seen
    for colour in range(groups // 2):
        plane = np.empty(b * h * w, np.int16)
        for place, colours in zip(squares, values, strict=True):
            if colours:
                plane[place.inside] = colours[colour]
        here[:, colour] = plane.reshape(b, h, w)


def _rows(features: NDArray[np.uint8], at: NDArray[np.intp]) -> NDArray[np.uint8]:
    """(n, row_bytes) rows with the features of some positions; what surrounds them is not filled in yet."""
    width = features.shape[3]
    rows = np.zeros((len(at), row_bytes(width)), np.uint8)
    whole = features.reshape(-1, width).view(f"V{width}")[:, 0]  # one copy a row, not one a byte
    rows[:, :width] = whole.take(at).view(np.uint8).reshape(-1, width)
    return rows


def _surround(
    rows: NDArray[np.uint8],
    at: NDArray[np.intp],
    stride: int,
    pair: NDArray[np.uint8],
    cross: NDArray[np.uint8] | None,
) -> None:
    """Fill in the residuals around positions: of luma and Co in the 3×3, of Cg, if given, above, left, right, below.

    Args:
        rows: (n, …), changed in place. at: (n,) upper left neighbours. pair: (N, 2) and cross: (N,), bytes about 128.
    """
    pairs = pair.view(np.uint16)[:, 0]
    taken = np.empty((SQUARE_TAPS, len(at)), np.uint16)
    for tap in range(SQUARE_TAPS):
        pairs[tap // 3 * stride + tap % 3 :].take(at, out=taken[tap], mode="clip")
    rows.view(np.uint16)[:, :SQUARE_TAPS] = taken.T
    if cross is not None:
        for column, offset in enumerate((1, stride, stride + 2, 2 * stride + 1), 2 * SQUARE_TAPS):
            rows[:, column] = cross[offset:].take(at, mode="clip")


@lru_cache(maxsize=32)
def _squares(b: int, h: int, w: int, grid_h: int, grid_w: int) -> tuple[_Squares, _Squares]:
    """The black squares of phases of h × w samples, then the white; phase a is grid_h × grid_w."""
    odd = (np.arange(h)[:, None] + np.arange(w)) % 2
    found = []
    for kind in (0, 1):
        row, column = np.nonzero(odd == kind)
        picture = np.arange(b)[:, None]
        found.append(
            _Squares(
                *(
                    ((picture * height + row) * width + column).ravel()
                    for height, width in ((h, w), (grid_h, grid_w), (h + 2, w + 2))
                )
            )
        )
    return found[0], found[1]


def _edged(out: NDArray[np.float32], x: NDArray[np.int16]) -> None:
    """Write (B, 3, h, w) into (B, 3, h + 2, w + 2); the border continues with its own pixels."""
    out[:, :, 1:-1, 1:-1] = x
    out[:, :, 0, 1:-1], out[:, :, -1, 1:-1] = out[:, :, 1, 1:-1], out[:, :, -2, 1:-1]
    out[:, :, :, 0], out[:, :, :, -1] = out[:, :, :, 1], out[:, :, :, -2]
