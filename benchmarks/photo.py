"""The photo of the benchmarks: a crop of scikit-image's, or a picture of one's own, which ROUNDEL_PHOTO names."""

import os

import numpy as np


def photo() -> np.ndarray:
    """uint8 (512, 768, 3)."""
    if "ROUNDEL_PHOTO" in os.environ:
        from PIL import Image

        with Image.open(os.environ["ROUNDEL_PHOTO"]) as file:
            return np.asarray(file.convert("RGB").resize((768, 512)))
    from skimage import data

    return np.ascontiguousarray(np.tile(data.astronaut(), (1, 2, 1))[:, :768])
