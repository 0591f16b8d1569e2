"""The table index in C and in NumPy."""

import numpy as np
import pytest

from roundel.codecs.pyramid.distribution import mixture_index, plain_mixture_index
from roundel.coding import compiled


@pytest.mark.skipif(compiled.native() is None, reason="the C core is not built")
def test_c_and_numpy_agree_on_every_scale_and_tail_and_on_extremes() -> None:
    scales, tails = np.meshgrid(np.arange(-230, 300), np.arange(-400, 200, 3))
    rng = np.random.default_rng(0)
    mean = rng.integers(-8191, 8192, scales.shape)
    for arrays in ((mean, scales, tails), (mean[:, ::3], scales[:, ::3], tails[:, ::3])):
        integers = [a.astype(np.int32) for a in arrays]
        for ours, plain in zip(mixture_index(*integers), plain_mixture_index(*integers), strict=True):
            assert ours.shape == plain.shape
            assert np.array_equal(ours, plain)
    extremes = np.array([-(2**20), 2**20, 0], np.int32)
    for ours, plain in zip(mixture_index(*[extremes] * 3), plain_mixture_index(*[extremes] * 3), strict=True):
        assert np.array_equal(ours, plain)
