"""Mixed decisions of docs/format.md in plain integers: decoding only, slow, no part of roundel."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from math import floor, log2

from tests.coding.reference import Decoder

GOLDEN = 0x9E3779B1
MIX = 0x2C1B3C6D


def log(x: int) -> int:
    highest = x.bit_length() - 1
    eight = (x << 8 >> highest) - 256
    return 256 * highest + floor(256 * log2(1 + eight / 256) + 0.5)


@lru_cache(4096)
def odds(q: int) -> int:
    return log(2 * q + 1) - log(8191 - 2 * q)


def chances() -> dict[int, int]:
    found, p = {}, 1
    for o in range(-4095, 4096):
        while log(p) - log(65536 - p) < o:
            p += 1
        found[o] = p
    return found


CHANCE = chances()


def clamp(x: int) -> int:
    return max(-4095, min(4095, x))


class Learned:
    """A learned probability."""

    def __init__(self, p: int, most: int) -> None:
        self.p, self.n, self.most = p, 0, most

    def learn(self, d: int) -> None:
        self.p += (((2**22 - 1) * d - self.p) * (131072 // (2 * self.n + 3))) >> 16
        self.n = min(self.n + 1, self.most)


def after(history: int, d: int) -> int:
    seen = [history // 16, history % 16]
    e = seen[1 - d]
    seen[d] = min(15, seen[d] + 1)
    seen[1 - d] = e if e <= 2 else e // 2 + 1 + (e > 9)
    return 16 * seen[0] + seen[1]


class Decisions:
    """Reads decisions from a stream about so many samples."""

    def __init__(self, decoder: Decoder, samples: int) -> None:
        self.decoder = decoder
        self.s = next(s for s in range(12, 19) if s == 18 or 2**s >= samples // 4)
        self.history: defaultdict[tuple[int, int], int] = defaultdict(int)
        self.mark: defaultdict[tuple[int, int], int] = defaultdict(int)
        self.meaning: dict[tuple[int, int, int], Learned] = {}
        self.weights: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [9830] * 8 + [21845, 0])
        self.last: dict[tuple[int, int], Learned] = {}

    def slot(self, i: int, h: int, node: int) -> tuple[int, int]:
        x = (h + node * GOLDEN) * MIX % 2**32
        x = (x ^ x >> 16) * 0x297A2D39 % 2**32
        first, mark = (i, x >> 32 - self.s), x >> 4 & 255
        second = (i, first[1] ^ 1)
        for at in (first, second):
            if self.mark[at] == mark:
                return at
        known = [sum(divmod(self.history[at], 16)) for at in (first, second)]
        at = second if known[1] < known[0] else first
        self.mark[at], self.history[at] = mark, 0
        return at

    def learned(self, i: int, kind: int, history: int) -> Learned:
        a, b = divmod(history, 16)
        start = (10 * b + 4) * 2**22 // (10 * (a + b) + 8)
        return self.meaning.setdefault((i, kind, history), Learned(start, 255))

    def take(self, contexts: Sequence[int], node: int, kind: int, given: int, choices: Sequence[int], z: int) -> int:
        slots = [self.slot(i, h, node) for i, h in enumerate(contexts)]
        meanings = [self.learned(i, kind, self.history[at]) for i, at in enumerate(slots)]
        x = [odds(m.p >> 10) if self.history[at] else 0 for m, at in zip(meanings, slots, strict=True)] + [given, 256]
        sets = [self.weights[k, c] for k, c in enumerate(choices)]
        o_k = [clamp(sum((w >> 6) * v for w, v in zip(ws, x, strict=True)) >> 10) for ws in sets]
        o = sum(o_k) >> 2
        m, f = divmod(o + 4096, 256)
        near = [self.last.setdefault((z, k), Learned(64 * CHANCE[clamp(256 * (k - 16))], 127)) for k in (m, m + 1)]
        q = (near[0].p * (256 - f) + near[1].p * f) >> 14
        p = max(1, min(65535, (CHANCE[o] + q + 1) >> 1))
        d = self.decoder.slot([256 * (65536 - p), 256 * p])
        near[f >= 128].learn(d)
        for ws, its in zip(sets, o_k, strict=True):
            for j, v in enumerate(x):
                ws[j] = max(-(2**20), min(2**20, ws[j] + ((v * 3 * (65536 * d - CHANCE[its]) + 32768) >> 16)))
        for meaning, at in zip(meanings, slots, strict=True):
            meaning.learn(d)
            self.history[at] = after(self.history[at], d)
        return d
