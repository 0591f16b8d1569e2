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
from roundel.codecs.wavelet.walk import BANDS, BLACK, DETAILS, WHITE, Group, pick, put

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
        self._part, self._target, self._errors = 0, y[0], np.zeros_like(y[0])
        """The part that is coded, what to code of it, and its errors so far."""
        self._low: NDArray[np.float32] = np.empty(0, np.float32)
        """The errors of all parts before in pixel values, as opponent colours (3, h, w) of this part's size."""

    def targets(self, group: Group) -> NDArray[np.float32]:
        """What to code instead of a part's coefficients, (h, w, C), where a group of it comes next."""
        if group.part != self._part:
            wrong = _times(self._errors, self._steps[self._part])
            self._low = joined(self._low, wrong) if self._part else np.ascontiguousarray(wrong.transpose(2, 0, 1))
            self._part, y = group.part, self._y[group.part]
            self._target = y - self._pulled(joined(self._low, None))
        elif group.fields == BLACK:
            wrong = _times(self._errors, self._steps[self._part][:BANDS])
            own = self._pulled(joined(self._low[:1], wrong))
            np.subtract(self._y[self._part][..., :BANDS], own, out=self._target[..., :BANDS])
        return self._target

    def low(self, group: Group, values: NDArray[np.number[Any]]) -> None:
        """Take note of what was chosen of the low band: the values (N, 3) of a group."""
        put(self._errors, group, (values - pick(self._y[0], group)).astype(np.float32))

    def taken(self, group: Group, values: NDArray[np.number[Any]]) -> None:
        """The same of details: the values (h, w, 9) of a group's part so far."""
        y = self._y[group.part]
        if group.channels.stop == DETAILS:
            if group.part < len(self._y) - 1:  # else nothing follows
                self._errors = (values - y).astype(np.float32, copy=False)
        elif group.fields == WHITE:
            self._errors = (values[..., :BANDS] - y[..., :BANDS]).astype(np.float32, copy=False)
            self._errors[0::2, 1::2] = self._errors[1::2, 0::2] = 0

    def _pulled(self, wrong: NDArray[np.float32]) -> NDArray[np.float32]:
        """What errors of pictures (C, H, W) are to the coefficients of the part, in their steps."""
        lengths = np.tile(np.array(LENGTHS, np.float32), len(wrong))
        return _times(pulled(wrong), np.float32(1) / (self._steps[self._part][: lengths.size] * lengths))


def _times(x: NDArray[np.float32], factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """x (h, w, C) times factors (C,), a row at a time: NumPy is slow where the last axis is short."""
    height, width, _ = x.shape
    return (x.reshape(height, -1) * np.tile(factors, width)).reshape(x.shape)
