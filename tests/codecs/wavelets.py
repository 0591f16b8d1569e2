"""Small untrained models of the wavelet family, with all their parts at work."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from roundel.training.wavelet.export import export
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from tests.codecs.pictures import smooth_picture

TINY = WaveletShape(widths=(16, 16, 16, 16, 16), filter=(16, 16, 1, 1), prefilter=(16, 16, 1, 1), anchors=3)


@lru_cache(maxsize=1)
def tiny_net() -> WaveletNet:
    """A network that says something of every coefficient."""
    torch.manual_seed(0)
    net = WaveletNet(TINY).eval()
    net.initialise(torch.from_numpy(smooth_picture(256, 256)).permute(2, 0, 1)[None].float() / 255)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "spread" not in name:
                p.add_(0.02 * torch.randn_like(p))
    return net


def write_tiny(path: Path) -> Path:
    """Its weights file."""
    export(tiny_net(), np.stack([smooth_picture(64, 64, seed=k) for k in range(2)]), path, {})
    return path
