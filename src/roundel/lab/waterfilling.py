"""What no codec of a Gaussian source can beat, and the floors that codecs of its principal components have."""

import numpy as np
from numpy.typing import NDArray

from roundel.errors import RoundelError

BLOCK = 2000
"""Pictures at a time, so that memory stays small."""


def spectrum(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Variances of the principal components of pictures (N, ...) in [0, 1], largest first.

    Raises:
        RoundelError: there are fewer than two pictures.
    """
    if len(pictures) < 2:
        raise RoundelError(f"{len(pictures)} pictures have no covariance; give two or more")
    rows = pictures.reshape(len(pictures), -1)
    mean = rows.mean(0, dtype=np.float64) / 255
    products = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), BLOCK):
        part = (rows[start : start + BLOCK] / 255 - mean).astype(np.float32)
        products += part.T @ part
    return np.maximum(np.linalg.eigvalsh(products / len(rows))[::-1], 0)


def distortion_at(variances: NDArray[np.float64], rate_bits: float) -> float:
    """Least mean squared error per component of a Gaussian source with these variances at a rate in bits per vector.

    Source: reverse water-filling, Cover & Thomas, theorem 10.3.3.
    """
    low, high = 0.0, float(variances.max())
    for _ in range(100):
        level = (low + high) / 2
        rate = 0.5 * np.log2(np.maximum(variances, 1e-300) / max(level, 1e-300)).clip(0).sum()
        low, high = (level, high) if rate > rate_bits else (low, level)
    return float(np.minimum(variances, high).mean())


def truncation(variances: NDArray[np.float64], components: int) -> float:
    """Mean squared error per component when only the first so many are kept, unquantised."""
    return float(variances[components:].sum() / len(variances))
