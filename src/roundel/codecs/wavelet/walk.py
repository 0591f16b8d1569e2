"""The order in which wavelet coefficients are coded: one walk that encoder, decoder and self-test share.

The low band first, coarse samples before those between them; then level by level, coarsest first, and within a level
luma on the white fields of a chessboard, luma on the black ones, the colours. The walk asks a `Symbols` for each group;
an encoder decides them, a decoder reads them.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet import interpolation
from roundel.codecs.wavelet.nets import Contexts

COLOURS, BANDS = 3, 3
DETAILS = COLOURS * BANDS
MAGNITUDE_MAX = 127
INDICES, SKEWS = 64, 7
NO_SKEW = SKEWS // 2


def _magnitudes() -> NDArray[np.uint8]:
    # Powers of two fall on whole numbers; no other argument comes near a half, so that every machine rounds alike.
    return np.minimum(np.floor(16 * np.log2(1 + np.arange(256.0)) + 0.5), MAGNITUDE_MAX).astype(np.uint8)


MAGNITUDES = _magnitudes()
"""Of sizes 0 … 255: round(16·log2(1 + size)), at most 127; larger ones count as 255."""


class Group(NamedTuple):
    """Coefficients that are coded together: those at some fields of some channels of a part."""

    part: int
    """0 the low band, then levels, coarsest first."""
    channels: slice
    fields: tuple[NDArray[np.intp], NDArray[np.intp]] | None
    """Rows and columns of the fields, in raster order; None for all."""


class Symbols(Protocol):
    """Where the walk gets symbols from."""

    def next(
        self, group: Group, scale: NDArray[np.uint8], skew: NDArray[np.uint8], guess: NDArray[np.int32] | int
    ) -> NDArray[np.int32]:
        """Values of a group, (N, C) for its N fields in raster order and its channels.

        Args:
            scale: indices 0 … 63, (N, C). skew: places 0 … 6, (N, C).
            guess: what is predicted; the symbols to code are the difference.
        """
        ...


def walk(contexts: Contexts, symbols: Symbols, height: int, width: int, levels: int) -> list[NDArray[np.int32]]:
    """The low band (height, width, 3) and the details of the first `levels` levels, (2^k·height, 2^k·width, 9) each.

    Args:
        contexts: at a quality and a tuning. height, width: of the low band.
    """
    low, residual = _low_band(contexts, symbols, height, width)
    parts = [low]
    known, features = signed(residual), None
    for number, level in enumerate(contexts.levels[:levels], 1):
        features, said = level.white(known, features)
        rows, columns = features.shape[1:3]
        white, black = _fields(rows, columns)
        values = np.zeros((rows, columns, DETAILS), np.int32)
        luma, colours = slice(0, BANDS), slice(BANDS, DETAILS)
        values[(*white, luma)] = symbols.next(Group(number, luma, white), *_split(said[white]), 0)
        features, said = level.black(features, signed(values[:, :, luma]))
        values[(*black, luma)] = symbols.next(Group(number, luma, black), *_split(said[black]), 0)
        features, said = level.colours(features, signed(values[:, :, luma]))
        found = symbols.next(Group(number, colours, None), *_split(said.reshape(-1, said.shape[2])), 0)
        values[:, :, colours] = found.reshape(rows, columns, DETAILS - BANDS)
        known = signed(values)
        parts.append(values)
    return parts


def signed(values: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(h, w, C) integers to (1, h, w, 2·C): the magnitudes of positive ones, then those of negative ones."""
    sizes = MAGNITUDES.take(np.minimum(np.abs(values), 255))
    return np.concatenate([np.where(values > 0, sizes, 0), np.where(values < 0, sizes, 0)], 2)[None]


def _low_band(
    contexts: Contexts, symbols: Symbols, height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The low band and what was coded of it, (height, width, 3)."""
    low = np.zeros((height, width, COLOURS), np.int32)
    residual = np.zeros_like(low)
    for stage in interpolation.stages(height, width):
        fields = (stage.rows, stage.columns)
        guess = interpolation.predict(low, stage)
        scale = np.broadcast_to(contexts.low_index[:, stage.kind], guess.shape)
        values = symbols.next(Group(0, slice(0, COLOURS), fields), scale, np.full_like(scale, NO_SKEW), guess)
        low[fields], residual[fields] = values, values - guess
    return low, residual


def _fields(height: int, width: int) -> tuple[tuple[NDArray[np.intp], ...], tuple[NDArray[np.intp], ...]]:
    """White fields of a chessboard, whose row and column sum to an even number, and black ones."""
    odd = (np.arange(height)[:, None] + np.arange(width)[None]) % 2 == 1
    return np.nonzero(~odd), np.nonzero(odd)


def _split(said: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What a head says of N fields, (N, 2·C), as scale indices and skews (N, C)."""
    channels = said.shape[1] // 2
    return np.minimum(said[:, :channels], INDICES - 1), np.minimum(said[:, channels:], SKEWS - 1)
