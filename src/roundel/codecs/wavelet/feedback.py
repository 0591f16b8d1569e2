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

from roundel.codecs.wavelet.analysis import Coded, joined, pulled
from roundel.codecs.wavelet.walk import BLACK, WHITE, Group, pick, put

LENGTHS = (1.0227, 1.0227, 0.6198)
"""Squared lengths of what a unit coefficient of a level's bands adds to the picture that the level makes."""


class Feedback:
    """Targets that follow the errors of what is coded.

    Luma on black fields follows that on white ones, and each level those before it; colours do not see each other.

    Args:
        y: coefficients in steps, (h, w, C) for each part. steps: (C,) of each part, in pixel values.
    """

    def __init__(self, y: Sequence[NDArray[np.float32]], steps: Sequence[NDArray[np.float32]]) -> None:
        self._y, self._steps = y, steps
        self._part = 0
        self._coded: Coded | None = None
        """What is chosen so far of the part that is coded, none of the low band."""
        self._target = y[0]
        self._low = np.zeros((y[0].shape[2], *y[0].shape[:2]), np.float32)
        """The errors of all parts before in pixel values, as opponent colours (3, h, w) of this part's size."""

    def targets(self, group: Group) -> NDArray[np.float32]:
        """What to code instead of a part's coefficients, (h, w, C), where a group of it comes next."""
        if group.part != self._part:
            if self._part:
                self._low = joined(self._low, self._coded, self._steps[self._part])
            self._part, self._target = group.part, np.empty_like(self._y[group.part])
            self._pull(joined(self._low, None, self._steps[self._part]))
        elif group.fields == BLACK:
            self._pull(joined(self._low[:1], self._coded, self._steps[self._part]))
        return self._target

    def low(self, group: Group, values: NDArray[np.number[Any]]) -> None:
        """Take note of what was chosen of the low band: the values (N, 3) of a group."""
        wrong = ((values - pick(self._y[0], group)) * self._steps[0]).astype(np.float32)
        put(self._low.transpose(1, 2, 0), group, wrong)

    def taken(self, group: Group, values: NDArray[np.int16]) -> None:
        """The same of details: the values (h, w, 9) of a group's part so far; they are looked at later."""
        self._coded = Coded(values, self._y[group.part], group.fields == WHITE)

    def _pull(self, wrong: NDArray[np.float32]) -> None:
        """Targets of the part from errors of pictures (C, H, W): its coefficients less what they are to these."""
        lengths = np.tile(np.array(LENGTHS, np.float32), len(wrong))
        factors = np.float32(1) / (self._steps[self._part][: lengths.size] * lengths)
        pulled(wrong, factors, self._y[self._part], self._target)
