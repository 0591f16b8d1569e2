"""A small lossy model, untrained but with all its parts at work."""

from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.lab.lossy import sample_blocks
from roundel.models import lossy_weights, zoo
from roundel.models.hyperprior import MeanScaleHyperprior, Shape
from roundel.models.lossy import LossyModel
from tests.models.pictures import smooth_picture

TINY = Shape(
    c8=16, c16=16, latents=32, hyper=8, hyper_width=16, scale_width=16, groups=(3, 8, 14, 20, 32), context_width=12
)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the weights file."""
    torch.manual_seed(0)
    net = MeanScaleHyperprior(TINY).eval()
    picture = smooth_picture(256, 256)
    net.initialise(sample_blocks([picture], np.random.default_rng(0), 4000))
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.02 * torch.randn_like(p))
        net.log_spread.knots.add_(1.2)  # scales somewhat too wide, so that hardly any symbol is an escape
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    lossy_weights.save(path, net, lossy_weights.integers(net), {})
    return path


@pytest.fixture(scope="session")
def model(weights: Path) -> LossyModel:
    """The loaded model."""
    found = zoo.get(str(weights))
    assert isinstance(found, LossyModel)
    return found
