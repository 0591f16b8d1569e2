"""The order in which wavelet coefficients are coded: one walk that encoder, decoder and self-test share.

The low band first, coarse samples before those between them; then level by level, coarsest first, and within a level
luma on the white fields of a chessboard, luma on the black ones, the colours. The walk asks a `Symbols` for each group;
an encoder decides them, a decoder reads them.
"""

from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet import interpolation
from roundel.codecs.wavelet.nets import Contexts
from roundel.codecs.wavelet.places import INDICES, NO_SKEW, SKEWS, TABLE_OF, Places
from roundel.coding import compiled

T = TypeVar("T", bound=np.generic)

COLOURS, BANDS = 3, 3
DETAILS = COLOURS * BANDS
VALUES = 0.8
"""Of nets' units of size: two quantisers that take turns are finer together than a single one of as many bits."""
MAGNITUDE_MAX = 127
FOLD = 4
"""Nets see so many channels at a time, or they are slow."""


def _magnitudes() -> NDArray[np.uint8]:
    # No argument comes near a half, so that every machine rounds alike.
    return np.minimum(np.floor(16 * np.log2(1 + VALUES * np.arange(256)) + 0.5), MAGNITUDE_MAX).astype(np.uint8)


MAGNITUDES = _magnitudes()
"""Of sizes 0 … 255: round(16·log2(1 + 0.8·size)), at most 127; larger ones count as 255."""


WHITE, BLACK, ALL = 0, 1, 2
"""Fields of a chessboard: those whose row and column sum to an even number, the others, all."""
Fields = int | tuple[NDArray[np.intp], NDArray[np.intp]]


class Group(NamedTuple):
    """Coefficients that are coded together: those at some fields of some channels of a part."""

    part: int
    """0 the low band, then levels, coarsest first."""
    channels: slice
    fields: Fields
    """Of a chessboard, or rows and columns; values come in raster order."""


class Level(NamedTuple):
    """What is known of a level so far: zeros in the beginning."""

    values: NDArray[np.int16]
    """(h, w, 9)."""
    luma: NDArray[np.uint8]
    known: NDArray[np.uint8]
    """What nets see: of luma, see `signed`, and, once the colours are there, of all."""

    @classmethod
    def blank(cls, height: int, width: int) -> "Level":
        """A level of which nothing is known."""
        luma, known = (np.zeros((1, height, width, filled(2 * count)), np.uint8) for count in (BANDS, DETAILS))
        return cls(np.zeros((height, width, DETAILS), np.int16), luma, known)

    def put(self, group: Group, values: NDArray[np.int32]) -> None:
        """Take the values (N, C) of a group in."""
        put(self.values, group, values)
        seen, count = (self.luma, BANDS) if group.channels.stop == BANDS else (self.known, DETAILS)
        signed(self.values, count, seen)


class Symbols(Protocol):
    """Where the walk gets symbols from."""

    def details(self, group: Group, said: NDArray[np.uint8], level: Level) -> None:
        """Take the values of a group of details into their level.

        Args:
            said: by a head, (h, w, 2·C), scale indices first.
        """
        level.put(group, self.next(group, said_places(said, group.fields), 0))

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """Values of a group, (N, C) for its N fields and its channels.

        Args:
            places: what the nets say of each, in the same order.
            guess: what is predicted; the symbols to code are the difference.
        """
        ...


def walk(contexts: Contexts, symbols: Symbols, height: int, width: int, levels: int) -> list[NDArray[np.int16]]:
    """The low band (height, width, 3) and the details of the first `levels` levels, (2^k·height, 2^k·width, 9) each.

    Args:
        contexts: at a quality and a tuning. height, width: of the low band.
    """
    low, residual = _low_band(contexts, symbols, height, width)
    parts = [low.astype(np.int16)]
    known, features = signed(residual.clip(-255, 255).astype(np.int16)), None
    luma, colours = slice(0, BANDS), slice(BANDS, DETAILS)
    for number, level in enumerate(contexts.levels[:levels], 1):
        features, said = level.white(known, features)
        own = Level.blank(*features.shape[1:3])
        symbols.details(Group(number, luma, WHITE), said, own)
        features, said = level.black(features, own.luma)
        symbols.details(Group(number, luma, BLACK), said, own)
        features, said = level.colours(features, own.luma)
        symbols.details(Group(number, colours, ALL), said, own)
        known = own.known
        parts.append(own.values)
    return parts


