"""Pictures for tests."""

import numpy as np
import torch


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Low-pass noise: uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, height // 8 + 3, width // 8 + 3)))
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0]
    return (fine.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
