"""Neighbours in NumPy: the same tables as the C core's, for where that is not built, and its oracle.

See `cell`, and docs/format.md, "Neighbours".
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid.distribution import SCALES, TAILS, steps_of, table_of
from roundel.codecs.pyramid.neighbourhood import PHASES, REACH, VALUES, inputs, spreads
from roundel.codecs.pyramid.walk import Prediction, Space, level_count
from roundel.coding import Tables
from roundel.coding.logs import UNIT, log2

Array: TypeAlias = NDArray[np.int32]
Long: TypeAlias = NDArray[np.int64]

SIZE_FROM = (24, 32)
"""Scales, by their places on the grid, at which the second and third fit begin: 1 and e."""
CLASS_FROM = (20, 28, 36)
SPREAD_BINS, SPREAD_BIN = 16, 96
WEIGHT_BITS, WEIGHT_MOST = 12, 8191
INPUT_MOST, NORMAL_MOST = 4095, 2047
RIDGE = 327680.0
TRUST, DOUBT = 256, 32768
STEP_FROM, STEPS_MOST = 1024, 12
SHARED = 2
HANDED_ON = 3

_S = np.exp(-3 + np.arange(SCALES) / 8)
_W = 1 / (1 + np.exp(5.0 - np.arange(TAILS)))


def _nearest(x: NDArray[np.float64]) -> Long:
    return np.floor(x + 0.5).astype(np.int64)


NORMAL = _nearest(4096 / np.sqrt(_S**2 + 0.15))
FARTHEST = _nearest(16 * (2 * _S + 0.5))
NEAREST = _nearest(16 * (4 * _S + 1))
DEVIATION = _nearest(512 * np.log(2) * _S)
WIDER = _nearest(16 * (1 + 3 * _W))


@dataclass
class _Fit:
    """A least-squares fit, and how far it is trusted."""

    inputs: int
    products: Long = field(init=False)
    """(inputs, inputs + 1): of inputs with each other and with the error that is to be foretold."""
    weights: Long = field(init=False)
    agreement: int = 0
    size: int = 0
    trust: int = 0

    def __post_init__(self) -> None:
        self.products = np.zeros((self.inputs, self.inputs + 1), np.int64)
        self.weights = np.zeros(self.inputs, np.int64)


class _Key:
    """What groups of one kind have learned."""

    def __init__(self, inputs: int) -> None:
        self.fits = [_Fit(inputs) for _ in range(len(SIZE_FROM) + 1)]
        self.by_scale = np.zeros((SCALES, 3), np.int64)
        """What a step wider and one narrower would have cost more, 1/256 bits; steps."""
        self.by_spread = np.zeros((len(CLASS_FROM) + 1, SPREAD_BINS, 3), np.int64)

    def handed_on(self) -> "_Key":
        """A copy for the next level."""
        copy = _Key(self.fits[0].inputs)
        copy.by_scale, copy.by_spread = self.by_scale.copy(), self.by_spread.copy()
        for mine, new in zip(self.fits, copy.fits, strict=True):
            new.products, new.weights = mine.products >> HANDED_ON, mine.weights.copy()
            new.agreement, new.size, new.trust = mine.agreement, mine.size, mine.trust
        return copy


class PlainNeighbours:
    """The twin of the C core: the same tables and centres."""

    def __init__(self, space: Space, tables: Tables) -> None:
        self._space, self._tables = space, tables
        self._level = level_count(space.height, space.width)
        self._keys: dict[tuple[int, ...], _Key] = {}
        self._bits = np.zeros(2, np.int64)
        self._planes(1, 1)

    def first(self, colour: int, values: Array) -> None:
        """See `Cell.first`."""
        self._samples[:, colour, REACH, REACH] = values
        self._known[:, colour, REACH, REACH] = True

    def open(self, level: int, phase: int, colour: int, white: int) -> int:
        """Begin the next group of the walk; the number of its samples."""
        while self._level > level:
            self._next_level()
        self._inputs = inputs(phase, colour, white, self._space.colours)
        self._spreads = spreads(phase, colour, white, self._space.colours)
        place, kind = min(level, SHARED), (phase, colour, white)
        name = place, *kind
        if name not in self._keys:
            before = self._keys.get((place + 1, *kind))
            self._keys[name] = before.handed_on() if before else _Key(len(self._inputs) + 1)
        self._now = self._keys[name]
        b, _, height, width = self._samples.shape
        row, column = PHASES[phase]
        y, x = np.mgrid[row : height - 2 * REACH : 2, column : width - 2 * REACH : 2]
        chosen = ((y - row + x - column) // 2 % 2 == white).ravel()
        picture = np.repeat(np.arange(b), chosen.sum())
        self._rest = [picture, *(np.tile(a.ravel()[chosen], b) + REACH for a in (y, x))]
        self._colour = colour
        return len(picture)

    def predict(self, predicted: Prediction) -> tuple[Array, Array]:
        """Table index and centre, (n,) each, of the next band of the group, from what the nets say of it."""
        n = len(predicted.mean)
        self._at = [a[:n] for a in self._rest]
        self._rest = [a[n:] for a in self._rest]
        self._mean = predicted.mean.astype(np.int64)
        self._scale, self._tail = steps_of(predicted.log_scale, predicted.tail)
        self._size = np.searchsorted(SIZE_FROM, self._scale, side="right")
        self._features = self._gathered()
        weights = np.stack([fit.weights for fit in self._now.fits])[self._size]
        trust = np.array([fit.trust for fit in self._now.fits])[self._size]
        farthest = FARTHEST[self._scale]
        moved = ((weights * self._features.T).sum(1) + (1 << WEIGHT_BITS >> 1)) >> WEIGHT_BITS
        self._foretold = np.clip(moved, -farthest, farthest)
        self._moved = self._mean + ((self._foretold * trust + TRUST // 2) // TRUST)
        self._bin = self._spread_around()
        return tuple(a.astype(np.int32) for a in table_of(self._used(), self._tail, self._moved))  # type: ignore[return-value]

    def learn(self, values: Array) -> None:
        """The values (n,) of the band that was predicted last, within the range of their colour."""
        wide = values.astype(np.int64)
        self._learn_means(wide)
        self._learn_scales(wide)
        picture, y, x = self._at
        where = picture, self._colour, y, x
        self._samples[where], self._known[where] = wide, True
        self._errors[where] = np.clip(16 * wide - self._moved, -INPUT_MOST, INPUT_MOST)
        self._deviations[where] = (DEVIATION[self._scale] * WIDER[self._tail] + 128) >> 8

    def gain(self) -> float:
        """See `Cell.gain`."""
        return float(self._bits[1] - self._bits[0]) / UNIT

    def _planes(self, height: int, width: int) -> None:
        shape = self._space.pictures, self._space.colours, height + 2 * REACH, width + 2 * REACH
        self._samples, self._errors, self._deviations = (np.zeros(shape, np.int64) for _ in range(3))
        self._known = np.zeros(shape, bool)

    def _next_level(self) -> None:
        inner = slice(REACH, -REACH)
        before, known = self._samples[:, :, inner, inner], self._known[:, :, inner, inner]
        self._level -= 1
        self._planes(*(((side - 1) >> self._level) + 1 for side in self._space[1:3]))
        self._samples[:, :, inner, inner][:, :, ::2, ::2] = before
        self._known[:, :, inner, inner][:, :, ::2, ::2] = known

    def _gathered(self) -> Long:
        """(inputs, n)."""
        picture, y, x = self._at
        rows = []
        for number, place in enumerate(self._inputs):
            where = picture, place.colour, y + place.dy, x + place.dx
            if number < VALUES:  # there are so many samples at every phase
                difference = np.clip(16 * self._samples[where] - self._mean, -INPUT_MOST, INPUT_MOST)
                rows.append(np.where(self._known[where], difference, 0))
            else:
                rows.append(self._errors[where])
        return np.stack([*rows, np.full(len(y), 16)])

    def _spread_around(self) -> Long:
        picture, y, x = self._at
        found, expected = np.full(len(y), 77), np.full(len(y), 77)
        for place in self._spreads:
            where = picture, place.colour, y + place.dy, x + place.dx
            found += place.weight * np.abs(self._errors[where])
            expected += place.weight * self._deviations[where]
        ratio = log2(found) - log2(expected) + SPREAD_BIN * SPREAD_BINS // 2 + SPREAD_BIN // 2
        return np.clip(ratio // SPREAD_BIN, 0, SPREAD_BINS - 1)

    def _cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of the second table, by class and bin."""
        return np.searchsorted(CLASS_FROM, self._scale, side="right"), self._bin

    def _used(self) -> Long:
        """Places on the grid of the scales that are used."""
        steps = self._now.by_scale[self._scale, 2] + self._now.by_spread[(*self._cells(), 2)]
        return np.clip(self._scale + steps, 0, SCALES - 1)

    def _learn_means(self, values: Long) -> None:
        nearest, normal = NEAREST[self._scale], NORMAL[self._scale]
        error = (np.clip(16 * values - self._mean, -nearest, nearest) * normal + 512) >> 10
        foretold = (self._foretold * normal + 512) >> 10
        x = np.clip((self._features * normal + 512) >> 10, -NORMAL_MOST, NORMAL_MOST)
        for number, fit in enumerate(self._now.fits):
            mine = self._size == number
            if not mine.any():
                continue
            mx, me, mf = x[:, mine], error[mine], foretold[mine]
            fit.products += np.concatenate([mx @ mx.T, (mx @ me)[:, None]], 1)
            fit.agreement += int((mf * me).sum())
            fit.size += int((mf * mf).sum())
            fit.weights = _solve(fit.products)
            fit.trust = min(TRUST, max(fit.agreement, 0) * TRUST // (fit.size + DOUBT))
            fit.agreement -= fit.agreement >> 3
            fit.size -= fit.size >> 3
            fit.products -= fit.products >> 2

    def _learn_scales(self, values: Long) -> None:
        used = self._used()
        cost = self._cost(used, self._moved, values)
        wider = self._cost(np.minimum(used + 1, SCALES - 1), self._moved, values) - cost
        narrower = self._cost(np.maximum(used - 1, 0), self._moved, values) - cost
        self._bits += cost.sum(), self._cost(self._scale, self._mean, values).sum()
        for column, change in enumerate((wider, narrower)):
            np.add.at(self._now.by_scale[:, column], self._scale, change)
            np.add.at(self._now.by_spread[:, :, column], self._cells(), change)
        _step(self._now.by_scale)
        _step(self._now.by_spread)

    def _cost(self, scale: Long, mean: Long, values: Long) -> Long:
        """Bits, in 1/256, of values (n,) under the tables of these places on the grid."""
        index, centre = table_of(scale, self._tail, mean)
        slot, last = values - centre - self._tables.offsets[index], self._tables.sizes[index] - 1
        slot = np.where((slot < 0) | (slot > last), last, slot)
        return 24 * UNIT - log2(self._tables.frequencies[self._tables.starts[index] + slot])


def _step(cells: Long) -> None:
    """Move the steps of cells (…, 3) where one would have saved enough; let the rest fade."""
    wider, narrower, steps = cells[..., 0], cells[..., 1], cells[..., 2]
    up = (wider < -STEP_FROM) & (wider <= narrower)
    down = ~up & (narrower < -STEP_FROM)
    steps += (up & (steps < STEPS_MOST)).astype(np.int64) - (down & (steps > -STEPS_MOST))
    moved = up | down
    for cost in (wider, narrower):
        cost[...] = np.where(moved, 0, cost - (cost >> 4))


def _solve(products: Long) -> Long:
    """Weights of least squares with a ridge: L D Lᵀ in doubles, in the order of operations of docs/format.md."""
    n = len(products)
    low, scaled, d = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
    for j in range(n):
        v = products[j:, j].astype(np.float64)
        v[0] += RIDGE
        for k in range(j):
            v -= scaled[j:, k] * low[j, k]
        d[j] = max(v[0], 1.0)
        scaled[j + 1 :, j] = v[1:]
        low[j + 1 :, j] = v[1:] / d[j]
    y = products[:, n].astype(np.float64)
    for k in range(n):
        y[k + 1 :] -= low[k + 1 :, k] * y[k]
    for i in reversed(range(n)):
        v = y[i] / d[i]
        for k in range(i + 1, n):
            v -= low[k, i] * y[k]
        y[i] = v
    return np.floor(np.clip(y * (1 << WEIGHT_BITS) + 0.5, -WEIGHT_MOST, WEIGHT_MOST)).astype(np.int64)
