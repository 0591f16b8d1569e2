"""Search for the quality that gives a file of a wanted size, or a picture of a wanted fidelity, in a few encodes.

Sizes and fidelities rise with the quality, nearly along a straight line (the logarithm of a size, a fidelity itself).
So the first guess comes from a typical picture, the second from the typical slope through the first, and the others
from the line through what is known on both sides.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from roundel.errors import RoundelError
from roundel.loaded import MAX_QUALITY


class Found(NamedTuple):
    """The file that meets a target."""

    quality: int
    data: bytes


class Line(NamedTuple):
    """How a measure goes with quality in a typical picture, once it is made straight."""

    at_zero: float
    slope: float
    """A unit of quality."""
    straight: Callable[[float], float] = float
    """Rises with the measure, and takes it to what goes along a line."""


def _distance(score: float) -> float:
    """Of a score of SSIMULACRA2 from 100, on a logarithmic scale; rises with the score."""
    return -math.log(max(100 - score, 1e-3))


LOG_BPP = Line(-2.75, 0.0426)
PSNR_DB = Line(26.8, 0.19)
SSIMULACRA2 = Line(-5.2, 0.0327, _distance)
"""Means over photos."""


class _Known(NamedTuple):
    """What one quality gives."""

    quality: int
    value: float
    data: bytes


def largest_within(encode: Callable[[int], bytes], size_bytes: int, *, pixels: int) -> Found:
    """The best quality whose file is not larger than a size.

    Args:
        encode: quality 0..100 -> file.
        size_bytes: the largest size to accept.
        pixels: of the picture.

    Raises:
        RoundelError: even the lowest quality takes more.

    Example:
        >>> largest_within(lambda quality: bytes(10 + quality), 42, pixels=300).quality
        32
    """
    typical = Line(LOG_BPP.at_zero + math.log(pixels / 8), LOG_BPP.slope)
    # between the size wanted and the next larger one, so that a file of just that size is within
    goal = math.log(size_bytes + 0.5)
    below, beyond = _around(lambda quality: _log_size(quality, encode(quality)), goal, typical)
    if below is None:
        assert beyond is not None
        raise RoundelError(f"a file of {size_bytes} bytes is out of reach: quality 0 takes {len(beyond.data)} bytes")
    return Found(below.quality, below.data)


def smallest_reaching(
    encode: Callable[[int], bytes], fidelity: Callable[[bytes], float], goal: float, typical: Line, unit: str
) -> Found:
    """The lowest quality that reaches a fidelity.

    Args:
        encode: quality 0..100 -> file.
        fidelity: file -> that of what it decodes to.
        goal: the least to accept.
        typical: how the fidelity goes with quality. unit: of the fidelity, for messages.

    Raises:
        RoundelError: even the highest quality stays below.

    Example:
        >>> smallest_reaching(lambda quality: bytes(quality), lambda data: len(data) / 2, 31.2, PSNR_DB, "dB").quality
        63
    """

    def measured(quality: int) -> _Known:
        data = encode(quality)
        scores[quality] = fidelity(data)
        return _Known(quality, typical.straight(scores[quality]), data)

    scores: dict[int, float] = {}
    # below the goal and no further, so that a picture of just this fidelity reaches it
    _, reached = _around(measured, math.nextafter(typical.straight(goal), -math.inf), typical)
    if reached is None:
        raise RoundelError(
            f"{goal:g} {unit} is out of reach: quality {MAX_QUALITY} gives {scores[MAX_QUALITY]:.2f} {unit}"
        )
    return Found(reached.quality, reached.data)


def _log_size(quality: int, data: bytes) -> _Known:
    return _Known(quality, math.log(max(len(data), 1)), data)


def _around(measure: Callable[[int], _Known], goal: float, typical: Line) -> tuple[_Known | None, _Known | None]:
    """The highest quality whose value is at most the goal, and the one after it; None where there is none."""
    below: _Known | None = None
    beyond: _Known | None = None
    guess = (goal - typical.at_zero) / typical.slope
    while True:
        low = -1 if below is None else below.quality
        high = MAX_QUALITY + 1 if beyond is None else beyond.quality
        if high - low == 1:
            return below, beyond
        found = measure(min(max(math.floor(guess), low + 1), high - 1))
        if found.value <= goal:
            below = found
        else:
            beyond = found
        guess = _crossing(below, beyond, found, goal, typical.slope)


def _crossing(below: _Known | None, beyond: _Known | None, last: _Known, goal: float, slope: float) -> float:
    """Where the value passes the goal: on the line between the neighbours, or on one of the typical slope."""
    if below is None or beyond is None or beyond.value <= below.value:
        step = (goal - last.value) / slope
        return last.quality + (max(step, 1) if last is below else min(step, -1))
    between = below.quality + (goal - below.value) / (beyond.value - below.value) * (beyond.quality - below.quality)
    # the quality sought is the one below the crossing: where that is known, its neighbour decides
    return between if math.floor(between) > below.quality else below.quality + 1
