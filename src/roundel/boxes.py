"""What stands beside the pixels: a picture's alpha, low bytes and metadata as boxes of the file, and back."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from roundel import deep
from roundel.container import Box, Kind, Tag
from roundel.container.contents import (
    pack_associated,
    pack_colour,
    pack_resolution,
    pack_sample_max,
    pack_texts,
    unpack_colour,
    unpack_resolution,
    unpack_sample_max,
    unpack_texts,
)
from roundel.errors import RoundelWarning
from roundel.image import Picture, Resolution, lowbytes, reduce_depth
from roundel.image.picture import is_scaled
from roundel.image.planes import pack_plane, unpack_plane
from roundel.tiling import Rect

Boxes = Callable[[int], "bytes | None"]
"""Data of the box with a tag, or None: `File.box`."""


def to_boxes(picture: Picture, kind: Kind, *, strip: bool) -> tuple[np.ndarray, int, list[Box]]:
    """What a model is to code of a picture, and the boxes for the rest.

    Args:
        picture: of any depth; lossy models get it rounded to 8 bits, with a RoundelWarning.
        kind: of the model.
        strip: leave out profile, EXIF, XMP, resolution and all else that is no sample.

    Returns:
        uint8 (H, W, 1 or 3), the depth that the header names, the boxes.
    """
    boxes: list[Box] = []
    depth = 8
    if picture.depth > 8 and kind is not Kind.LOSSLESS:
        warnings.warn(f"{picture.depth} bits a sample are reduced to 8", RoundelWarning, stacklevel=4)
        boxes.append(Box(Tag.ORIGINAL_DEPTH, bytes([picture.depth])))
        picture = reduce_depth(picture)
    if picture.sample_max is not None and not _holds(picture, picture.sample_max):
        picture = replace(picture, sample_max=None)
    if picture.sample_max is not None:
        boxes.append(Box(Tag.SAMPLE_MAX, pack_sample_max(picture.sample_max)))
    if not strip:
        boxes += _metadata(picture)
    pixels = picture.pixels
    if picture.depth > 8:
        pixels, low = lowbytes.split(pixels, lowbytes.ranked(picture.sample_max))
        depth = picture.depth
        boxes.append(Box(Tag.LOW_BYTES, low))
    if picture.alpha is not None:
        boxes.append(Box(Tag.ALPHA, pack_plane(picture.alpha)))
    return pixels, depth, boxes


def with_samples(pixels: np.ndarray, boxes: list[Box]) -> list[Box] | None:
    """The boxes with all 16-bit samples in SAMPLES instead of LOW_BYTES; None where low bytes say nothing.

    Args:
        pixels: uint16 (H, W, 1 or 3). boxes: from `to_boxes`.
    """
    found = {box.tag: box.data for box in boxes}
    if not found.get(Tag.LOW_BYTES):
        return None
    largest = found.get(Tag.SAMPLE_MAX)
    data = deep.pack(pixels, None if largest is None else unpack_sample_max(largest))
    return [Box(Tag.SAMPLES, data) if box.tag == Tag.LOW_BYTES else box for box in boxes]


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
    density, colour, texts, largest = map(box, (Tag.RESOLUTION, Tag.COLOUR, Tag.TEXT, Tag.SAMPLE_MAX))
    sample_max = None if largest is None else unpack_sample_max(largest)
    if depth > 8 and (samples := box(Tag.SAMPLES)) is not None:
        pixels = deep.unpack(samples, whole, rows, columns, pixels.shape[2], sample_max)
    elif depth > 8:
        low, ranked = box(Tag.LOW_BYTES), lowbytes.ranked(sample_max)
        pixels = lowbytes.join(pixels, low, whole.height, whole.width, rows, columns, ranked)
    return Picture(
        pixels,
        alpha,
        icc=box(Tag.ICC),
        exif=box(Tag.EXIF),
        xmp=box(Tag.XMP),
        xmp_extension=box(Tag.XMP_EXTENSION),
        colour={} if colour is None else unpack_colour(colour),
        resolution=None if density is None else Resolution(*unpack_resolution(density)).reduced(step),
        texts=() if texts is None else unpack_texts(texts),
        photoshop=box(Tag.PHOTOSHOP),
        sample_max=sample_max,
    )


def slide_boxes(properties: Mapping[str, str], pictures: Mapping[str, bytes]) -> list[Box]:
    """The boxes of a slide. Args: properties: key -> value. pictures: name -> a roundel file of its own."""
    boxes = []
    texts = [(key, value) for key, value in properties.items() if "\0" not in key + value]
    if texts:
        boxes.append(Box(Tag.PROPERTIES, pack_texts(texts)))
    if pictures:
        boxes.append(Box(Tag.ASSOCIATED, pack_associated(pictures)))
    return boxes


def _holds(picture: Picture, sample_max: int) -> bool:
    """Whether the samples are those of 0 … sample_max, scaled."""
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    return 0 < sample_max < 65535 and all(is_scaled(plane, sample_max) for plane in planes)


def _metadata(picture: Picture) -> list[Box]:
    """Boxes of what stands beside the samples; small ones first, so that the file's first kilobyte holds them."""
    found = (
        (Tag.RESOLUTION, _resolution(picture.resolution)),
        (Tag.COLOUR, pack_colour(picture.colour)),
        (Tag.ICC, picture.icc),
        (Tag.EXIF, picture.exif),
        (Tag.XMP, picture.xmp),
        (Tag.XMP_EXTENSION, picture.xmp_extension),
        (Tag.TEXT, pack_texts(picture.texts) if picture.texts else None),
        (Tag.PHOTOSHOP, picture.photoshop),
    )
    return [Box(tag, data) for tag, data in found if data]


def _resolution(density: Resolution | None) -> bytes | None:
    if density is None:
        return None
    x, y = (value.limit_denominator(1_000_000) for value in density[:2])
    fits = min(x, y) > 0 and max(x.numerator, y.numerator) < 2**32  # terms of a box have 32 bits
    return pack_resolution(x, y, density.unit) if fits else None
