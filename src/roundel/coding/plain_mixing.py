"""Binary decisions under probabilities that several contexts foretell together; docs/format.md, "Mixed decisions".

The twin of native/mixing.c in Python, for where the C core is not built: the same bytes, some two hundred times slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from roundel.coding import ranges
from roundel.coding.logs import log2
from roundel.coding.stream import PRECISION

CONTEXTS, SETS, KINDS, CHOICES, LAST = 8, 4, 4, 1024, 1024
ODDS_MAX = 4095
"""Logarithms of odds, base 2, in 1/256."""
ONE = 256
SLOT_BITS_MIN, SLOT_BITS_MAX = 12, 18
COUNT_MAX = 15
SEEN_MAX, LAST_SEEN_MAX = 255, 127
RATE, WEIGHT_MAX = 3, 1 << 20
WEIGHTS = (9830,) * CONTEXTS + (21845, 0)
"""At first, in 1/65536: of the contexts, of what the caller foretells, of a constant."""
STEPS = 33
"""Of the last correction, 256 of odds apart."""
CHANCE_BITS = 22
WORD = (1 << 32) - 1


def hashed(number: int) -> int:
    """A number times an odd constant, modulo 2^32."""
    return number * 0x2C1B3C6D & WORD


def _tables() -> tuple[list[int], list[int]]:
    """Odds of probabilities in 1/4096; probabilities, in 1/65536, of odds."""
    half = 2 * np.arange(4096) + 1
    odds = log2(half) - log2(8192 - half)
    p = np.arange(1, 65536)
    probability = 1 + np.searchsorted(log2(p) - log2(65536 - p), np.arange(-ODDS_MAX, ODDS_MAX + 1))
    return odds.tolist(), probability.tolist()


ODDS, PROBABILITY = _tables()


def _after(history: int, decision: int) -> int:
    """A history after a decision: counts of both kinds, the other one's falls to about half."""
    count = [history >> 4, history & 15]
    count[decision] = min(count[decision] + 1, COUNT_MAX)
    other = count[1 - decision]
    if other > 2:
        count[1 - decision] = other // 2 + 1 + (other > 9)
    return count[0] << 4 | count[1]


NEXT = [(_after(history, 0), _after(history, 1)) for history in range(256)]


