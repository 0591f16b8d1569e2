"""Samples of up to 16 bits in Python, for where the C core is not built: the twin of native/samples.c."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.coding.plain_mixing import WORD, Full, Mixing, Question, Read, Written
from roundel.errors import FormatError

MARGIN, ROWS_ABOVE, STRIP = 4, 3, 32
PLACES = (
    *((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (1, -2), (-1, -2)),
    *((-2, -1), (2, -1), (-3, 0), (0, -3), (2, -2), (-2, -2), (3, -1), (-3, -1)),
)
"""Neighbours (column, row), nearest ones first: inputs of the sample's own colour, twelve of them in colour."""
OWN_IN_COLOUR = 12
OTHER_PLACES = (0, 0), (-1, 0), (0, -1), (-1, -1), (1, -1)
RIDGE, WEIGHT_BITS, WEIGHT_MAX, FADE = 20.0, 16, 262144.0, 0.875
CLASSES, FINE = 16, 3
CLASS, SIGN, BIT = 0, 1, 2
"""Kinds of decisions."""
SPREAD, OFFSET = 0x85EBCA6B, 0x1000193


class Around(NamedTuple):
    """What surrounds a sample, as quarters of logarithms: errors, errors of the colours before, differences."""

    wide: int
    other: int
    slope: int
    signs: int
    """Of the errors of the colours before."""
    context: list[int]


def put(samples: NDArray[np.uint16], limit: int) -> bytes | None:
    """The bytes of samples (h, w, 1 or 3), or None if there are more than `limit`."""
    stream = Written(limit)
    try:
        _Coder(stream, *samples.shape).code(samples)
    except Full:
        return None
    data = stream.stream.close()
    return data if len(data) <= limit else None


def take(data: bytes, height: int, width: int, colours: int) -> NDArray[np.uint16]:
    """Samples (height, width, colours). Raises: FormatError."""
    return _Coder(Read(data), height, width, colours).code(None)


class _Fit:
    """Least squares of a strip of columns. Args: n: inputs."""

    def __init__(self, n: int) -> None:
        self.products, self.target = np.zeros((n, n)), np.zeros(n)
        self.weights = [0] * n

    def learn(self, inputs: list[int], wanted: int, weight: float) -> None:
        """Add a sample."""
        x = np.array(inputs, np.float64)
        weighted = weight * x
        self.products += weighted[:, None] * x
        self.target += weighted * wanted

    def renew(self, beside: list["_Fit"]) -> None:
        """New weights, from the sums of those beside too; each operation rounded by itself, in this order."""
        p, q = self.products, self.target
        for other in beside:
            p, q = p + other.products, q + other.target
        n, rows, right = len(q), p.tolist(), q.tolist()
        m, low, d, y = [[0.0] * n for _ in range(n)], [[0.0] * n for _ in range(n)], [0.0] * n, [0.0] * n
        for i in range(n):
            for j in range(i + 1):
                z = rows[i][j] + RIDGE if i == j else rows[i][j]
                for k in range(j):
                    z -= m[i][k] * low[j][k]
                if i == j:
                    d[i] = max(z, 1.0)
                else:
                    m[i][j], low[i][j] = z, z / d[j]
            z = right[i]
            for k in range(i):
                z -= low[i][k] * y[k]
            y[i] = z
        for i in reversed(range(n)):
            z = y[i] / d[i]
            for k in range(i + 1, n):
                z -= low[k][i] * y[k]
            y[i] = z
            self.weights[i] = int(np.floor(min(max(z * 65536 + 0.5, -WEIGHT_MAX), WEIGHT_MAX)))

    def fade(self) -> None:
        """Forget an eighth."""
        self.products *= FADE
        self.target *= FADE


