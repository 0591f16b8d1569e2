"""A small lossless model with untrained nets, and pictures for it."""

from pathlib import Path

import numpy as np
import torch

from roundel.training.pyramid.export import save
from roundel.training.pyramid.net import Pyramid, PyramidShape

SIZES = [(1, 1), (1, 2), (2, 1), (1, 37), (37, 1), (2, 2), (3, 5), (33, 17), (64, 64)]


def tiny_net(seed: int = 0, term_step: int = 2) -> Pyramid:
    """An untrained net whose branches all have a say."""
    torch.manual_seed(seed)
    shape = PyramidShape(widths=(16, 8), blocks=(2, 1, 0), head=8, term_step=term_step)
    net = Pyramid(shape).eval().requires_grad_(False)
    for p in net.parameters():
        p.add_(0.02 * torch.randn_like(p))
    return net


def tiny_weights(path: Path, seed: int = 0, term_step: int = 2) -> Path:
    """The same as a weights file."""
    save(path, tiny_net(seed, term_step), {})
    return path


def picture(kind: str, height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3): noise, grey, dot, extremes or gradient."""
    rng = np.random.default_rng(height * 1000 + width)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "grey":
        return np.repeat(picture("gradient", height, width)[..., :1], 3, axis=2)
    if kind == "dot":
        white = np.full((height, width, 3), 255, np.uint8)
        white[height // 2, width // 2] = (0, 255, 1)
        return white
    if kind == "extremes":
        return rng.choice(np.array([0, 255], np.uint8), (height, width, 3))
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / 9 + c) + 30 * np.cos(y / 5) for c in range(3)]
    return (np.stack(waves, -1) + rng.normal(0, 2, (height, width, 3))).clip(0, 255).astype(np.uint8)
