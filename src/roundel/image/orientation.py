"""The orientation that cameras note in EXIF: read it, apply it to pixels, reset the note."""

import struct
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from roundel.image import xmp
from roundel.image.picture import Picture

_TAG, _SHORT = 0x0112, 3


class Orientation(NamedTuple):
    """Where the tag lies in the EXIF block, and what it says (1..8; 1 is upright)."""

    value: int
    position: int
    byte_order: str


def find(exif: bytes) -> Orientation | None:
    """The orientation in an EXIF block (a TIFF header and its directories); None without a valid one."""
    byte_order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    try:
        if byte_order is None:
            return None
        (start,) = struct.unpack_from(byte_order + "I", exif, 4)
        (count,) = struct.unpack_from(byte_order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, length, value = struct.unpack_from(byte_order + "HHIH", exif, entry)
            if tag == _TAG:
                valid = kind == _SHORT and length == 1 and 1 <= value <= 8
                return Orientation(value, entry + 8, byte_order) if valid else None
    except struct.error:  # a damaged block: kept as it is, like any other that we do not understand
        return None
    return None


def upright(exif: bytes, found: Orientation) -> bytes:
    """The same block with the orientation set to 1; every other byte stays."""
    return exif[: found.position] + struct.pack(found.byte_order + "H", 1) + exif[found.position + 2 :]


def turn(samples: np.ndarray, value: int) -> np.ndarray:
    """Samples (H, W[, C]) as they should be shown, given the EXIF orientation of the stored ones."""
    if value >= 5:
        samples = samples.swapaxes(0, 1)
    if value in (3, 4, 7, 8):
        samples = samples[::-1]
    if value in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)


def upright_picture(picture: Picture, value: int | None = None) -> Picture:
    """A picture as it should be shown.

    Args:
        picture: as stored. value: its orientation, 1..8; None for that in its EXIF block, which then says 1.
    """
    found = find(picture.exif) if picture.exif else None
    if found is not None and picture.exif is not None and found.value != 1:
        value = found.value if value is None else value
        picture = replace(picture, exif=upright(picture.exif, found))
    if value in (None, 1):
        return picture
    return replace(
        picture,
        xmp=picture.xmp and xmp.upright(picture.xmp),
        pixels=turn(picture.pixels, value),
        alpha=None if picture.alpha is None else turn(picture.alpha, value),
        resolution=picture.resolution.turned() if picture.resolution and value >= 5 else picture.resolution,
    )
