"""How tiles are coded: the modes of docs/format.md, and those among them that need no nets."""

import zlib
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid import indices, webp
from roundel.codecs.pyramid.plain_cell import NEIGHBOURS
from roundel.errors import FormatError

QUICK_LEVEL = 1
"""zlib's level for finding out whether a tile repeats: what does not shrink much at it is no diagram."""
WORTH = 1.25
"""So many times the nets' bytes at that level at most, or a tile that looks drawn: screens stay below 1.2, photographs
above 1.4, and trying WebP on those would take longer than all else."""
LOOK_ROWS = 64
"""At least so many rows, or an eighth of a tile, are looked at for that."""
PLAIN = 0.5
"""Bits a pixel: what WebP codes in so few, it codes better than the nets would, which then need not run."""


class Mode(IntEnum):
    """How a tile is coded: the first byte of its first pass."""

    COLOUR = 0
    GREY = 1
    """R = G = B everywhere: no chroma is coded."""
    CONSTANT = 2
    """One colour, three bytes."""
    RAW = 3
    """Interleaved RGB as it is: no tile grows by more than a byte."""
    DEFLATED = 4
    """Interleaved RGB through zlib: for graphics that repeat exactly."""
    RAW_GREY = 5
    """As RAW, one byte a pixel."""
    COLOUR_LEARNED = 6
    """As COLOUR; the next byte says what the tile learns from itself: bits 0 to 2, seen colours correct Y, Co, Cg; bit
    3, neighbours correct what the nets say."""
    GREY_LEARNED = 7
    """As GREY; the next byte has bits 0 and 3."""
    WEBP = 8
    """The lossless bitstream of WebP: for screens and drawings."""
    INDICES = 9
    """A palette, and of each pixel the index of its colour: for drawings of few colours."""


WALKED = {Mode.COLOUR, Mode.GREY, Mode.COLOUR_LEARNED, Mode.GREY_LEARNED}
LEARNED = {Mode.COLOUR_LEARNED, Mode.GREY_LEARNED}
IN_COLOUR = {Mode.COLOUR, Mode.COLOUR_LEARNED}


def repeats(pixels: NDArray[np.uint8], length: int) -> bool:
    """Whether RGB (B, H, W, 3) seems to repeat, by the rows in its middle. Args: length: bytes that the nets take."""
    rows = pixels.reshape(-1, *pixels.shape[2:])
    count = max(LOOK_ROWS, len(rows) // 8)
    part = np.ascontiguousarray(rows[max(0, len(rows) - count) // 2 :][:count])
    return len(zlib.compress(part.data, QUICK_LEVEL)) * len(rows) <= WORTH * length * len(part)


def repeating(pixels: NDArray[np.uint8]) -> tuple[Mode, bytes]:
    """RGB (B, H, W, 3) as the shortest of what codes exact repeats well."""
    rows = pixels.reshape(-1, *pixels.shape[2:])
    best = Mode.DEFLATED, zlib.compress(pixels.data, zlib.Z_BEST_COMPRESSION)
    drawn = webp.encode(rows)
    if drawn and len(drawn) <= len(best[1]):
        best = Mode.WEBP, drawn
    few = indices.encode(rows, len(best[1]))
    return (Mode.INDICES, few) if few else best


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(B, H, W, 1 or 3) as three channels, contiguous."""
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def flags_of(first: bytes) -> int:
    """What a tile is coded with besides the nets. Raises: FormatError."""
    most = NEIGHBOURS | (1 if first[0] == Mode.GREY_LEARNED else 7)
    if len(first) < 2 or not first[1] or first[1] & ~most:
        raise FormatError("a tile does not say what it learns from itself: no encoder writes that; it is damaged")
    return first[1]


def unstored(mode: int, payload: bytes, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Pixels of a tile that no net is needed for, one channel in raw grey. Raises: FormatError."""
    size = int(np.prod(shape))
    if mode == Mode.DEFLATED:
        try:
            payload = zlib.decompressobj().decompress(payload, size + 1)
        except zlib.error as error:
            raise FormatError(f"a deflated tile is damaged: {error}") from None
    if mode == Mode.WEBP:
        payload = webp.decode(payload, shape[0] * shape[1], shape[2]).tobytes()
    if mode == Mode.INDICES:
        payload = indices.decode(payload, shape[0] * shape[1], shape[2]).tobytes()
    lengths = dict.fromkeys((Mode.RAW, Mode.DEFLATED, Mode.WEBP, Mode.INDICES), size)
    lengths |= {Mode.CONSTANT: 3, Mode.RAW_GREY: size // 3}
    if len(payload) != lengths.get(mode):  # type: ignore[call-overload]
        raise FormatError(f"a tile of mode {mode} holds {len(payload)} bytes: no encoder writes that; it is damaged")
    values = np.frombuffer(payload, np.uint8)
    held = {Mode.CONSTANT: (1, 1, 1, 3), Mode.RAW_GREY: (*shape[:3], 1)}.get(mode, shape)  # type: ignore[call-overload]
    return np.ascontiguousarray(np.broadcast_to(values.reshape(held), (*shape[:3], held[3])))
