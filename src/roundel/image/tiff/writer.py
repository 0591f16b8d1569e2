"""A picture to a TIFF file: strips under deflate, 8 or 16 bits, with alpha and all metadata that TIFF holds."""

import zlib
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from roundel.image import resolution
from roundel.image.picture import Picture, to_array
from roundel.image.tiff import exif
from roundel.image.tiff.directory import BYTE, LONG, LONG8, SHORT, UNDEFINED, Entry, fraction, integers, lay_out

_STRIP_BYTES = 2**18
_CLASSIC_BYTES = 2**32 - 2**27  # of samples, with room for what deflate may add and for metadata
_UNITS = {resolution.NONE: 1, resolution.INCH: 2, resolution.CENTIMETRE: 3}


def write(picture: Picture, file: BinaryIO, xmp: bytes | None = None) -> None:
    """A TIFF, or a BigTIFF where 4 GB do not suffice, in the byte order of the picture's EXIF block.

    Args:
        picture: what to write. file: seekable, empty. xmp: the packet, with what extends it.
    """
    order, notes = exif.from_exif(picture.exif or b"")
    samples = to_array(picture)
    samples = samples if samples.ndim == 3 else samples[:, :, None]
    height, width, channels = samples.shape
    big = samples.nbytes > _CLASSIC_BYTES
    long = LONG8 if big else LONG
    file.write(bytes(16 if big else 8))
    rows = max(1, _STRIP_BYTES // (samples.nbytes // height))
    places = []
    for top in range(0, height, rows):
        strip = np.diff(samples[top : top + rows], axis=1, prepend=samples.dtype.type(0))  # the predictor, modulo 2^n
        packed = zlib.compress(strip.astype(strip.dtype.newbyteorder(order), copy=False).tobytes(), 6)
        places.append((file.tell(), len(packed)))
        file.write(packed + bytes(len(packed) % 2))
    density = picture.resolution or exif.exif_resolution(picture.exif)
    tree: dict[int, Any] = {
        **notes,
        256: integers(order, LONG, width),
        257: integers(order, LONG, height),
        258: integers(order, SHORT, *[picture.depth] * channels),
        259: integers(order, SHORT, 8),  # deflate
        262: integers(order, SHORT, 1 if picture.channels == 1 else 2),
        273: integers(order, long, *[at for at, _ in places]),
        277: integers(order, SHORT, channels),
        278: integers(order, LONG, rows),
        279: integers(order, long, *[length for _, length in places]),
        284: integers(order, SHORT, 1),
        317: integers(order, SHORT, 2),  # differences along rows
    }
    if picture.alpha is not None:
        tree[338] = integers(order, SHORT, 2)  # straight alpha
    if density is not None:
        density = density.per(resolution.CENTIMETRE) if density.unit == resolution.METRE else density
        tree[exif.X_RESOLUTION] = fraction(order, Fraction(density.x))
        tree[exif.Y_RESOLUTION] = fraction(order, Fraction(density.y))
        tree[exif.RESOLUTION_UNIT] = integers(order, SHORT, _UNITS[density.unit])
    for tag, kind, data in ((exif.XMP, BYTE, xmp), (exif.PHOTOSHOP, BYTE, picture.photoshop)):
        if data:
            tree[tag] = Entry(kind, len(data), data)
    if picture.icc:
        tree[exif.ICC] = Entry(UNDEFINED, len(picture.icc), picture.icc)
    place = file.tell()
    file.write(lay_out(tree, order, place, big=big))
    endian: Any = "little" if order == "<" else "big"
    file.seek(0)
    file.write(b"II" if order == "<" else b"MM")
    if big:
        file.write(b"".join(value.to_bytes(size, endian) for value, size in ((43, 2), (8, 2), (0, 2), (place, 8))))
    else:
        file.write((42).to_bytes(2, endian) + place.to_bytes(4, endian))
    file.seek(0, 2)
