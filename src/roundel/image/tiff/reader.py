"""A TIFF file to a picture, sample by sample."""

import io
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from roundel.errors import ImageError, RoundelWarning
from roundel.image import orientation
from roundel.image.cmyk import to_rgb
from roundel.image.picture import Picture, scale_samples
from roundel.image.tiff import exif
from roundel.image.tiff.chunks import read_chunk, strips_together
from roundel.image.tiff.directory import Directory, Head, read_head
from roundel.image.tiff.layout import (
    CMYK,
    OLD_JPEG,
    PALETTE,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
    layout_of,
)
from roundel.image.tiff.pages import SUB_DIRECTORIES, directories, is_reduced

_DNG_VERSION = 50706
_ASSOCIATED, _ALPHA = 1, 2


def read(file: BinaryIO, check_size: Callable[[int, int], None]) -> Picture:
    """The first page of a TIFF or BigTIFF; see `read_directory`.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.
    """
    head = head_of(file)
    return read_directory(file, head, _first_page(file, head), check_size)


def head_of(file: BinaryIO) -> Head:
    """The head of a TIFF file. Raises: ImageError."""
    file.seek(0)
    head = read_head(file.read(16))
    if head is None:
        raise ImageError("damaged: a TIFF's first bytes and nothing of its directory")
    return head


def read_directory(file: BinaryIO, head: Head, directory: Directory, check_size: Callable[[int, int], None]) -> Picture:
    """The picture of a directory.

    Strips or tiles, interleaved or planar; grey (white or black at zero), RGB, palettes, CMYK and YCbCr; 1 to 16 bits,
    scaled to 8, or to 16 where there are more than 8; under LZW, deflate, PackBits, LZMA, zstd, fax, JPEG, WebP.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.

    Raises:
        ImageError: of a kind that is not supported, which is named; damaged; or too large.
    """
    check_size(directory.integer(256, 0), directory.integer(257, 0))
    layout = layout_of(directory)
    if layout.tiled:
        check_size(layout.chunk_width, layout.chunk_height)
    whole = _old_jpeg(file) if layout.compression == OLD_JPEG else _samples(file, directory, layout)
    return with_notes(_picture(whole, layout, directory), file, directory, head)


def _first_page(file: BinaryIO, head: Head) -> Directory:
    """The first directory of a picture at full size; says how many more there are."""
    found: list[Directory] = []
    count, first = 0, None
    for number, directory in enumerate(directories(file, head)):
        first = first or directory
        if not is_reduced(directory):
            count += 1
            found = found or [directory]
        elif number == 0 and (_DNG_VERSION in directory or SUB_DIRECTORIES in directory):
            raise ImageError("a camera's raw file (its first picture is a thumbnail); develop it to TIFF or PNG first")
    if found and _DNG_VERSION in found[0]:
        raise ImageError("a camera's raw file (DNG) is not supported; develop it to TIFF or PNG first")
    if count > 1:
        warnings.warn(
            f"only the first of {count} pages is kept; {count - 1} are left out", RoundelWarning, stacklevel=6
        )
    if first is None:
        raise ImageError("a TIFF without a directory; it is damaged")
    return found[0] if found else first


def _samples(file: BinaryIO, directory: Directory, layout: Layout) -> np.ndarray:
    """All samples at 8 or 16 bits, (H, W, C): colours, and a further one where there is one."""
    convert, channels = conversion(directory, layout)
    dtype = convert(np.zeros((1, 1, layout.chunk_samples), np.uint8 if layout.bits <= 8 else np.uint16), 0).dtype
    out = np.empty((layout.height, layout.width, channels), dtype)
    chunks, together = layout.across * layout.down, strips_together(layout)
    for plane, place in product(range(layout.samples if layout.planar else 1), range(0, chunks, together)):
        down, across = divmod(place, layout.across)
        top, left = down * layout.chunk_height, across * layout.chunk_width
        goal = out[top : top + layout.chunk_height * together, left : left + layout.chunk_width]
        stored = read_chunk(file, directory, layout, plane * chunks + place, together)
        chunk = convert(stored[: goal.shape[0], : goal.shape[1]], plane)
        if layout.planar:
            goal[:, :, plane] = chunk[:, :, 0]
        else:
            goal[:] = chunk
    return out


