"""Neighbours as docs/format.md has them, one sample at a time in plain numbers: slow, short, no part of roundel."""

from collections.abc import Sequence
from math import exp, floor, log, sqrt

from roundel.coding import Tables
from tests.codecs.reference_colours import logarithm
from tests.coding.reference import table as table_at

PHASES = [(1, 1), (0, 1), (1, 0)]
OFFSETS = sorted(((dy, dx) for dy in range(-4, 5) for dx in range(-4, 5)), key=lambda o: (o[0] ** 2 + o[1] ** 2, o))
SCALE = [exp(-3 + i / 8) for i in range(58)]
NORMAL = [floor(4096 / sqrt(s * s + 0.15) + 0.5) for s in SCALE]
DEVIATION = [floor(512 * log(2) * s + 0.5) for s in SCALE]
WIDER = [floor(16 * (1 + 3 / (1 + exp(5 - j))) + 0.5) for j in range(8)]


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(high, x))


def normal(x: int, scale: int) -> int:
    return (x * NORMAL[scale] + 512) >> 10


class Fit:
    """Products of n inputs with each other and with what is to be foretold; weights and trust."""

    def __init__(self, n: int) -> None:
        self.products = [[0] * (n + 1) for _ in range(n)]
        self.weights = [0] * n
        self.agreement = self.size = self.trust = 0

    def solve(self) -> None:
        n = len(self.weights)
        low = [[0.0] * n for _ in range(n)]
        scaled = [[0.0] * n for _ in range(n)]
        d, y = [0.0] * n, [0.0] * n
        for i in range(n):
            for j in range(i + 1):
                v = float(self.products[i][j])
                if i == j:
                    v += 327680.0
                for k in range(j):
                    v -= scaled[i][k] * low[j][k]
                if i == j:
                    d[i] = max(v, 1.0)
                else:
                    scaled[i][j], low[i][j] = v, v / d[j]
            y[i] = float(self.products[i][n])
            for k in range(i):
                y[i] -= low[i][k] * y[k]
        for i in reversed(range(n)):
            v = y[i] / d[i]
            for k in range(i + 1, n):
                v -= low[k][i] * y[k]
            y[i] = v
            self.weights[i] = floor(max(-8191.0, min(8191.0, v * 4096 + 0.5)))


class Key:
    """What groups of one kind have learned: fits by size, [wider, narrower, steps] by scale and by spread."""

    def __init__(self, n: int) -> None:
        self.fits = [Fit(n) for _ in range(3)]
        self.by_scale = [[0, 0, 0] for _ in range(58)]
        self.by_spread = [[[0, 0, 0] for _ in range(16)] for _ in range(4)]

    def handed_on(self) -> "Key":
        new = Key(len(self.fits[0].weights))
        for old, fit in zip(self.fits, new.fits, strict=True):
            fit.products = [[p >> 3 for p in line] for line in old.products]
            fit.weights, fit.agreement, fit.size, fit.trust = old.weights[:], old.agreement, old.size, old.trust
        new.by_scale = [cell[:] for cell in self.by_scale]
        new.by_spread = [[cell[:] for cell in line] for line in self.by_spread]
        return new


