"""Tiles of few colours as a palette and the index of each pixel's colour; docs/format.md, "Indices".

Screens, text, line art and bilevel pictures: what the same neighbours were followed by before foretells the index, and
a dozen opinions on it are mixed. The C core takes some 0.3 µs a pixel; `plain_indices` is its twin in Python.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.pyramid import plain_indices
from roundel.coding import compiled
from roundel.errors import FormatError, RoundelError

COLOURS_MAX = 1 << 16
PIXELS_MAX = 1 << 26
"""Of what is written and read."""
WORTH = 4
"""Pixels a colour at least: else indices save nothing."""
PLAIN_PX = 1 << 12
"""Larger ones are not written where the C core is missing: it would take seconds."""
SORTED_PX = 1 << 16
"""So many pixels are ranked by a table of all colours more quickly than by sorting."""


def encode(pixels: NDArray[np.uint8], limit: int) -> bytes:
    """RGB (H, W, 3) in fewer than `limit` bytes; b"" where that cannot be."""
    height, width = pixels.shape[:2]
    native = compiled.native()
    if height * width > (PIXELS_MAX if native else PLAIN_PX) or limit < 1:
        return b""
    wide = pixels.astype(np.uint32)
    colours, index = _ranked(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2])
    if len(colours) > min(COLOURS_MAX, max(2, height * width // WORTH)):
        return b""
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.uint8)
    if native:
        return native.indices_put(index, palette, height, width, limit - 1) or b""
    return plain_indices.put(index, palette, limit - 1) or b""


def decode(stream: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """RGB (H, W, 3) of a stream. Raises: FormatError: it is damaged."""
    if height * width > PIXELS_MAX:
        raise FormatError(
            f"a tile of {width} × {height} px is too large for a palette: no encoder writes that; it is damaged"
        )
    native = compiled.native()
    if native is None:
        index, palette = plain_indices.take(stream, height, width)
        return palette[index]
    index, palette = np.empty((height, width), np.uint16), np.empty((COLOURS_MAX, 3), np.uint8)
    try:
        native.indices_take(stream, index, palette, height, width)
    except native.Damaged as error:
        raise FormatError(f"coded data holds {error}; the file is damaged") from None
    except MemoryError:
        raise RoundelError(f"a tile of {width} × {height} px takes more memory than there is") from None
    return palette[index]


def _ranked(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint16]]:
    """The colours that come, rising, and which of them each pixel has (to be used if they are few enough)."""
    if codes.size < SORTED_PX:
        colours, index = np.unique(codes, return_inverse=True)
        return colours, index.reshape(codes.shape).astype(np.uint16)
    present = np.zeros(1 << 24, np.bool_)
    present[codes] = True
    colours = np.flatnonzero(present).astype(np.uint32)
    rank = np.empty(1 << 24, np.uint16)
    rank[colours] = np.arange(len(colours))
    return colours, rank[codes]
