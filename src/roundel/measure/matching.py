"""The best that a codec does within so many bytes: what makes pictures of several codecs comparable by eye."""

from typing import NamedTuple

import numpy as np

from roundel.measure.rd import Codec

_STEPS = 10
"""Halvings of the ladder: its thousandth part is finer than any step that eyes see."""


class Match(NamedTuple):
    """A file and the setting that it was made with."""

    setting: float
    data: bytes


def best_within(codec: Codec, pixels: np.ndarray, size_bytes: int) -> Match:
    """The file of the best setting, between the ends of a codec's ladder, that is not larger than so many bytes.

    Args:
        codec: its ladder rises from the lowest quality to the best; where all settings are whole, only whole ones are
            tried.
        pixels: uint8 (H, W, 1 or 3).
        size_bytes: the most that the file may have.

    Returns:
        The best such file; that of the lowest setting where even this is larger.

    Example:
        >>> from roundel.measure.baselines import find
        >>> pixels = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
        >>> len(best_within(find("jpeg"), pixels, 2000).data) <= 2000
        True
    """
    files: dict[float, bytes] = {}

    def at(place: float) -> Match:
        setting = _setting(codec.ladder, place)
        if setting not in files:
            files[setting] = codec.encode(pixels, setting)
        return Match(setting, files[setting])

    best, low, high = at(0.0), 0.0, 1.0
    place = high  # all of them may fit
    for _ in range(_STEPS):
        if len((found := at(place)).data) <= size_bytes:
            best, low = found, place
        else:
            high = place
        place = (low + high) / 2
    return best


def _setting(ladder: tuple[float, ...], place: float) -> float:
    """A setting at a place of the ladder, 0 at its beginning and 1 at its end."""
    value = float(np.interp(place * (len(ladder) - 1), range(len(ladder)), ladder))
    return float(round(value)) if all(float(setting).is_integer() for setting in ladder) else round(value, 2)
