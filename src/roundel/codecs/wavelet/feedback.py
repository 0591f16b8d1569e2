"""Encoding harder: what comes later makes up for the errors of what came before.

The wavelet is not quite orthogonal: what a coefficient adds to the picture overlaps with what others add. Once some are
coded, the best values of the others are not their own any more, but those that take a part of the errors back:
y − (Sᵀ S e) / |S|², with e the errors so far and S the synthesis up to the level of y; what the levels after it make of
that is nearly of the same size everywhere. Decoders see nothing of it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.analysis import joined, pulled
from roundel.codecs.wavelet.walk import Group, pick, put

LENGTHS = (1.0227, 1.0227, 0.6198)
"""Squared lengths of what a unit coefficient of a level's bands adds to the picture that the level makes."""


class Feedback:
    """Targets that follow the errors of what is coded.

    Args:
        y: coefficients in steps, (h, w, C) for each part. steps: (C,) of each part, in pixel values.
        every: whether each group of a level follows what was coded just before; else only each level does.
    """

    def __init__(self, y: Sequence[NDArray[np.float32]], steps: Sequence[NDArray[np.float32]], *, every: bool) -> None:
        self._y, self._steps, self._every = y, steps, every
        self._part, self._target, self._errors = 0, y[0], np.zeros_like(y[0])
        """The part that is coded, what to code of it, and its errors so far."""
        self._low: NDArray[np.float32] = np.empty(0, np.float32)
        """The errors of all parts before in pixel values, as opponent colours (3, h, w) of this part's size."""

    def target(self, group: Group) -> NDArray[np.float32]:
        """What to code instead of a group's own coefficients, (N, C)."""
        return pick(self.targets(group.part), group)

    def targets(self, part: int) -> NDArray[np.float32]:
        """What to code instead of a part's coefficients, (h, w, C), where no group of it is coded yet."""
        if part and (self._every or part != self._part):
            self._follow(part)
        return self._target

    def coded(self, group: Group, values: NDArray[np.number[Any]]) -> None:
        """Take note of what was chosen of a group, (N, C), unless nothing follows that could make up for it."""
        if not self._every and group.part == len(self._y) - 1:
            return
        put(self._errors, group, (values - pick(self._y[group.part], group)).astype(np.float32))

    def taken(self, group: Group, values: NDArray[np.number[Any]]) -> None:
        """The same, of the values (h, w, C) of its part so far."""
        if self._every:
            self.coded(group, pick(values, group))
        elif group.part < len(self._y) - 1 and group.channels.stop == values.shape[2]:
            self._errors = (values - self._y[group.part]).astype(np.float32, copy=False)

    def _follow(self, part: int) -> None:
        steps = self._steps[part]
        if part != self._part:
            wrong = self._errors * self._steps[self._part]
            self._low = joined(self._low, wrong) if self._part else np.ascontiguousarray(wrong.transpose(2, 0, 1))
            self._part, self._errors = part, np.zeros_like(self._y[part])
        wrong = joined(self._low, self._errors * steps if self._every else None)
        self._target = self._y[part] - pulled(wrong) / (steps * np.tile(np.array(LENGTHS, np.float32), 3))