class Chance:
    """A probability of ones that is learned. Args: probability: at first, of 2^22. most: decisions that count."""

    __slots__ = ("most", "probability", "seen")

    def __init__(self, probability: int, most: int) -> None:
        self.probability, self.seen, self.most = probability, 0, most

    def learn(self, decision: int) -> None:
        """Move towards a decision, the less the more were seen."""
        goal = (1 << CHANCE_BITS) - 1 if decision else 0
        self.probability += (goal - self.probability) * (131072 // (2 * self.seen + 3)) >> 16
        self.seen = min(self.seen + 1, self.most)

    @property
    def odds(self) -> int:
        """Its logarithm of odds."""
        return ODDS[self.probability >> 10]


class Full(Exception):  # noqa: N818 - no error
    """More bytes than are wanted."""


class Written:
    """Decisions go into a stream. Args: limit: no more bytes are wanted."""

    def __init__(self, limit: int) -> None:
        self.stream, self._limit = ranges.Writer(), limit

    def code(self, zeros: int, decision: int) -> int:
        """Put a decision. Args: zeros: probability of 0, of 2^24."""
        self.stream.slot(zeros if decision else 0, (1 << PRECISION) - zeros if decision else zeros)
        return decision

    def bits(self, value: int, count: int) -> int:
        """Put equally likely bits."""
        self.stream.bits(value, count)
        return value

    @property
    def full(self) -> bool:
        """Whether there are more bytes than are wanted."""
        return self.stream.length > self._limit


class Read:
    """Decisions come from a stream."""

    full = False

    def __init__(self, data: bytes) -> None:
        self.stream = ranges.Reader(data)

    def code(self, zeros: int, decision: int) -> int:
        """Take a decision; the one that is given is not looked at. Raises: FormatError."""
        found = int(self.stream.quantile() >= zeros)
        self.stream.consume(zeros if found else 0, (1 << PRECISION) - zeros if found else zeros)
        return found

    def bits(self, value: int, count: int) -> int:
        """Take equally likely bits; those that are given are not looked at. Raises: FormatError."""
        return self.stream.bits(count)


@dataclass
class Question:
    """A decision to be coded; see native/mixing.h."""

    context: Sequence[int] = ()
    node: int = 0
    kind: int = 0
    given: int = 0
    choice: Sequence[int] = ()
    last: int = 0


@dataclass
class Mixing:
    """What is learned from a tile's decisions. Args: pixels: of the tile."""

    pixels: int
    slots: list[dict[int, int]] = field(default_factory=lambda: [{} for _ in range(CONTEXTS)])
    """Of each context: history, and in the upper byte what tells contexts apart; 0 where nothing was."""

    def __post_init__(self) -> None:
        bits = SLOT_BITS_MIN
        while bits < SLOT_BITS_MAX and 1 << bits < self.pixels // 4:
            bits += 1
        self._shift = 32 - bits
        self._meaning: dict[tuple[int, int, int], Chance] = {}
        self._weights: dict[tuple[int, int], list[int]] = {}
        self._last: dict[tuple[int, int], Chance] = {}

    def decide(self, stream: Written | Read, asked: Question, decision: int) -> int:
        """Code one decision, and learn from it. Args: decision: not looked at where it is read. Raises: FormatError."""
        places = [self._place(i, context + asked.node * 0x9E3779B1 & WORD) for i, context in enumerate(asked.context)]
        meanings = [self._meaning_of(i, asked.kind, self.slots[i][at] & 255) for i, at in enumerate(places)]
        inputs = [
            m.odds if self.slots[i][at] & 255 else 0 for i, (m, at) in enumerate(zip(meanings, places, strict=True))
        ]
        inputs += [asked.given, ONE]
        sets = [self._weights.setdefault((n, choice), list(WEIGHTS)) for n, choice in enumerate(asked.choice)]
        said = [_clamped(sum((w >> 6) * x for w, x in zip(ws, inputs, strict=True)) >> 10, ODDS_MAX) for ws in sets]
        odds = sum(said) >> 2
        step, part = divmod(odds + STEPS // 2 * ONE, ONE)
        low, high = self._last_of(asked.last, step), self._last_of(asked.last, step + 1)
        seen = (low.probability * (ONE - part) + high.probability * part) >> 14
        p = min(max((PROBABILITY[odds + ODDS_MAX] + seen + 1) >> 1, 1), 65535)
        decision = stream.code((65536 - p) << 8, decision)
        (high if part >= ONE // 2 else low).learn(decision)
        for ws, its in zip(sets, said, strict=True):
            error = ((decision << 16) - PROBABILITY[its + ODDS_MAX]) * RATE
            ws[:] = [_clamped(w + ((x * error + 32768) >> 16), WEIGHT_MAX) for w, x in zip(ws, inputs, strict=True)]
        for i, at in enumerate(places):
            meanings[i].learn(decision)
            slot = self.slots[i][at]
            self.slots[i][at] = slot & 0xFF00 | NEXT[slot & 255][decision]
        return decision

    def _place(self, i: int, context: int) -> int:
        """Where a context's history stands: where it is marked, of two places, else where less is known."""
        product = hashed(context)
        product = (product ^ product >> 16) * 0x297A2D39 & WORD
        slots, at, mark = self.slots[i], product >> self._shift, (product >> 4 & 255) << 8
        here, beside = slots.setdefault(at, 0), slots.setdefault(at ^ 1, 0)
        if here & 0xFF00 == mark:
            return at
        if beside & 0xFF00 == mark:
            return at ^ 1
        if (beside >> 4 & 15) + (beside & 15) < (here >> 4 & 15) + (here & 15):
            at ^= 1
        slots[at] = mark
        return at

    def _meaning_of(self, i: int, kind: int, history: int) -> Chance:
        key = i, kind, history
        if key not in self._meaning:
            zeros, ones = history >> 4, history & 15
            self._meaning[key] = Chance((10 * ones + 4 << CHANCE_BITS) // (10 * (zeros + ones) + 8), SEEN_MAX)
        return self._meaning[key]

    def _last_of(self, context: int, step: int) -> Chance:
        key = context, step
        if key not in self._last:
            odds = _clamped((step - STEPS // 2) * ONE, ODDS_MAX)
            self._last[key] = Chance(PROBABILITY[odds + ODDS_MAX] << 6, LAST_SEEN_MAX)
        return self._last[key]


def _clamped(value: int, most: int) -> int:
    return max(-most, min(value, most))