class Neighbours:
    """The state of a tile. Samples are named (picture, colour, row, column), in pixels of the whole picture."""

    def __init__(self, tables: Tables, colours: int) -> None:
        self.tables, self.colours = tables, colours
        self.samples: dict[tuple[int, int, int, int], int] = {}
        self.errors: dict[tuple[int, int, int, int], int] = {}
        self.deviations: dict[tuple[int, int, int, int], int] = {}
        self.keys: dict[tuple[int, int, int, int], Key] = {}
        self.level = 99

    def first(self, colour: int, values: Sequence[int]) -> None:
        for picture, value in enumerate(values):
            self.samples[picture, colour, 0, 0] = int(value)

    def open(self, level: int, phase: int, colour: int, white: int) -> None:
        if level != self.level:
            self.errors, self.deviations, self.level = {}, {}, level
        self.group = phase, colour, white

        def coded(c: int, dy: int, dx: int) -> int | None:
            """0 for phase a, 1 for what this level codes before the group, None for what is not known yet."""
            row, column = (PHASES[phase][0] + dy) % 2, (PHASES[phase][1] + dx) % 2
            if (row, column) == (0, 0):
                return 0
            other = PHASES.index((row, column)), c, (white + dy // 2 + dx // 2) % 2 if c == colour else 0
            return 1 if other < (phase, colour, white) else None

        def near(c: int, most: int, *, errors: bool) -> list[tuple[int, int, int]]:
            kinds = [(o, coded(c, *o)) for o in OFFSETS if c != colour or o != (0, 0)]
            return [(c, *o) for o, kind in kinds if kind == 1 or (kind == 0 and not errors)][:most]

        others = [c for c in range(self.colours) if c != colour]
        self.values = near(colour, 12, errors=False)
        self.wrong = near(colour, 8, errors=True) + [p for c in others for p in near(c, 2, errors=True)]
        self.around = near(colour, 6, errors=True) + [p for c in others for p in near(c, 2, errors=True)]
        place = min(level, 2)
        name = place, *self.group
        if name not in self.keys:
            before = self.keys.get((place + 1, *self.group))
            self.keys[name] = before.handed_on() if before else Key(len(self.values) + len(self.wrong) + 1)
        self.key = self.keys[name]

    def neighbour(self, at: tuple[int, int, int], place: tuple[int, int, int]) -> tuple[int, int, int, int]:
        picture, y, x = at
        return picture, place[0], y + (place[1] << self.level), x + (place[2] << self.level)

    def predict(self, at: Sequence[tuple[int, int, int]], mean: Sequence[int], log_scale: Sequence[int],
                tail: Sequence[int]) -> tuple[list[int], list[int]]:  # fmt: skip
        """Tables and centres of a band whose samples are at (picture, row, column)."""
        self.band = []
        index, centre = [], []
        for here, m, s, t in zip(at, mean, log_scale, tail, strict=True):
            scale, weight = clamp((s + 196) >> 3, 0, 57), clamp((t + 352) >> 6, 0, 7)
            x = []
            for place in self.values:
                value = self.samples.get(self.neighbour(here, place))
                x.append(0 if value is None else clamp(16 * value - m, -4095, 4095))
            x += [self.errors.get(self.neighbour(here, place), 0) for place in self.wrong] + [16]
            size = (scale >= 24) + (scale >= 32)
            fit, far = self.key.fits[size], floor(16 * (2 * SCALE[scale] + 0.5) + 0.5)
            foretold = clamp((sum(a * b for a, b in zip(fit.weights, x, strict=True)) + 2048) >> 12, -far, far)
            moved = m + ((foretold * fit.trust + 128) >> 8)
            found = expected = 77
            for place in self.around:
                weight_here = (32 + (2 + place[1] ** 2 + place[2] ** 2) // 2) // (2 + place[1] ** 2 + place[2] ** 2)
                found += weight_here * abs(self.errors.get(self.neighbour(here, place), 0))
                expected += weight_here * self.deviations.get(self.neighbour(here, place), 0)
            bin_ = clamp((logarithm8(found) - logarithm8(expected) + 816) // 96, 0, 15)
            cells = self.key.by_scale[scale], self.key.by_spread[(scale >= 20) + (scale >= 28) + (scale >= 36)][bin_]
            used = clamp(scale + cells[0][2] + cells[1][2], 0, 57)
            i, c = table_of(used, weight, moved)
            index.append(i)
            centre.append(c)
            self.band.append((here, m, scale, weight, x, size, foretold, moved, cells, used))
        return index, centre

    def learn(self, values: Sequence[int]) -> None:
        """The values of the band that was predicted last."""
        told = {size for *_, size, _, _, _, _ in self.band}
        for (_, m, scale, weight, x, size, foretold, moved, cells, used), value in zip(self.band, values, strict=True):
            near, fit = floor(16 * (4 * SCALE[scale] + 1) + 0.5), self.key.fits[size]
            error = normal(clamp(16 * value - m, -near, near), scale)
            inputs = [clamp(normal(v, scale), -2047, 2047) for v in x]
            for i, a in enumerate(inputs):
                for j, b in enumerate([*inputs, error]):
                    fit.products[i][j] += a * b
            fit.agreement += normal(foretold, scale) * error
            fit.size += normal(foretold, scale) ** 2
            cost = [self.cost(clamp(used + step, 0, 57), weight, moved, value) for step in (0, 1, -1)]
            for cell in cells:
                cell[0] += cost[1] - cost[0]
                cell[1] += cost[2] - cost[0]
        for size in told:
            fit = self.key.fits[size]
            fit.solve()
            fit.trust = min(256, max(fit.agreement, 0) * 256 // (fit.size + 32768))
            fit.agreement -= fit.agreement >> 3
            fit.size -= fit.size >> 3
            fit.products = [[p - (p >> 2) for p in line] for line in fit.products]
        for cell in [*self.key.by_scale, *(cell for line in self.key.by_spread for cell in line)]:
            if cell[0] < -1024 and cell[0] <= cell[1]:
                cell[:] = 0, 0, min(12, cell[2] + 1)
            elif cell[1] < -1024:
                cell[:] = 0, 0, max(-12, cell[2] - 1)
            else:
                cell[0] -= cell[0] >> 4
                cell[1] -= cell[1] >> 4
        for (here, _, scale, weight, *_, moved, _, _), value in zip(self.band, values, strict=True):
            where = here[0], self.group[1], here[1], here[2]
            self.samples[where] = int(value)
            self.errors[where] = clamp(16 * value - moved, -4095, 4095)
            self.deviations[where] = (DEVIATION[scale] * WIDER[weight] + 128) >> 8

    def cost(self, scale: int, weight: int, mean: int, value: int) -> int:
        index, centre = table_of(scale, weight, mean)
        f, offset = table_at(self.tables, index)
        slot = value - centre - offset
        return 24 * 256 - logarithm8(f[slot] if 0 <= slot < len(f) else f[-1])


def logarithm8(x: int) -> int:
    """log2 in 1/256, also of numbers below 256."""
    return logarithm(x << 8) - 8 * 256


def positions(shape: tuple[int, int, int], level: int, phase: int, white: int) -> list[tuple[int, int, int]]:
    """(picture, row, column) of the samples of a group, in the order of the walk."""
    s, (row, column) = 1 << level, PHASES[phase]
    return [
        (picture, y, x)
        for picture in range(shape[0])
        for i, y in enumerate(range(row * s, shape[1], 2 * s))
        for j, x in enumerate(range(column * s, shape[2], 2 * s))
        if (i + j) % 2 == white
    ]


def band_slices(n: int) -> list[slice]:
    length = max(-(-n // 16), 64)
    return [slice(start, start + length) for start in range(0, n, length)]


def table_of(scale: int, weight: int, mean: int) -> tuple[int, int]:
    """Table and centre, as under "Table index"."""
    bits_of = [4] * 15 + [3] * 13 + [2] * 9 + [1] * 10 + [0] * 11
    bits = bits_of[scale]
    nearest = (mean + (8 >> bits)) >> (4 - bits)
    return sum(8 << b for b in bits_of[:scale]) + (weight << bits) + nearest % (1 << bits), nearest >> bits
