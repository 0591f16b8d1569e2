"""Slides of 600 × 500 pixels in the ways that TIFF has, made by tifffile."""

import copy
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 600, 500
APERIO = "Aperio Image Library v11\n600x500 [0,0 600x500] (64x64) JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990"


def tissue(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """Smooth stains with grain, uint8 (H, W, 3)."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 37 + k) + np.cos(y / 29 - k) for k in range(3)], axis=2)
    grain = np.random.default_rng(seed).integers(-6, 7, (height, width, 3))
    return np.clip(190 + 25 * waves + grain, 0, 255).astype(np.uint8)


def write(path: Path, *pictures: tuple[np.ndarray, dict[str, Any]], **file: Any) -> Path:
    """A TIFF of these directories, with the options of each for `TiffWriter.write`."""
    import tifffile

    with tifffile.TiffWriter(path, **file) as out:
        for samples, options in pictures:
            colours = "rgb" if samples.ndim == 3 else "minisblack"
            own = copy.deepcopy(options)  # tifffile writes into them
            out.write(samples, **{"photometric": colours, "metadata": None, "maxworkers": 1, **own})
    return path


JPEG: dict[str, Any] = {"compression": "jpeg", "compressionargs": {"level": 85, "outcolorspace": "RGB"}}
YCBCR: dict[str, Any] = {"compression": "jpeg", "compressionargs": {"level": 85}, "subsampling": (2, 2)}


def pyramid(path: Path, side: int = 64, *, options: dict[str, Any] | None = None) -> Path:
    """Three levels, the smaller ones behind the first, of 0.25 µm a pixel."""
    whole = tissue()
    chosen = {"tile": (side, side), "resolutionunit": "CENTIMETER", **(options or {"compression": "deflate"})}
    levels = [
        (whole[:: 1 << level, :: 1 << level].copy(), {**chosen, "resolution": (40_000 / 2**level,) * 2, **smaller})
        for level, smaller in ((0, {}), (1, {"subfiletype": 1}), (2, {"subfiletype": 1}))
    ]
    return write(path, *levels)


def aperio(path: Path) -> Path:
    """An SVS with thumbnail, label and macro, as OpenSlide knows it."""
    whole, below = tissue(), "Aperio Image Library v11\n"
    return write(
        path,
        (whole, {**JPEG, "tile": (64, 64), "description": APERIO}),
        (whole[::5, ::5].copy(), {**JPEG, "description": f"{APERIO}-> 120x100"}),
        (whole[::2, ::2].copy(), {**JPEG, "tile": (64, 64), "description": f"{below}600x500 -> 300x250"}),
        (tissue(60, 80, 1), {"compression": "lzw", "subfiletype": 1, "description": f"{below}label 80x60"}),
        (tissue(70, 90, 2), {**JPEG, "subfiletype": 9, "description": f"{below}macro 90x70"}),
    )
