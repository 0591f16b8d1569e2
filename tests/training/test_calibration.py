"""A quality is a score where it should be, and qualities rise strictly everywhere."""

import numpy as np
import pytest

from roundel.errors import ModelError
from roundel.training.wavelet.calibration import t_of_quality

T = np.linspace(0, 1, 9)
SCORES = 100 - 95 * np.exp(-2.8 * T) - 0.5


def test_scores_at_the_qualities_are_the_qualities() -> None:
    found = t_of_quality(T.tolist(), SCORES.tolist())
    assert np.interp(found[30:91], T, SCORES) == pytest.approx(np.arange(30, 91))


def test_qualities_rise_strictly_from_end_to_end() -> None:
    found = t_of_quality(T.tolist(), SCORES.tolist())
    assert (found[0], found[100]) == (0, 1)
    assert (np.diff(found) > 0).all()


def test_scores_that_do_not_reach_are_named() -> None:
    with pytest.raises(ModelError, match="30 to above 90"):
        t_of_quality([0, 1], [40, 95])
    with pytest.raises(ModelError, match="rise"):
        t_of_quality([0, 0.5, 1], [10, 95, 94])
