"""The wavelet transform: invertible, near-orthonormal, mirrored at borders."""

import math

import pytest
import torch

from roundel.training.wavelet import transform as wavelet

LEVELS = len(wavelet.NORMS)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (160, 32)])
def test_synthesis_undoes_analysis(height: int, width: int) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = wavelet.analysis(x, LEVELS)
    assert [p.shape[1] for p in parts] == [3] + [9] * LEVELS
    torch.testing.assert_close(wavelet.synthesis(parts), x, rtol=0, atol=1e-12)


def test_norms_are_those_of_unit_coefficients() -> None:
    parts = [torch.zeros_like(p) for p in wavelet.analysis(torch.zeros(1, 3, 512, 512, dtype=torch.float64), LEVELS)]
    expected = [(wavelet.LOW_NORM,), *wavelet.NORMS]
    for part, norms in zip(parts, expected, strict=True):
        for channel, norm in enumerate(norms):
            part[0, channel, part.shape[2] // 2, part.shape[3] // 2] = 1
            assert wavelet.synthesis(parts).norm().item() == pytest.approx(norm, abs=1e-4)
            part.zero_()


def test_a_flat_grey_picture_is_one_number_per_low_sample() -> None:
    parts = wavelet.analysis(torch.full((1, 3, 64, 64), 0.25, dtype=torch.float64), LEVELS)
    torch.testing.assert_close(parts[0][:, 0], torch.full((1, 2, 2), 0.25 * math.sqrt(3) * 2**LEVELS).double())
    assert max(p.abs().max() for p in (parts[0][:, 1:], *parts[1:])) < 1e-9


def test_colours_are_orthonormal() -> None:
    matrix = torch.tensor(wavelet.COLOURS, dtype=torch.float64)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(3, dtype=torch.float64))


def test_a_coefficient_reaches_no_further_than_promised() -> None:
    parts = [torch.zeros_like(p) for p in wavelet.analysis(torch.zeros(1, 3, 512, 512), LEVELS)]
    for part in parts[:2]:
        part[0, 2, 8, 8] = 1  # of the coarsest grid: pixels 256 … 287
        touched = wavelet.synthesis(parts).abs().sum((0, 1, 2)).nonzero().flatten()
        reach = wavelet.REACH * (2**LEVELS - 1)
        assert touched.min() >= 256 - reach
        assert touched.max() < 288 + reach
        part.zero_()
