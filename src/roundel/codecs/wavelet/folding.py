"""Coefficients of all levels as one array with a cell of the coarsest level along each axis, and back."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.symbols import LEVELS
from roundel.codecs.wavelet.walk import COLOURS, DETAILS

LATENTS = COLOURS + DETAILS * ((4**LEVELS - 1) // 3) + 1


def fold(parts: Sequence[NDArray[np.int16]], settings: int) -> NDArray[np.int16]:
    """The low band (h, w, 3) and the details (2^k·h, 2^k·w, 9) of some levels to (3 + 9·(1 + 4 + …) + 1, h, w).

    Absent levels are 0; the last channel is `settings`.
    """
    height, width = parts[0].shape[:2]
    out = np.zeros((LATENTS, height, width), np.int16)
    out[:COLOURS] = parts[0].transpose(2, 0, 1)
    out[-1] = settings
    start = COLOURS
    for number, part in enumerate(parts[1:]):
        side = 2**number
        end = start + DETAILS * side**2
        cells = part.reshape(height, side, width, side, DETAILS).transpose(4, 1, 3, 0, 2)
        out[start:end] = cells.reshape(-1, height, width)
        start = end
    return out


def unfold(latents: NDArray[np.int16], levels: int = LEVELS) -> list[NDArray[np.int16]]:
    """The inverse of `fold`, channels first: (3, h, w), then (9, 2^k·h, 2^k·w) of the first so many levels."""
    height, width = latents.shape[1:]
    parts, start = [latents[:COLOURS]], COLOURS
    for number in range(levels):
        side = 2**number
        end = start + DETAILS * side**2
        cells = latents[start:end].reshape(DETAILS, side, side, height, width).transpose(0, 3, 1, 4, 2)
        parts.append(cells.reshape(DETAILS, height * side, width * side))
        start = end
    return parts
