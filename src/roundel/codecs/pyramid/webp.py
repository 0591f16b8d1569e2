"""Tiles as lossless WebP: the bitstream that the VP8L chunk of a WebP file holds, by way of Pillow.

Screens, drawings and text repeat themselves exactly, which the nets do not see and this format codes well.
"""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from roundel.errors import FormatError, UnsupportedError

SIDE_MAX = 1 << 14
PIXELS_MAX = 1 << 26
"""Of what is written and read: Pillow allows so many without a word."""
SIGNATURE = 0x2F
RIFF_BYTES, HEAD_BYTES = 20, 5
METHOD, QUALITY = 4, 100
"""As good as the slowest method on most tiles, some ten times as quick."""


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """RGB (H, W, 3) as a bitstream; b"" where that cannot be: too large, or Pillow without WebP."""
    height, width = pixels.shape[:2]
    if max(height, width) > SIDE_MAX or height * width > PIXELS_MAX or not features.check("webp"):
        return b""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=METHOD, quality=QUALITY)
    data = file.getvalue()
    if data[12:16] != b"VP8L":
        return b""
    return data[RIFF_BYTES : RIFF_BYTES + int.from_bytes(data[16:20], "little")]


def decode(stream: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """RGB (H, W, 3) of a bitstream.

    Raises:
        FormatError: it is none, or of a picture of another size.
        UnsupportedError: Pillow was built without WebP.
    """
    said = int.from_bytes(stream[1:HEAD_BYTES], "little")
    # 14 bits of width less one, as many of height less one, a bit for alpha, and three of version 0.
    if len(stream) < HEAD_BYTES or stream[0] != SIGNATURE or said != (height - 1) << 14 | width - 1:
        raise FormatError(f"a tile does not hold WebP of {width} × {height} px; the file is damaged")
    if height * width > PIXELS_MAX:
        raise FormatError(
            f"a tile of {width} × {height} px is too large for WebP: no encoder writes that; it is damaged"
        )
    if not features.check("webp"):
        raise UnsupportedError("a tile is coded as WebP, which this build of Pillow lacks: install Pillow's own wheel")
    padded = stream + bytes(len(stream) % 2)
    file = b"RIFF" + struct.pack("<I", len(padded) + 12) + b"WEBPVP8L" + struct.pack("<I", len(stream)) + padded
    try:
        with Image.open(io.BytesIO(file), formats=["WEBP"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise FormatError(f"a tile of WebP is damaged: {error}") from None
