"""The differentiable metrics are those of the packages, and their gradients lead to better pictures."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from roundel.codecs.wavelet.eye import Eye
from roundel.training.perceptual import colour_error, ms_ssim_loss, score, ssimulacra2

Y, X = np.mgrid[:256, :264]
RNG = np.random.default_rng(61)
PICTURE = np.stack(
    [128 + 60 * np.sin(X / 7) * np.cos(Y / 11), 128 + 70 * np.sin(Y / 5 + X / 40), (X + Y) * 0.6], axis=2
) + RNG.normal(0, 6, (256, 264, 1))
PICTURE = PICTURE.clip(0, 255).astype(np.uint8)


def coded(quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("quality", [15, 50, 90])
def test_ssimulacra2_is_the_packages_within_a_tenth(quality: int) -> None:
    pytest.importorskip("ssimulacra2")
    from roundel.measure.ssimulacra2 import ssimulacra2 as oracle

    found = score(ssimulacra2(tensor(PICTURE), tensor(coded(quality))))
    assert found.item() == pytest.approx(oracle(PICTURE, coded(quality)), abs=0.1)


@pytest.mark.parametrize("quality", [15, 90])
def test_ms_ssim_is_the_products(quality: int) -> None:
    from roundel.measure.metrics import ms_ssim

    found = 1 - ms_ssim_loss(tensor(PICTURE), tensor(coded(quality)))
    assert found.item() == pytest.approx(ms_ssim(PICTURE, coded(quality)), abs=2e-4)


@pytest.mark.parametrize("metric", [ssimulacra2, ms_ssim_loss, colour_error])
def test_a_step_down_the_gradient_is_a_better_picture(metric) -> None:
    first, second = tensor(PICTURE), tensor(coded(15)).requires_grad_()
    before = metric(first, second)
    (slope,) = torch.autograd.grad(before.sum(), second)
    assert torch.isfinite(slope).all()
    step = 1e-3 * slope / slope.square().mean().sqrt()
    assert metric(first, second - step).item() < before.item()


def test_equal_pictures_have_no_distance_and_a_batch_is_its_pictures() -> None:
    first, second = tensor(PICTURE), tensor(coded(30))
    assert score(ssimulacra2(first, first)).item() == pytest.approx(100, abs=1)
    both = ssimulacra2(torch.cat([first, first]), torch.cat([second, first]))
    assert both[0].item() == pytest.approx(ssimulacra2(first, second).item(), rel=1e-4)


def test_a_small_lost_colour_counts_more_than_the_same_error_spread_thin() -> None:
    grey = torch.full((1, 3, 192, 192), 0.5)
    spot, wide = grey.clone(), grey.clone()
    spot[:, 0, 90:98, 90:98] += 0.3
    wide[:, 0] += 0.3 * 8 / 192  # the same sum of squares
    assert colour_error(grey, spot).item() > 2 * colour_error(grey, wide).item()


def test_an_encoders_eye_sees_the_same() -> None:
    """Without PyTorch, by hand: distance and slope, but for what lies around the picture."""
    original, decoded = PICTURE[:, :256], np.ascontiguousarray(coded(30)[:, :256])
    distance, slope = Eye(original).look(decoded)
    second = tensor(decoded).requires_grad_()
    wanted = ssimulacra2(tensor(original), second)
    (found,) = torch.autograd.grad(wanted.sum(), second)
    assert distance == pytest.approx(wanted.item(), rel=0.1)
    inside = slice(64, -64)
    own, other = (x[inside, inside].ravel() for x in (slope, found[0].permute(1, 2, 0).numpy()))
    assert np.corrcoef(own, other)[0, 1] > 0.98
