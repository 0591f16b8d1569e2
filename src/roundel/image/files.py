"""Picture files in and out; with `Picture` and its conversions, all that the rest of roundel knows of pictures."""

import io
import os
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageFile, PngImagePlugin

from roundel.atomic import atomic_write
from roundel.errors import ImageError, RoundelError, RoundelWarning
from roundel.image import deep
from roundel.image.picture import (
    Picture,
    from_array,
    from_tensor,
    reduce_depth,
    to_array,
    to_tensor,
    ycocg_r,
    ycocg_r_inverse,
)
from roundel.image.pil import EXIF_PREFIX, from_pil, from_samples, to_pil

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Picture",
    "format_of",
    "from_array",
    "from_pil",
    "from_tensor",
    "read",
    "reduce_depth",
    "to_array",
    "to_pil",
    "to_tensor",
    "write",
    "ycocg_r",
    "ycocg_r_inverse",
]

MAX_PIXELS = 1 << 29
SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pnm": "PPM",
}
_READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "PPM", "GIF", "AVIF")
_SETTINGS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": "4:4:4", "optimize": True},
    "WEBP": {"lossless": True, "exact": True, "method": 4},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "BMP": {},
    "PPM": {},
}
_HOLDS_ALPHA = ("PNG", "WEBP", "TIFF")
_HOLDS_METADATA = ("PNG", "JPEG", "WEBP", "TIFF")
_JPEG_SEGMENT_BYTES = 65_500
_PNG_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"
_opening = threading.Lock()


