"""Pictures of few colours in Python, where the C core is not built: the twin of native/indices.c."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.coding.plain_mixing import WORD, Chance, Full, Mixing, Question, Read, Written, hashed
from roundel.errors import FormatError

MARGIN, ROWS_ABOVE = 6, 4
"""Columns and rows around the picture, of index 0."""
PLACES = (
    *((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (1, -2), (-1, -2), (-2, -1), (2, -1)),
    *((-3, 0), (0, -3), (2, -2), (-2, -2), (3, -1), (-3, -1)),
    *((-4, 0), (1, -3), (-1, -3), (3, -2), (-3, -2), (4, -1), (-4, -1), (-5, 0)),
    *((2, -3), (-2, -3), (-6, 0), (5, -1), (-5, -1), (4, -2), (-4, -2), (0, -4), (1, -4), (-1, -4)),
)
"""Neighbours (column, row), nearest ones first."""
CONTEXTS = (
    *(tuple(range(end)) for end in (2, 10, 16, 24, len(PLACES))),
    (0, 4, 10, 16, 23, 26),
    (1, 2, 3, 5, 11),
    (0, 1, 3, 9, 14),
)
"""Which neighbours each context sees."""
CANDIDATES = 2
MATCH_BITS, MATCH_LOOK, MATCH_STEPS = 16, 16, 16
LOOKUPS = (4, 4), (2, 4), (5, MATCH_LOOK)
"""Ways to find a place like the pixel's: the context, and how many pixels before must be the same."""
VALUE, COLOUR = 2, 3
"""Kinds of decisions, after those on the first candidate and the second: a bit of an index, of a colour."""
GOLDEN = 0x9E3779B1


def put(index: NDArray[np.uint16], palette: NDArray[np.uint8], limit: int) -> bytes | None:
    """The bytes of a picture, or None if there are more than `limit`. Args: index: (H, W). palette: (K, 3)."""
    stream = Written(limit)
    stream.stream.bits(len(palette) - 1, 16)
    coder = _Coder(stream, *index.shape)
    try:
        coder.palette(len(palette), palette.tolist())
        coder.indices(len(palette), index.tolist())
    except Full:
        return None
    data = stream.stream.close()
    return data if len(data) <= limit else None


