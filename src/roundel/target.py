"""Search for the quality that gives a file of a wanted size, or a picture of a wanted fidelity."""

from collections.abc import Callable
from typing import NamedTuple

from roundel.codec import MAX_QUALITY
from roundel.errors import RoundelError


class Found(NamedTuple):
    """The file that meets a target."""

    quality: int
    data: bytes


def largest_within(encode: Callable[[int], bytes], size_bytes: int) -> Found:
    """The best quality whose file is not larger than a size; file sizes grow with quality.

    Args:
        encode: quality 0..100 -> file.
        size_bytes: the largest size to accept.

    Raises:
        RoundelError: even the lowest quality takes more.

    Example:
        >>> largest_within(lambda quality: bytes(10 + quality), 42).quality
        32
    """
    low, high, best = 0, MAX_QUALITY, None
    smallest = 0
    while low <= high:
        quality = (low + high) // 2
        data = encode(quality)
        if len(data) <= size_bytes:
            low, best = quality + 1, Found(quality, data)
        else:
            high, smallest = quality - 1, len(data)
    if best is None:
        raise RoundelError(f"a file of {size_bytes} bytes is out of reach: quality 0 takes {smallest} bytes")
    return best


def smallest_reaching(encode: Callable[[int], bytes], psnr_db: Callable[[bytes], float], goal_db: float) -> Found:
    """The lowest quality that reaches a PSNR; fidelity grows with quality.

    Args:
        encode: quality 0..100 -> file.
        psnr_db: file -> PSNR of what it decodes to.
        goal_db: the least PSNR to accept, in dB.

    Raises:
        RoundelError: even the highest quality stays below.

    Example:
        >>> smallest_reaching(lambda quality: bytes(quality), lambda data: len(data) / 2, 31.2).quality
        63
    """
    low, high, best = 0, MAX_QUALITY, None
    reached = 0.0
    while low <= high:
        quality = (low + high) // 2
        data = encode(quality)
        found = psnr_db(data)
        if found >= goal_db:
            high, best = quality - 1, Found(quality, data)
        else:
            low, reached = quality + 1, found
    if best is None:
        raise RoundelError(f"{goal_db:g} dB is out of reach: quality {MAX_QUALITY} gives {reached:.2f} dB")
    return best
