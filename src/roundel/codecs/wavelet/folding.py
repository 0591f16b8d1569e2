"""Coefficients of all levels as one array with a cell of the coarsest level along each axis, and back."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.places import LEVELS
from roundel.codecs.wavelet.synthesis import dequantize
from roundel.codecs.wavelet.walk import COLOURS, DETAILS
from roundel.coding import compiled

LATENTS = COLOURS + DETAILS * ((4**LEVELS - 1) // 3) + 1


def fold(
    parts: Sequence[NDArray[np.int16]], multipliers: Sequence[NDArray[np.int32]], settings: int
) -> NDArray[np.int16]:
    """Coefficients of the symbols (h, w, 3) and (2^k·h, 2^k·w, 9) of some parts: (3 + 9·(1 + 4 + …) + 1, h, w).

    Those of absent levels are 0; the last channel is `settings`.
    """
    height, width = parts[0].shape[:2]
    out = np.empty((LATENTS, height, width), np.int16)
    start = 0
    for part, own in zip(parts, multipliers, strict=False):
        channels, side = part.shape[2], part.shape[0] // height
        end = start + channels * side**2
        _apart(part, own, out[start:end], side)
        start = end
    out[start:-1], out[-1] = 0, settings
    return out


def planar(parts: Sequence[NDArray[np.int16]], multipliers: Sequence[NDArray[np.int32]]) -> list[NDArray[np.int16]]:
    """What `unfold` makes of `fold`, without the way through cells."""
    planes = [np.empty((part.shape[2], *part.shape[:2]), np.int16) for part in parts]
    for part, own, plane in zip(parts, multipliers, planes, strict=True):
        _apart(part, own, plane, 1)
    return planes


def _apart(part: NDArray[np.int16], multipliers: NDArray[np.int32], out: NDArray[np.int16], side: int) -> None:
    """Symbols (h, w, C) to coefficients (C·side², h/side, w/side)."""
    native = compiled.native()
    if native:
        native.fold(part, multipliers, out, *part.shape, side)
        return
    height, width, channels = part.shape
    cells = dequantize(part, multipliers).reshape(height // side, side, width // side, side, channels)
    out[...] = cells.transpose(4, 1, 3, 0, 2).reshape(out.shape)


def unfold(latents: NDArray[np.int16], levels: int = LEVELS) -> list[NDArray[np.int16]]:
    """Coefficients of the low band and of some levels, channels first: (3, h, w), then (9, 2^k·h, 2^k·w)."""
    height, width = latents.shape[1:]
    parts, start = [np.ascontiguousarray(latents[:COLOURS])], COLOURS
    native = compiled.native()
    for number in range(levels):
        side = 2**number
        end = start + DETAILS * side**2
        own = latents[start:end]
        if native:
            part = np.empty((DETAILS, height * side, width * side), np.int16)
            native.unfold(np.ascontiguousarray(own), part, height, width, DETAILS, side)
        else:
            cells = own.reshape(DETAILS, side, side, height, width).transpose(0, 3, 1, 4, 2)
            part = cells.reshape(DETAILS, height * side, width * side)
        parts.append(part)
        start = end
    return parts
