"""SSIMULACRA2, the measure that agrees best with people: the score of the package of that name."""

import io
from typing import Any

import numpy as np
from PIL import Image

from roundel.errors import RoundelError, UnsupportedError

_SMALLEST_PX = 8


def installed() -> bool:
    """Whether the package is there."""
    try:
        _package()
    except UnsupportedError:
        return False
    return True


def ssimulacra2(original: np.ndarray, distorted: np.ndarray) -> float:
    """The score: 100 for equal pictures, 90 visually lossless, 70 high, 50 medium, 30 low quality; may be below 0.

    Sides below 8 px, the least that it looks at, are mirrored.

    Args:
        original: uint8 (H, W, 1 or 3) or (H, W), sRGB.
        distorted: The same type and shape.

    Raises:
        UnsupportedError: The package `ssimulacra2` is missing.

    Source: Sneyers 2022; rank correlation with people's opinions on CID22 is 0.89.
    """
    package = _package()
    if original.shape != distorted.shape or original.dtype != np.uint8 or distorted.dtype != np.uint8:
        raise RoundelError(
            f"two pictures of one shape and of uint8 were expected; found {original.dtype} {original.shape} and "
            f"{distorted.dtype} {distorted.shape}"
        )
    if np.array_equal(original, distorted):
        return 100.0
    return float(package.compute_ssimulacra2(*(_file(pixels) for pixels in (original, distorted))))


def _package() -> Any:
    try:
        from ssimulacra2 import ssimulacra2 as package
    except ImportError as error:
        raise UnsupportedError("SSIMULACRA2 needs the package ssimulacra2: pip install 'roundel[compare]'") from error
    return package


def _file(pixels: np.ndarray) -> io.BytesIO:
    """The package reads files."""
    missing = [max(0, _SMALLEST_PX - side) for side in pixels.shape[:2]]
    pixels = np.pad(pixels, [(0, missing[0]), (0, missing[1]), *[(0, 0)] * (pixels.ndim - 2)], "symmetric")
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).save(buffer, "PPM")
    buffer.seek(0)
    return buffer
