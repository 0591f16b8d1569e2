"""Fréchet distances with known answers, and bounds of Gaussian sources."""

from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.errors import ModelError
from roundel.lab.frechet import Moments, distance, load_network, moments
from roundel.lab.waterfilling import distortion_at, spectrum, truncation


def colours(x: torch.Tensor) -> torch.Tensor:
    """Mean colours as features."""
    return x.mean((2, 3))


def test_gaussians_whose_distance_is_known() -> None:
    a, b = Moments(np.zeros(2), np.diag([1.0, 4.0])), Moments(np.array([3.0, 4.0]), np.diag([9.0, 4.0]))
    assert distance(a, a) == pytest.approx(0, abs=1e-9)
    assert distance(a, b) == pytest.approx(25 + (3 - 1) ** 2)
    assert distance(b, a) == pytest.approx(distance(a, b))


def test_features_come_from_a_file_or_an_import(tmp_path: Path) -> None:
    torch.jit.trace(colours, torch.rand(2, 3, 8, 8)).save(str(tmp_path / "colours.pt"))
    x = torch.rand(50, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = []
    for spec in (str(tmp_path / "colours.pt"), "tests.lab.test_frechet:colours"):
        network, name = load_network(spec)
        assert name == "colours"
        found.append(moments(network, x.split(20)))
    assert np.allclose(found[0].covariance, found[1].covariance)
    assert found[0].mean == pytest.approx(x.mean((0, 2, 3)).numpy(), abs=1e-6)


def test_networks_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"nothing")
    for spec in (str(tmp_path / "x.pt"), "absent.pt", "no.such:thing", "tests.lab.test_frechet:__name__"):
        with pytest.raises(ModelError):
            load_network(spec)
    with pytest.raises(ModelError, match="not \\(B, F\\)"):
        moments(lambda x: x, [torch.rand(2, 3, 4, 4)])
    with pytest.raises(ModelError, match="two or more"):
        moments(colours, [torch.rand(1, 3, 4, 4)])


def test_water_fills_equal_variances_evenly() -> None:
    """Two components of variance 1 at 4 bits: 2 bits each, D = 2^-4; a component below the water gets none."""
    assert distortion_at(np.array([1.0, 1.0]), 4) == pytest.approx(2**-4)
    assert distortion_at(np.array([1.0, 1e-3]), 2) == pytest.approx((2**-4 + 1e-3) / 2)
    assert truncation(np.array([3.0, 1.0]), 1) == 0.5
    pictures = np.random.default_rng(0).integers(0, 256, (500, 2, 2, 3), dtype=np.uint8)
    assert spectrum(pictures).sum() == pytest.approx((pictures / 255).var(0).sum(), rel=1e-4)