def pick(array: NDArray[T], group: Group) -> NDArray[T]:
    """The values (N, C) of a group in its part (h, w, C')."""
    own = array[..., group.channels]
    if not isinstance(group.fields, int):
        return own[group.fields]
    height, width, channels = own.shape
    if group.fields == ALL:
        return np.ascontiguousarray(own).reshape(-1, channels)
    if width % 2:
        return own[_board(height, width, group.fields)]
    out = np.empty((height, width // 2, channels), array.dtype)
    for row in (0, 1):
        out[row::2] = own[row::2, (row + group.fields) % 2 :: 2]
    return out.reshape(-1, channels)


def put(array: NDArray[T], group: Group, values: NDArray[T]) -> None:
    """The inverse of `pick`: write the values (N, C) of a group into its part."""
    own = array[..., group.channels]
    if not isinstance(group.fields, int):
        own[group.fields] = values
        return
    height, width, channels = own.shape
    if group.fields == ALL:
        own[...] = values.reshape(own.shape)
    elif width % 2:
        own[_board(height, width, group.fields)] = values
    else:
        found = values.reshape(height, width // 2, channels)
        for row in (0, 1):
            own[row::2, (row + group.fields) % 2 :: 2] = found[row::2]


def filled(channels: int) -> int:
    """As many, up to a multiple of what nets see at a time."""
    return -(-channels // FOLD) * FOLD


def signed(
    values: NDArray[np.int16], channels: int | None = None, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Integers (h, w, C) to what nets see of the first of their channels, (1, h, w, 2·channels and zeros).

    The magnitudes of positive ones, those of negative ones, and zeros up to a multiple of 4.

    Args:
        out: where to write it to, instead of a new array.
    """
    height, width, stride = values.shape
    count = stride if channels is None else channels
    if out is None:
        out = np.empty((1, height, width, filled(2 * count)), np.uint8)
    native = compiled.native()
    if native:
        native.signed(values, MAGNITUDES, out, height * width, count, stride, out.shape[3])
        return out
    own = values[:, :, :count]
    sizes = MAGNITUDES.take(np.minimum(np.abs(own), 255))
    out[0, :, :, :count] = np.where(own > 0, sizes, 0)
    out[0, :, :, count : 2 * count] = np.where(own < 0, sizes, 0)
    out[0, :, :, 2 * count :] = 0
    return out


def said_places(said: NDArray[np.uint8], fields: Fields) -> Places:
    """Of what a head says, (h, w, 2·C), scale indices first, that of the fields of a chessboard."""
    height, width, both = said.shape
    channels = both // 2
    native = compiled.native()
    if native is None:
        own = pick(said, Group(1, slice(0, both), fields))
        return Places.of(np.minimum(own[:, :channels], INDICES - 1), np.minimum(own[:, channels:], SKEWS - 1))
    area = height * width
    count = channels * (area if fields == ALL else (area + 1 - fields) // 2)
    table, turned = np.empty(count, np.int32), np.empty(count, np.uint8)
    native.places(said, TABLE_OF, table, turned, height, width, channels, fields)
    return Places(table, turned)


def _low_band(
    contexts: Contexts, symbols: Symbols, height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The low band and what was coded of it, (height, width, 3)."""
    low = np.zeros((height, width, COLOURS), np.int32)
    tables = TABLE_OF[contexts.low_index, NO_SKEW]
    residual = np.zeros_like(low)
    for stage in interpolation.stages(height, width):
        fields = (stage.rows, stage.columns)
        guess = interpolation.predict(low, stage)
        places = Places(np.tile(tables[:, stage.kind], len(guess)), np.zeros(guess.size, np.uint8))
        values = symbols.next(Group(0, slice(0, COLOURS), fields), places, guess)
        low[fields], residual[fields] = values, values - guess
    return low, residual


def _board(height: int, width: int, fields: int) -> NDArray[np.bool_]:
    return (np.arange(height)[:, None] + np.arange(width)[None]) % 2 == fields
