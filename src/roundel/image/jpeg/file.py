"""JPEG files in and out: pixels by Pillow, segments here."""

import io
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from roundel.image.jpeg.notes import density_bytes, to_segments, with_segments
from roundel.image.jpeg.pixels import read_pixels
from roundel.image.jpeg.segments import split
from roundel.image.orientation import upright_picture
from roundel.image.picture import Picture, to_array

_SETTINGS = {"quality": 95, "subsampling": "4:4:4", "optimize": True}


def read(file: BinaryIO, check_size: Callable[[int, int], None]) -> Picture:
    """The picture of a JPEG file; one that lacks only its end marker too, with a RoundelWarning.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.

    Raises:
        ImageError: damaged, cut short, too large, or of a process that is not supported, which is named.
    """
    file.seek(0)
    data = file.read()
    segments, scan = split(data)
    return upright_picture(with_segments(read_pixels(data, segments, scan, check_size), segments, data))


def write(picture: Picture, file: BinaryIO, quality: int | None = None) -> None:
    """A JPEG of an 8-bit picture without alpha, with all metadata that its segments hold.

    Args:
        picture: what to write; no part of its metadata exceeds a segment, save profile, XMP and Photoshop's resources.
        file: where to. quality: 0 … 100, by default 95 without chroma subsampling.
    """
    buffer = io.BytesIO()
    settings = _SETTINGS if quality is None else {**_SETTINGS, "quality": quality}
    Image.fromarray(to_array(picture)).save(buffer, "JPEG", **settings)
    data = buffer.getvalue()
    end_of_jfif = 4 + int.from_bytes(data[4:6], "big")
    jfif = data[:end_of_jfif]
    if picture.resolution:
        jfif = jfif[:13] + density_bytes(picture.resolution) + jfif[18:]
    file.write(jfif)
    file.write(b"".join(to_segments(picture)))
    file.write(data[end_of_jfif:])
