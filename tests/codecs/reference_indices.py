"""Indices of docs/format.md in plain integers: a palette, and of each pixel the index of its colour."""

from typing import TypeAlias

import numpy as np

from tests.coding.reference import Decoder
from tests.coding.reference_mixing import GOLDEN, MIX, Decisions, Learned, odds

NEIGHBOURS = (
    "-1,0 0,-1 -1,-1 1,-1 -2,0 0,-2 1,-2 -1,-2 -2,-1 2,-1 -3,0 0,-3 2,-2 -2,-2 3,-1 -3,-1 -4,0 1,-3 -1,-3 3,-2 -3,-2 "
    "4,-1 -4,-1 -5,0 2,-3 -2,-3 -6,0 5,-1 -5,-1 4,-2 -4,-2 0,-4 1,-4 -1,-4"
)
PLACES = [tuple(map(int, place.split(","))) for place in NEIGHBOURS.split()]
CONTEXTS = [*(range(n) for n in (2, 10, 16, 24, 34)), (0, 4, 10, 16, 23, 26), (1, 2, 3, 5, 11), (0, 1, 3, 9, 14)]
Match: TypeAlias = tuple[int, int, int]


def decode(stream: bytes, height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3)."""
    decoder = Decoder(stream)
    count = decoder.bits(16) + 1
    decisions = Decisions(decoder, height * width)
    colours = np.array(palette(decisions, count), np.uint8)
    return colours[indices(decisions, count, height, width)]


def palette(decisions: Decisions, count: int) -> list[list[int]]:
    found = []
    r, s, t = [0] * 3, [0] * 3, [0] * 3
    for _ in range(count):
        now: list[int] = []
        u = [0] * 3
        for i in range(3):
            e = now == r[:i]
            start = r[i] if e else now[i - 1]
            y = [0, start, s[i], 256 * u[0] + u[1], 256 * s[i] + (u[i - 1] if i else s[1])]
            y += [(start // 8, 0, 0)[i] if i == 0 else 32 * (now[0] // 8) + (now[1] // 8 if i == 2 else 0)]
            y += [256 * s[i] + t[i], 256 * now[i - 1] + start if i else 256 * s[1] + s[2]]
            v, n = 2 * i + e, 1
            hashes = [0x85EBCA6B * (8 * one + v) % 2**32 for one in y]
            for k in reversed(range(8)):
                n = 2 * n + decisions.take(hashes, n, 3, 0, (512 + v, 512 + v, 784 + k, 512 + n), 768 + n)
            u[i] = n - 256
            now.append((start + u[i]) % 256)
        r, s, t = now, u, s
        found.append(now)
    return found


def indices(decisions: Decisions, count: int, height: int, width: int) -> np.ndarray:
    row = width + 6
    held = [0] * ((height + 5) * row + 12)
    recent: list[dict[int, int]] = [{}, {}, {}]
    learned = [Learned(3774873, 255) for _ in range(16)]
    at = length = 0
    for y in range(height):
        for x in range(width):
            here = (y + 4) * row + 6 + x
            around = [held[here + dx + dy * row] for dx, dy in PLACES]
            contexts = [sum(around[j] * pow(GOLDEN, j + 1, 2**32) for j in places) % 2**32 for places in CONTEXTS]
            keys = [(contexts[k] * MIX % 2**32) >> 16 for k in (4, 2, 5)]
            if not at:
                for known, key, needed in zip(recent, keys, (4, 4, 16), strict=True):
                    place = known.get(key, 0)
                    same = 0
                    while place and same < 16 and held[place - 1 - same] == held[here - 1 - same]:
                        same += 1
                    if same >= needed:
                        at, length = place, same // 2
                        break
            held_for = min(length // 2, 15) if at else 0
            match = (held_for, held[at], odds(learned[held_for].p >> 10)) if at else (0, 0, 0)
            index = pixel(decisions, count, around, contexts, match)
            assert index < count, "damaged"
            held[here] = index
            if at:
                learned[held_for].learn(int(index == held[at]))
                at, length = (at + 1, min(length + 1, 32)) if index == held[at] else (0, 0)
            for known, key in zip(recent, keys, strict=True):
                known[key] = here
    return np.array([held[(y + 4) * row + 6 :][:width] for y in range(height)])


def pixel(decisions: Decisions, count: int, around: list[int], contexts: list[int], match: Match) -> int:
    held_for, foretold, its_odds = match
    W, N, C, E, W2, N2 = around[:6]
    H = [h * MIX % 2**32 for h in contexts]
    a = sum(flag << k for k, flag in enumerate((W == N, W == C, N == E, N == N2, W == W2)))
    others = [c for c in (N, E, C) if c != W]
    asked: list[int] = []
    for j, c in enumerate([W, *others[:1]]):
        if j + 1 >= count:
            break
        agrees = held_for > 0 and foretold == c
        template = 512 + (H[1] >> 24) if j else H[1] >> 23
        same = sum((c == one) << k for k, one in enumerate((W, N, E, C, W2, N2)))
        choices = (32 * j + 16 * agrees + held_for, 32 * j + a, template, 64 * j + same)
        node = c + 1 + 2**17 * j
        if decisions.take(contexts, node, j, its_odds if agrees else -its_odds, choices, 256 * j + (H[0] >> 24)):
            return c
        asked.append(c)
    if len(asked) == count - 1:
        return next(i for i in range(count) if i not in asked)
    bits, n = (count - 1).bit_length(), 1
    for k in reversed(range(bits)):
        agrees = held_for > 0 and n == (2**bits + foretold) >> k + 1
        half = its_odds // 2 if foretold >> k & 1 else -(its_odds // 2)
        choices = (64 + 16 * agrees + held_for, 256 + 16 * k + a % 16, 768 + k, 256 + n % 256)
        z = 512 + (n * GOLDEN % 2**32 >> 24)
        n = 2 * n + decisions.take(contexts, n + 3 * 2**17, 2, half if agrees else 0, choices, z)
    return n - 2**bits
