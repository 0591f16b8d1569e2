"""Seen colours as docs/format.md has them, one sample at a time in plain integers: slow, short, no part of roundel."""

from collections import Counter
from collections.abc import Sequence
from math import floor, log2

import numpy as np

from roundel.coding import Tables
from tests.coding.reference import Decoder, distances, table

FIRST_WEIGHTS = [
    [-14, -13, -12, -11, -8, -6, -3, 1, -6, -9, -11, -14, -4],
    [-18, -13, -12, -9, -8, -5, 0, 10, -13, -14, -17, -16, -11],
    [-24, -11, -10, -8, -4, 1, 8, 15, -25, -22, -20, -18, -23],
    [-28, -6, -1, 4, 11, 15, 18, 25, -29, -23, -17, -11, -35],
    [-33, 8, 12, 14, 15, 17, 19, 26, -19, -7, 0, 3, -44],
    [-21, 16, 14, 15, 15, 15, 15, 21, -3, 7, 10, 10, -56],
]


def logarithm(x: int) -> int:
    """log2 in 1/256 from the eight bits after the highest."""
    place = x.bit_length() - 1
    return 256 * place + floor(256 * log2(1 + (x >> (place - 8)) % 256 / 256) + 0.5)


def power(w: int) -> int:
    """64 · 2^(w / 256), from a table of one octave."""
    octave, rest = divmod(w + 1536, 256)
    return (floor(256 * 2 ** (rest / 256) + 0.5) << octave) >> 8


def rgb(y: int, co: int, cg: int) -> tuple[int, int, int]:
    """The colour of YCoCg-R."""
    t = y - (cg >> 1)
    b = t - (co >> 1)
    return b + co, cg + t, b


class SeenColours:
    """Counts and weights of a tile."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.weights = [[[16 * w for w in FIRST_WEIGHTS[c % 6]] for c in range(18)] for _ in range(3)]
        self.exact: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(3)]
        self.beside: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(3)]

    def value_class(self, value: int, before: Sequence[int]) -> int:
        """Class 0 … 12 of a value after the colours before it."""
        if len(before) == 0:
            possible = -128 <= value <= 127
        elif len(before) == 1:
            y = before[0] + 128
            possible = abs(value) <= min(255, 4 * y + 3, 4 * (255 - y))
        else:
            possible = abs(value) <= 255 and all(0 <= c <= 255 for c in rgb(before[0] + 128, before[1], value))
        if not possible:
            return 12
        seen = min(255, self.exact[len(before)][(*before, value)])
        if seen:
            return sum(seen >= n for n in (1, 2, 3, 5, 9, 17, 49))
        beside = min(255, self.beside[len(before)][(*before[1:], value)]) if before else 0
        return 7 + sum(beside >= n for n in (1, 3, 9, 33)) if beside else 0

    def window(self, t: int) -> tuple[int, int] | None:
        """First and last symbol of a table's window."""
        if t >= len(self.tables) - 2:
            return None
        f, offset = table(self.tables, t)
        first, last = 0, 1
        if offset > 0 or offset + len(f) - 2 < 1:
            return None
        while True:
            outside = 2**24 - sum(f[first - offset : last + 1 - offset])
            if outside <= 2**17 or last == 32 or first == offset or last == offset + len(f) - 2:
                return first, last
            first, last = first - 1, last + 1

    def take(
        self, decoder: Decoder, colour: int, index: np.ndarray, centre: np.ndarray, before: list[np.ndarray]
    ) -> np.ndarray:
        """The values of a band."""
        values = [0] * len(index)
        found = [[0] * 13 for _ in range(18)]
        expected = [[0] * 13 for _ in range(18)]
        escaped = []
        for i in range(len(index)):
            known = [int(b[i]) for b in before]
            f, offset = table(self.tables, int(index[i]))
            window = self.window(int(index[i]))
            classes = [0] * len(f)
            for symbol in range(window[0], window[1] + 1) if window else ():
                classes[symbol - offset] = self.value_class(int(centre[i]) + symbol, known)
            context = None
            if any(classes):
                context, f = self.corrected(colour, int(index[i]), f, classes, expected)
            slot = decoder.slot(f)
            if context is not None:
                found[context][classes[slot]] += 2**24
            values[i] = int(centre[i]) + offset + slot
            if slot == len(f) - 1:
                escaped.append(i)
        for i, e in zip(escaped, distances(decoder, len(escaped)), strict=True):
            f, offset = table(self.tables, int(index[i]))
            edge = offset - 1 - e // 2 if e % 2 else offset + len(f) - 1 + e // 2
            values[i] = int(centre[i]) + edge
        for context in range(18):
            for k in range(13):
                step = logarithm(found[context][k] + 12 * 2**24) - logarithm(expected[context][k] + 12 * 2**24)
                w = self.weights[colour][context][k] + step
                self.weights[colour][context][k] = max(-1408, min(1408, w))
        return np.array(values, np.int64)

    def count(self, colour: int, values: np.ndarray, before: list[np.ndarray]) -> None:
        """Remember a whole group."""
        for i, value in enumerate(values.tolist()):
            known = [int(b[i]) for b in before]
            self.exact[colour][(*known, value)] += 1
            self.beside[colour][(*known[1:], value)] += 1

    def corrected(
        self, colour: int, t: int, f: Sequence[int], classes: list[int], expected: list[list[int]]
    ) -> tuple[int, list[int]]:
        """Context and frequencies of a table whose slots have these classes."""
        mass = [sum(m for m, c in zip(f, classes, strict=True) if c == k) for k in range(13)]
        unseen = mass[0] + sum(mass[8:12]) // 2 + mass[12]
        amount = sum(unseen >= m for m in (503316, 2516582, 6710886, 11744051, 15099494))
        context = 6 * ((t >= 2368) + (t >= 2816)) + amount
        weights = [power(w) for w in self.weights[colour][context]]
        scale = ((2**24 - len(f)) << 32) // sum(m * w for m, w in zip(mass, weights, strict=True))
        for k in range(13):
            expected[context][k] += ((mass[k] * weights[k]) >> 6) * scale >> 26
        starts, total = [], 0
        for i, (m, c) in enumerate(zip(f, classes, strict=True)):
            starts.append((total * scale >> 32) + i)
            total += m * weights[c]
        return context, [b - a for a, b in zip(starts, [*starts[1:], 2**24], strict=True)]