def read(source: str | os.PathLike[str] | BinaryIO, *, max_pixels: int | None = None) -> Picture:
    """Read a picture file: PNG, JPEG, WebP, TIFF, BMP, PPM/PGM, GIF or AVIF.

    Grey, RGB, alpha, palette, 1-bit and 16-bit samples work as they are; the EXIF orientation is applied; CMYK becomes
    sRGB and the first of several frames is taken, each with a RoundelWarning.

    Args:
        source: A path, "-" for standard input, or a binary file object.
        max_pixels: Refuse anything larger before it is decoded; MAX_PIXELS by default.

    Raises:
        ImageError: Not readable, not a picture, damaged, too large, or of a kind that cannot be kept (32-bit, float).

    Example:
        >>> read("photo.jpg").pixels.shape
        (512, 768, 3)
    """
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "picture")
    name = "standard input" if name == "-" else name
    try:
        with _seekable(source) as file:
            return _read(file, MAX_PIXELS if max_pixels is None else max_pixels)
    except RoundelError as error:
        raise type(error)(f"{name}: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise ImageError(f"{name}: cannot read ({error.strerror})") from error
        raise ImageError(f"{name}: damaged picture ({error}); get a whole copy of the file") from error
    except Exception as error:  # Pillow's decoders raise many kinds on hostile bytes
        raise ImageError(f"{name}: damaged picture ({type(error).__name__}: {error})") from error


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file name's suffix asks for, as `write` takes it.

    Raises:
        ImageError: The suffix is none that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        found = (
            f"no format with the suffix {suffix} is known" if suffix else "the name has no suffix to tell the format"
        )
        raise ImageError(f"cannot write {path}: {found}; use one of {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def write(
    picture: Picture, target: str | os.PathLike[str] | BinaryIO, format: str | None = None, *, force: bool = False
) -> None:
    """Write a picture file; a file with a name appears whole or not at all.

    PNG, WebP, TIFF, BMP and PPM are written without loss, JPEG at quality 95 without chroma subsampling. What the
    format cannot hold (alpha, 16 bits, metadata) is dropped with a RoundelWarning.

    Args:
        picture: What to write.
        target: A path, "-" for standard output, or a binary file object.
        format: "PNG", "JPEG", "WEBP", "TIFF", "BMP" or "PPM"; by default the suffix decides, and PNG for a stream.
        force: Replace an existing file.

    Raises:
        ImageError: An unknown suffix or format, or a picture that the format cannot hold at all (too large).
        OutputError: The file exists, or cannot be written.
    """
    if not isinstance(target, (str, os.PathLike)) or target == "-":
        buffer = io.BytesIO()  # Pillow seeks; a pipe cannot
        _write(picture, buffer, format or "PNG")
        stream = sys.stdout.buffer if isinstance(target, (str, os.PathLike)) else target
        stream.write(buffer.getvalue())
        stream.flush()
        return
    format = format or format_of(target)
    with atomic_write(target, force=force) as file:
        _write(picture, file, format)


@contextmanager
def _seekable(source: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(source, (str, os.PathLike)):
        yield io.BytesIO(source.read())
    elif source == "-":
        yield io.BytesIO(sys.stdin.buffer.read())
    else:
        with open(source, "rb") as file:
            yield file if file.seekable() else io.BytesIO(file.read())


def _read(file: BinaryIO, max_pixels: int) -> Picture:
    head = file.read(1024)
    if not head:
        raise ImageError("the file is empty; a picture was expected")
    size = deep.pnm_size(head)
    if size:
        _check_size(*size, max_pixels)
        return Picture(deep.read_pnm(head + file.read()))
    with _open(file) as image:
        _check_size(image.width, image.height, max_pixels)
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # phones keep a preview as a second frame
            warnings.warn(
                f"only the first of {getattr(image, 'n_frames', 1)} frames is kept", RoundelWarning, stacklevel=3
            )
        if not deep.is_deep(image):
            return from_pil(image)
        with _open(io.BytesIO(_whole(file))) as again:
            return from_samples(deep.read_deep(image, again), image)


def _whole(file: BinaryIO) -> bytes:
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    return data


def _open(file: BinaryIO) -> ImageFile.ImageFile:
    file.seek(0)
    with _opening:  # Pillow's own limit is a global of its module; ours is checked once the header is read
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=_READABLE)
        except Image.UnidentifiedImageError:
            raise ImageError(f"not a picture, or a damaged one; one of {', '.join(_READABLE)} was expected") from None
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not 0 < width * height <= max_pixels:
        raise ImageError(f"{width}×{height} pixels found; 1 to {max_pixels:,} are accepted (--max-pixels raises it)")


def _write(picture: Picture, file: BinaryIO, format: str) -> None:
    if format not in _SETTINGS:
        raise ImageError(f"cannot write {format}; use one of {', '.join(_SETTINGS)}")
    picture = _fit(picture, format)
    if picture.depth == 16 and format != "TIFF":
        file.write(deep.pnm_bytes(picture.pixels) if format == "PPM" else _deep_png(picture))
        return
    options = dict(_SETTINGS[format])
    if picture.icc:
        options["icc_profile"] = picture.icc
    if picture.exif:
        options["exif"] = EXIF_PREFIX + picture.exif
    if picture.xmp and format == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add(b"iTXt", _PNG_XMP + picture.xmp)
    elif format == "TIFF":  # its own directory is EXIF's, and XMP is one of its tags
        options["exif"] = Image.Exif()
        options["exif"].load(picture.exif or b"")
        if picture.xmp:
            options["exif"][700] = picture.xmp
    elif picture.xmp:
        options["xmp"] = picture.xmp
    try:
        to_pil(replace(picture, icc=None, exif=None, xmp=None)).save(file, format, **options)
    except (ValueError, OSError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's, not the encoder's
            raise
        raise ImageError(f"{picture.width}×{picture.height} pixels cannot be written as {format}: {error}") from error


def _fit(picture: Picture, format: str) -> Picture:
    """What of the picture the format can hold, with a warning for what it cannot."""
    lost = []
    if picture.alpha is not None and format not in _HOLDS_ALPHA:
        lost.append("alpha")
        picture = replace(picture, alpha=None)
    keeps_16_bits = format in ("PNG", "PPM") or (format == "TIFF" and picture.channels == 1 and picture.alpha is None)
    if picture.depth == 16 and not keeps_16_bits:
        lost.append("the lower 8 of 16 bits")
        picture = reduce_depth(picture)
    exif, icc, xmp = picture.exif, picture.icc, picture.xmp
    limit = _JPEG_SEGMENT_BYTES if format == "JPEG" else sys.maxsize
    if exif and (format not in _HOLDS_METADATA or len(exif) > limit):
        lost.append("EXIF")
        exif = None
    if icc and format not in _HOLDS_METADATA:
        lost.append("ICC profile")
        icc = None
    if xmp and (format not in _HOLDS_METADATA or len(xmp) > limit):
        lost.append("XMP")
        xmp = None
    if lost:
        warnings.warn(f"{format} cannot hold {' and '.join(lost)}: dropped", RoundelWarning, stacklevel=4)
    return replace(picture, exif=exif, icc=icc, xmp=xmp)


def _deep_png(picture: Picture) -> bytes:
    chunks = []
    if picture.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc)))
    if picture.exif:
        chunks.append((b"eXIf", picture.exif))
    if picture.xmp:
        chunks.append((b"iTXt", _PNG_XMP + picture.xmp))
    samples = to_array(picture)
    return deep.png_bytes(samples if samples.ndim == 3 else samples[:, :, None], chunks)
