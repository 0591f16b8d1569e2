"""What stands beside the pixels: a picture's alpha, low bytes and metadata as boxes of the file, and back."""

import warnings
from collections.abc import Callable

import numpy as np

from roundel.container import Box, Kind, Tag
from roundel.errors import RoundelWarning
from roundel.image import Picture, lowbytes, reduce_depth
from roundel.image.planes import pack_plane, unpack_plane
from roundel.tiling import Rect

Boxes = Callable[[int], "bytes | None"]
"""Data of the box with a tag, or None: `File.box`."""


def to_boxes(picture: Picture, kind: Kind, *, strip: bool) -> tuple[np.ndarray, int, list[Box]]:
    """What a model is to code of a picture, and the boxes for the rest.

    Args:
        picture: of any depth; lossy models get it rounded to 8 bits, with a RoundelWarning.
        kind: of the model.
        strip: leave ICC profile, EXIF and XMP out.

    Returns:
        uint8 (H, W, 1 or 3), the depth that the header names, the boxes.
    """
    boxes = [] if strip else _metadata(picture)
    pixels, depth = picture.pixels, 8
    if picture.depth > 8 and kind is Kind.LOSSLESS:
        pixels, low = lowbytes.split(pixels)
        depth = picture.depth
        boxes.append(Box(Tag.LOW_BYTES, low))
    elif picture.depth > 8:
        warnings.warn(f"{picture.depth} bits a sample are reduced to 8", RoundelWarning, stacklevel=4)
        boxes.append(Box(Tag.ORIGINAL_DEPTH, bytes([picture.depth])))
        picture = reduce_depth(picture)
        pixels = picture.pixels
    if picture.alpha is not None:
        boxes.append(Box(Tag.ALPHA, pack_plane(picture.alpha)))
    return pixels, depth, boxes


def from_boxes(pixels: np.ndarray, whole: Rect, depth: int, box: Boxes, part: Rect, step: int = 1) -> Picture:
    """The picture of decoded pixels with its alpha, low bytes and metadata.

    Args:
        pixels: uint8 (h, w, C), the picture's part, every `step`-th sample of it along each axis.
        whole: the whole picture. depth: of its samples, 8 or 16 bits. box: what gives its boxes.
        part: the rectangle of the whole picture that is shown.
        step: 2**level of a reduced picture.

    Raises:
        FormatError: a plane is damaged, or not of the picture's size.
    """
    rows, columns = slice(part.top, part.bottom, step), slice(part.left, part.right, step)
    packed = box(Tag.ALPHA)
    alpha = None
    if packed is not None:
        alpha = np.ascontiguousarray(unpack_plane(packed, whole.height, whole.width)[rows, columns])
    if depth > 8:
        pixels = lowbytes.join(pixels, box(Tag.LOW_BYTES), whole.height, whole.width, rows, columns)
    return Picture(pixels, alpha, icc=box(Tag.ICC), exif=box(Tag.EXIF), xmp=box(Tag.XMP))


def _metadata(picture: Picture) -> list[Box]:
    found = ((Tag.ICC, picture.icc), (Tag.EXIF, picture.exif), (Tag.XMP, picture.xmp))
    return [Box(tag, data) for tag, data in found if data]