def conversion(directory: Directory, layout: Layout) -> tuple[Callable[[np.ndarray, int], np.ndarray], int]:
    """What turns a part's stored samples, the first of which are of a plane, into those of a picture; its channels."""
    largest = 2**layout.bits - 1
    if layout.photometric == PALETTE:
        if layout.planar or layout.samples > 1:
            raise ImageError("a TIFF of a palette with further samples is not supported; convert it to RGB")
        table = _palette(directory, layout)
        return lambda stored, plane: table[stored[:, :, 0]], 3
    black_is_zero = layout.photometric != WHITE_IS_ZERO

    def scaled(stored: np.ndarray, plane: int) -> np.ndarray:
        if not black_is_zero and plane == 0:  # the further sample is not a colour
            stored = stored.copy()
            stored[:, :, 0] = largest - stored[:, :, 0]
        return scale_samples(stored, largest)

    return scaled, layout.samples


def _palette(directory: Directory, layout: Layout) -> np.ndarray:
    """RGB of each index: uint8 if the 16-bit entries hold no more than that, else uint16."""
    found = directory.integers(320)
    if found is None or len(found) < 3 << layout.bits:
        raise ImageError("a TIFF of a palette with fewer colours than its samples may name; it is damaged")
    table = found[: 3 << layout.bits].reshape(3, -1).T.astype(np.uint16)
    high, low = table >> 8, table & 255
    if int(high.max()) == 0:  # some writers store bytes
        return table.astype(np.uint8)
    if int(low.max()) == 0 or np.array_equal(high, low):
        return high.astype(np.uint8)
    return table


def _picture(samples: np.ndarray, layout: Layout, directory: Directory) -> Picture:
    alpha = None
    if layout.extra is not None:
        alpha = np.ascontiguousarray(samples[:, :, -1])
        samples = np.ascontiguousarray(samples[:, :, :-1])
        if layout.extra == _ASSOCIATED:
            samples = _straight(samples, alpha)
        elif layout.extra != _ALPHA:
            warnings.warn(
                f"the TIFF does not say what its sample {layout.samples} is: kept as alpha",
                RoundelWarning,
                stacklevel=7,
            )
    if layout.photometric == CMYK:
        samples, alpha = to_rgb(samples, directory.data(exif.ICC)), None if alpha is None else _eight_bits(alpha)
    largest = 2**layout.bits - 1
    scaled = layout.bits > 8 and layout.bits < 16 and layout.photometric not in (PALETTE, CMYK, YCBCR)
    return Picture(samples, alpha, sample_max=largest if scaled else None)


def _straight(samples: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by alpha, divided by it; to nearest, so that multiplying gives them back."""
    largest = int(np.iinfo(alpha.dtype).max)
    if bool((alpha == largest).all()):
        return samples
    warnings.warn("colours multiplied by alpha were divided by it", RoundelWarning, stacklevel=8)
    out = np.empty_like(samples)
    for row, opacity, goal in zip(samples, alpha.astype(np.uint64)[:, :, None], out, strict=True):
        divided = (row * np.uint64(largest) + opacity // np.uint64(2)) // np.maximum(opacity, np.uint64(1))
        goal[:] = np.minimum(divided, np.uint64(largest))
    return out


def _eight_bits(plane: np.ndarray) -> np.ndarray:
    return plane if plane.dtype == np.uint8 else ((plane.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _old_jpeg(file: BinaryIO) -> np.ndarray:
    """Samples of a TIFF 6 JPEG, whose one stream is not cut into parts: libtiff reads the whole."""
    file.seek(0)
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(file.read()))
    image.tag_v2.pop(exif.ORIENTATION, None)
    image.im = Image.new(image.mode, image.size).im  # else Pillow's own limit of pixels has its say
    image.load()
    samples = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return samples if samples.ndim == 3 else samples[:, :, None]


def with_notes(picture: Picture, file: BinaryIO, directory: Directory, head: Head) -> Picture:
    """The picture upright, with all that its directory says beside the samples."""
    try:
        notes = exif.to_exif(directory, file, head)
    except ImageError as error:
        warnings.warn(f"{error}: left out", RoundelWarning, stacklevel=7)
        notes = None
    xmp, photoshop = directory.data(exif.XMP), directory.data(exif.PHOTOSHOP)
    turn = directory.integer(exif.ORIENTATION, 1)
    return orientation.upright_picture(
        replace(
            picture,
            icc=directory.data(exif.ICC) if picture.icc is None and directory.integer(262, 0) != CMYK else None,
            exif=notes,
            xmp=xmp and (xmp.rstrip(b"\0") or None),
            photoshop=photoshop,
            resolution=exif.resolution_of(directory),
        ),
        turn if 1 <= turn <= 8 else 1,
    )
