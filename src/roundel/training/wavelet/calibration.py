"""What -q means: the t of each quality, so that a quality is about the SSIMULACRA2 score of a photograph."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.errors import ModelError

LOW, HIGH = 30, 90
"""Between these, quality and score agree on the mean of the pictures measured; beyond, t goes on to its ends."""


def t_of_quality(t: Sequence[float], scores: Sequence[float]) -> NDArray[np.float64]:
    """(101,) the t of qualities 0 … 100, strictly rising from 0 to 1.

    Args:
        t: ascending, in [0, 1]. scores: mean scores of pictures coded at them.

    Raises:
        ModelError: scores do not reach from LOW to HIGH, or do not rise with t.

    Example:
        >>> t_of_quality([0.0, 0.5, 1.0], [10, 60, 110])[[30, 60, 90]].round(2).tolist()
        [0.2, 0.5, 0.8]
    """
    at, found = np.asarray(t, float), np.asarray(scores, float)
    if (np.diff(at) <= 0).any() or (np.diff(found) <= 0).any() or found[0] >= LOW or found[-1] <= HIGH:
        raise ModelError(f"scores {found.round(1).tolist()} do not rise from below {LOW} to above {HIGH}")
    qualities = np.arange(101.0)
    inner = np.interp(np.clip(qualities, LOW, HIGH), found, at)
    start, end = inner[LOW], inner[HIGH]
    low, high = qualities < LOW, qualities > HIGH
    inner[low] = start * qualities[low] / LOW
    inner[high] = end + (1 - end) * (qualities[high] - HIGH) / (100 - HIGH)
    return inner
