"""Encoding harder: what comes later makes up for the errors of what came before.

The wavelet is not quite orthogonal: what a coefficient adds to the picture overlaps with what others add. Once some are
coded, the best values of the others are not their own any more, but those that take a part of the errors back:
y − (Sᵀ S e) / |S|², with S the synthesis and e the errors so far. Decoders see nothing of it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.analysis import linear_synthesis, pulled
from roundel.codecs.wavelet.walk import Group, pick, put

LENGTHS = ((1150.9,) * 3, (294.7, 294.7, 172.8), (72.83, 72.83, 42.35), (17.50, 17.50, 9.901), (3.987, 3.987, 2.142),
           (1.0227, 1.0227, 0.6198))  # fmt: skip
"""Squared lengths of what a unit coefficient adds to the picture: of the low band, then of each level's bands."""


class Feedback:
    """Targets that follow the errors of what is coded.

    Args:
        y: coefficients in steps, (h, w, C) for each part. steps: (C,) of each part, in pixel values.
        every: whether each group of a level follows what was coded just before; else only each level does.
        lengths: see `LENGTHS`, for as many parts.
    """

    def __init__(
        self,
        y: Sequence[NDArray[np.float32]],
        steps: Sequence[NDArray[np.float32]],
        *,
        every: bool,
        lengths: Sequence[Sequence[float]] = LENGTHS,
    ) -> None:
        self._y, self._steps, self._every, self._lengths = y, steps, every, lengths
        self._errors = [np.zeros_like(part) for part in y]
        self._part, self._target = 0, y[0]
        """The part that is coded, and what to code of it."""

    def target(self, group: Group) -> NDArray[np.float32]:
        """What to code instead of a group's own coefficients, (N, C)."""
        if group.part and (self._every or group.part != self._part):
            self._follow(group.part)
        self._part = group.part
        return pick(self._target, group)

    def coded(self, group: Group, values: NDArray[np.number[Any]]) -> None:
        """Take note of what was chosen, unless nothing follows that could make up for it."""
        if not self._every and group.part == len(self._y) - 1:
            return
        errors = (values - pick(self._y[group.part], group)).astype(np.float32)
        put(self._errors[group.part], group, errors)

    def _follow(self, part: int) -> None:
        levels, steps = len(self._y) - 1, self._steps[part]
        coded = zip(self._errors[: part + 1], self._steps, strict=False)
        wrong = linear_synthesis([errors * per_step for errors, per_step in coded], levels)
        lengths = np.tile(np.array(self._lengths[part], np.float32), 3)
        self._target = self._y[part] - pulled(wrong, levels, part) / (steps * lengths)