class _Coder:
    """Both directions: what is given is written, or else read."""

    def __init__(self, stream: Written | Read, height: int, width: int, colours: int) -> None:
        self._stream, self._mixing = stream, Mixing(4 * height * width)
        self._height, self._width, self._colours = height, width, colours
        shape = height + ROWS_ABOVE, width + 2 * MARGIN
        self._planes = [np.zeros(shape, np.int64).tolist() for _ in range(colours)]
        self._errors = [np.zeros(shape, np.int64).tolist() for _ in range(colours)]
        strips = -(-width // STRIP)
        self._fits = [[_Fit(self._inputs(k)) for _ in range(strips)] for k in range(colours)]

    def _inputs(self, k: int) -> int:
        return len(PLACES) if self._colours == 1 else OWN_IN_COLOUR + len(OTHER_PLACES) * k

    def code(self, given: NDArray[np.uint16] | None) -> NDArray[np.uint16]:
        """All samples."""
        found = np.zeros((self._height, self._width, self._colours), np.uint16)
        order = (1, 0, 2) if self._colours == 3 else (0,)
        for y in range(self._height):
            for row in self._fits if y else ():
                for i, fit in enumerate(row):
                    fit.renew(row[i - 1 : i] * (i > 0) + row[i + 1 : i + 2])
                for fit in row:
                    fit.fade()
            for x in range(self._width):
                for k, colour in enumerate(order):
                    found[y, x, colour] = self._sample(k, x, y, int(given[y, x, colour]) if given is not None else 0)
                    if self._stream.full:
                        raise Full
        return found

    def _sample(self, k: int, x: int, y: int, value: int) -> int:
        fit = self._fits[k][x // STRIP]
        places = PLACES if self._colours == 1 else PLACES[:OWN_IN_COLOUR]
        start = self._middle(k, x, y)
        inputs = self._around(k, x, y, places, start)
        for j in range(k):
            inputs += self._around(j, x, y, OTHER_PLACES, self._middle(j, x, y))
        total = sum(w * v for w, v in zip(fit.weights, inputs, strict=True))
        expected = start + ((total + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS)
        predicted = min(max(expected, 0), 65535)
        error = self._error(k, x, y, value - predicted)
        found = predicted + error
        if not 0 <= found <= 65535:
            raise FormatError("coded data holds a value that no encoder writes; the file is damaged")
        row, column = y + ROWS_ABOVE, x + MARGIN
        self._planes[k][row][column] = found
        e = self._errors[k]
        e[row][column] = error
        if y:
            near = abs(e[row][column - 1]) + abs(e[row - 1][column])
            far = abs(e[row - 1][column - 1]) + abs(e[row - 1][column + 1])
            bits = (1 + abs(error) + (3 * near + 2 * far) // 8).bit_length() - 1
            fit.learn(inputs, found - start, 0.25**bits)
        return found

    def _middle(self, k: int, x: int, y: int) -> int:
        """The middle of the neighbours to the left and above, as far as there are any."""
        v, row, column = self._planes[k], y + ROWS_ABOVE, x + MARGIN
        if x and y:
            return (v[row][column - 1] + v[row - 1][column] + 1) >> 1
        return v[row - 1][column] if y else v[row][column - 1] if x else 0

    def _around(self, k: int, x: int, y: int, places: tuple[tuple[int, int], ...], less: int) -> list[int]:
        v, row, column = self._planes[k], y + ROWS_ABOVE, x + MARGIN
        return [
            v[row + dy][column + dx] - less if 0 <= x + dx < self._width and y + dy >= 0 else 0 for dx, dy in places
        ]

    def _surroundings(self, k: int, x: int, y: int) -> Around:
        e, v, row, column = self._errors[k], self._planes[k], y + ROWS_ABOVE, x + MARGIN
        sizes = {(dx, dy): abs(e[row + dy][column + dx]) for dx, dy in PLACES}
        west, north, corner, east, west2, north2 = (sizes[place] for place in PLACES[:6])
        rest = sum(sizes[place] for place in ((1, -2), (2, -1), (-3, 0), (0, -3), (-2, -1), (-1, -2)))
        wide = quarters(3 * (west + north) + 2 * (corner + east) + west2 + north2 + rest)
        signs = other = 0
        for j in range(k):
            its = self._errors[j][row][column]
            other += 2 * abs(its)
            signs = 3 * signs + (1 if its > 0 else 2 if its < 0 else 0)
        other = quarters(other)
        above = v[row - 1]
        slope = quarters(
            abs(v[row][column - 1] - above[column - 1])
            + abs(above[column] - above[column - 1])
            + abs(above[column] - above[column + 1])
        )
        near, middle = quarters(west + north), quarters(2 * (west + north) + corner + east)
        positive = (e[row][column - 1] > 0) | (e[row - 1][column] > 0) << 1
        seen = (
            *((wide, 0), (middle, other // 2), (near, slope // 2), (wide, other), (quarters(west), quarters(north))),
            *((quarters(corner + east), quarters(west2 + north2)), (wide // 2, slope), (wide, positive | signs << 2)),
        )
        context = [((3 * i + k) << 24 | a << 12 | b) * SPREAD & WORD for i, (a, b) in enumerate(seen)]
        return Around(wide, other, slope, signs, context)

    def _error(self, k: int, x: int, y: int, value: int) -> int:
        around = self._surroundings(k, x, y)
        kind = self._class(k, around, abs(value).bit_length())
        if not kind:
            return 0
        row, column = y + ROWS_ABOVE, x + MARGIN
        west, north = self._errors[k][row][column - 1], self._errors[k][row - 1][column]
        negative = self._sign(k, west, north, around, kind, int(value < 0))
        size = self._rest(around, kind, abs(value))
        return -size if negative else size

    def _class(self, k: int, around: Around, value: int) -> int:
        """Bits of the error's size: is it more than foretold? Then one by one upwards, or downwards."""
        now = foretold = min(max((around.wide + 2) // 4 - 4, 0), CLASSES - 1)
        way = 0
        while True:
            asked = Question(around.context, now + 32 * way, CLASS)
            asked.choice = (
                *(32 * k + now, 128 + 128 * way + min(around.wide, 127)),
                *(256 * way + around.other // 2 * 4 + (now - foretold & 3), 64 * way + around.slope // 2),
            )
            asked.last = now * 32 + (around.wide & 31)
            more = self._mixing.decide(self._stream, asked, int(value > now))
            way = way or (1 if more else 2)
            now += 1 if way == 1 and more else -1 if way == 2 and not more else 0
            if way == 1 and (not more or now == CLASSES):
                return now
            if way == 2 and (more or now < 0):
                return now + 1

    def _sign(self, k: int, west: int, north: int, around: Around, kind: int, value: int) -> int:
        sides = ((west > 0) + 2 * (west < 0)) * 3 + (north > 0) + 2 * (north < 0)
        signs = around.signs
        seen = (sides, sides << 8 | signs, signs << 8 | around.wide // 4, 0, signs << 8 | kind)
        own = [((3 * (i + 8) + k) * OFFSET + one * SPREAD) & WORD for i, one in enumerate(seen)]
        asked = Question(own + around.context[len(own) :], kind, SIGN)
        asked.choice = 120 + 4 * k + (west > 0) + 2 * (north > 0), 32 + kind, 700 + signs, 300 + around.wide // 4
        asked.last = 600 + kind
        return self._mixing.decide(self._stream, asked, value)

    def _rest(self, around: Around, kind: int, value: int) -> int:
        """The bits of the error's size below the highest."""
        node, bit = 1, kind - 2
        while bit >= 0 and bit > kind - 2 - FINE:
            asked = Question(around.context, kind * 32 + node, BIT)
            asked.choice = 160 + kind * 8 + node, 512 + min(around.wide, 127), 720 + node, 400 + kind
            asked.last = 640 + kind * 8 + node
            node = node * 2 + self._mixing.decide(self._stream, asked, value >> bit & 1)
            bit -= 1
        return node if bit < 0 else node << (bit + 1) | self._stream.bits(value & ((2 << bit) - 1), bit + 1)


def quarters(x: int) -> int:
    """Four times the logarithm of x + 1, base 2: two bits after the highest count."""
    place = (x + 1).bit_length() - 1
    return 4 * place + ((x + 1) << 2 >> place & 3)