def take(data: bytes, height: int, width: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Index (H, W) and palette (K, 3). Raises: FormatError."""
    stream = Read(data)
    colours = stream.stream.bits(16) + 1
    coder = _Coder(stream, height, width)
    palette = np.array(coder.palette(colours, None), np.uint8)
    return np.array(coder.indices(colours, None), np.uint16), palette


class _Coder:
    """Both directions: what is given is written, or else read."""

    def __init__(self, stream: Written | Read, height: int, width: int) -> None:
        self._stream, self._mixing = stream, Mixing(height * width)
        self._height, self._width, self._stride = height, width, width + MARGIN
        self._offsets = [dx + dy * self._stride for dx, dy in PLACES]
        self._factors = [pow(GOLDEN, i + 1, 1 << 32) for i in range(len(PLACES))]

    def palette(self, count: int, given: Sequence[Sequence[int]] | None) -> list[list[int]]:
        """Colours, each part as its distance from the colour before, or from the part before where those differ."""
        was, step, step_before = [0] * 3, [0] * 3, [0] * 3
        found = []
        for k in range(count):
            now, made, same = [0] * 3, [0] * 3, 1
            for i in range(3):
                start, before = was[i] if same else now[i - 1], now[i - 1] if i else 0
                beside = made[i - 1] if i else step[1]
                coarse = (now[0] // 8 << 5 | (now[1] // 8 if i > 1 else 0)) if i else start // 8
                both = before << 8 | start if i else step[1] << 8 | step[2]
                seen = [0, start, step[i], made[0] << 8 | made[1], step[i] << 8 | beside, coarse]
                seen += [step[i] << 8 | step_before[i], both]
                wanted = (given[k][i] - start) & 255 if given else 0
                made[i] = self._part_of_colour(2 * i + same, seen, wanted)
                now[i] = (start + made[i]) & 255
                same &= int(now[i] == was[i])
            step_before, step, was = step, made, now
            found.append(now)
            self._check()
        return found

    def _part_of_colour(self, place: int, seen: Sequence[int], value: int) -> int:
        asked = Question([(s * 8 + place) * 0x85EBCA6B & WORD for s in seen], kind=COLOUR)
        node = 1
        for bit in reversed(range(8)):
            asked.node = node
            asked.choice = 512 + place, 512 + place, 784 + bit, 512 + node
            asked.last = 768 + node
            node = node * 2 + self._mixing.decide(self._stream, asked, value >> bit & 1)
        return node & 255

    def indices(self, colours: int, given: Sequence[Sequence[int]] | None) -> list[list[int]]:
        """Rows of indices."""
        first = ROWS_ABOVE * self._stride + MARGIN
        held = [0] * ((self._height + ROWS_ABOVE) * self._stride + 2 * MARGIN)
        chances = [Chance(3774873, 255) for _ in range(MATCH_STEPS)]
        recent: list[dict[int, int]] = [{} for _ in LOOKUPS]
        at = length = 0
        for y in range(self._height):
            for x in range(self._width):
                here = first + y * self._stride + x
                parts = [held[here + o] * f for o, f in zip(self._offsets, self._factors, strict=True)]
                context = [sum(parts[i] for i in places) & WORD for places in CONTEXTS]
                by = [hashed(context[k]) >> 32 - MATCH_BITS for k, _ in LOOKUPS]
                if not at:
                    at, length = _place_like(held, here, [r.get(b, 0) for r, b in zip(recent, by, strict=True)])
                steps = min(length // 2, MATCH_STEPS - 1) if at else 0
                odds, foretold = (chances[steps].odds, held[at]) if at else (0, 0)
                value = self._pixel(held, here, context, colours, (steps, odds, foretold), given[y][x] if given else 0)
                if value >= colours:
                    raise FormatError("coded data holds a value that no encoder writes; the file is damaged")
                self._check()
                held[here] = value
                for r, b in zip(recent, by, strict=True):
                    r[b] = here
                if at:
                    chances[steps].learn(int(foretold == value))
                    at, length = at + 1 if foretold == value else 0, min(length + 1, 2 * MATCH_STEPS)
        rows = range(first, first + self._height * self._stride, self._stride)
        return [held[row : row + self._width] for row in rows]

    def _pixel(
        self, held: list[int], here: int, context: list[int], colours: int, match: tuple[int, int, int], value: int
    ) -> int:
        """Is the index that of a neighbour, of the western one, then of the next that is another? Else bit by bit.

        Args:
            match: half the pixels that were the same as at a place before, 0 if there is none; the odds that what
                followed there follows here; that index.
        """
        west, north, corner, east, west2, north2 = (held[here + o] for o in self._offsets[:6])
        alike = (west == north) | (west == corner) << 1 | (north == east) << 2
        alike |= (north == north2) << 3 | (west == west2) << 4
        near, wide = hashed(context[0]), hashed(context[1])
        steps, odds, foretold = match
        asked = Question(context)
        tried: list[int] = []
        for candidate in dict.fromkeys((west, north, east, corner)):
            count = len(tried)
            if count == CANDIDATES or count + 1 >= colours:
                break
            agrees = int(steps > 0 and foretold == candidate)
            alikes = sum((candidate == v) << k for k, v in enumerate((west, north, east, corner, west2, north2)))
            asked.kind, asked.node = count, candidate + 1 + (count << 17)
            asked.given = odds if agrees else -odds
            template = 512 + (wide >> 24) if count else wide >> 23
            asked.choice = count << 5 | agrees << 4 | steps, count << 5 | alike, template, count << 6 | alikes
            asked.last = count << 8 | near >> 24
            if self._mixing.decide(self._stream, asked, int(value == candidate)):
                return candidate
            tried.append(candidate)
        if len(tried) + 1 == colours:
            return colours * (colours - 1) // 2 - sum(tried)
        bits, node = (colours - 1).bit_length(), 1
        asked.kind = VALUE
        for bit in reversed(range(bits)):
            agrees = int(steps > 0 and (foretold | 1 << bits) >> (bit + 1) == node)
            asked.node = node + (3 << 17)
            asked.given = agrees * ((odds >> 1) if foretold >> bit & 1 else -(odds >> 1))
            asked.choice = 64 | agrees << 4 | steps, 256 + (bit << 4 | alike & 15), 768 + bit, 256 + (node & 255)
            asked.last = 512 + ((node * GOLDEN & WORD) >> 24)
            node = node * 2 + self._mixing.decide(self._stream, asked, value >> bit & 1)
        return node - (1 << bits)

    def _check(self) -> None:
        if self._stream.full:
            raise Full


def _place_like(held: list[int], here: int, places: Sequence[int]) -> tuple[int, int]:
    """The first of places that several pixels before are the same as at `here`, and half their number; or 0, 0."""
    for at, (_, needed) in zip(places, LOOKUPS, strict=True):
        same = 0
        while at and same < MATCH_LOOK and held[here - 1 - same] == held[at - 1 - same]:
            same += 1
        if same >= needed:
            return at, same // 2
    return 0, 0
