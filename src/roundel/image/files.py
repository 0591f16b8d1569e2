"""Picture files in and out: which reader, which writer, and one line of error for whatever goes wrong."""

import io
import os
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from roundel.atomic import atomic_write
from roundel.errors import ImageError, RoundelError, RoundelWarning
from roundel.image import colour, resolution, xmp
from roundel.image.kinds import HEAD_BYTES, kind_of
from roundel.image.picture import Picture, reduce_depth, to_array
from roundel.image.pil import EXIF_PREFIX
from roundel.image.profile import profile_of
from roundel.image.tiff.exif import exif_resolution, exif_within

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
_WRITABLE = frozenset(SUFFIXES.values())
_HOLDS = {
    "PNG": {"alpha", "16 bits", "icc", "exif", "xmp", "colour", "resolution", "texts"},
    "JPEG": {"icc", "exif", "xmp", "resolution", "comments", "photoshop"},
    "WEBP": {"alpha", "icc", "exif", "xmp"},
    "TIFF": {"alpha", "16 bits", "icc", "exif", "xmp", "resolution", "photoshop"},
    "BMP": {"resolution"},
    "PPM": {"16 bits"},
}


def read(source: str | os.PathLike[str] | BinaryIO, *, max_pixels: int | None = None) -> Picture:
    """Read a picture file: PNG, JPEG, WebP, TIFF, BMP, Netpbm (PBM, PGM, PPM, PAM), GIF or AVIF.

    Every sample comes as its format means it, at 16 bits where there are more than 8; the EXIF orientation is applied.
    CMYK becomes sRGB and the first of several frames is taken; these and all that is left out come with a
    RoundelWarning.

    Args:
        source: A path, "-" for standard input, or a binary file object.
        max_pixels: Refuse anything larger before it is decoded; MAX_PIXELS by default. There is no other limit.

    Raises:
        ImageError: Not readable, not a picture, damaged, too large, or of a kind that cannot be kept, which is named.

    Example:
        >>> read(io.BytesIO(b"P2 3 1 1000 0 250 500")).pixels[0, :, 0]
        array([    0, 16384, 32768], dtype=uint16)
    """
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "")
    with reading_errors(name), _seekable(source) as file:
        return _read(file, size_check(MAX_PIXELS if max_pixels is None else max_pixels))


def size_check(max_pixels: int) -> Callable[[int, int], None]:
    """What raises an ImageError for a width and height of no pixels, or of more than so many."""
    return partial(_check_size, max_pixels)


@contextmanager
def reading_errors(name: Any) -> Iterator[None]:
    """Turn all that goes wrong while a picture is read into an ImageError that names it, if it has a name."""
    name = "standard input: " if name == "-" else f"{name}: " * bool(name)
    try:
        yield
    except RoundelError as error:
        raise type(error)(f"{name}{error}") from error
    except OSError as error:
        if error.errno is not None:
            raise ImageError(f"{name}cannot read ({error.strerror})") from error
        raise ImageError(f"{name}damaged picture ({error}); get a whole copy of the file") from error
    except MemoryError as error:
        raise ImageError(f"{name}not enough memory for this picture") from error
    except Exception as error:  # Pillow's decoders raise many kinds on hostile bytes
        raise ImageError(f"{name}damaged picture ({type(error).__name__}: {error})") from error


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
    picture: Picture,
    target: str | os.PathLike[str] | BinaryIO,
    format: str | None = None,
    *,
    quality: int | None = None,
    force: bool = False,
) -> None:
    """Write a picture file; a file with a name appears whole or not at all.

    PNG, WebP, TIFF, BMP and PPM are written without loss, JPEG at quality 95 without chroma subsampling. What the
    format cannot hold (alpha, 16 bits, metadata) is left out with a RoundelWarning that names it.

    Args:
        picture: What to write.
        target: A path, "-" for standard output, or a binary file object.
        format: "PNG", "JPEG", "WEBP", "TIFF", "BMP" or "PPM"; by default the suffix decides, and PNG for a stream.
        quality: 0 … 100, of a JPEG, or of a WebP, which is lossy then; no matter to the other formats.
        force: Replace an existing file.

    Raises:
        ImageError: An unknown suffix or format, or a picture that the format cannot hold at all (too large).
        OutputError: The file exists, or cannot be written.
    """
    if not isinstance(target, (str, os.PathLike)) or target == "-":
        buffer = io.BytesIO()  # Pillow seeks; a pipe cannot
        _write(picture, buffer, format or "PNG", quality)
        stream = sys.stdout.buffer if isinstance(target, (str, os.PathLike)) else target
        stream.write(buffer.getvalue())
        stream.flush()
        return
    format = format or format_of(target)
    with atomic_write(target, force=force) as file:
        _write(picture, file, format, quality)


@contextmanager
def _seekable(source: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(source, (str, os.PathLike)):
        yield io.BytesIO(source.read())
    elif source == "-":
        yield io.BytesIO(sys.stdin.buffer.read())
    else:
        with open(source, "rb") as file:
            yield file if file.seekable() else io.BytesIO(file.read())


def _read(file: BinaryIO, check_size: Callable[[int, int], None]) -> Picture:
    kind = kind_of(file.read(HEAD_BYTES))
    reader = _reader(kind)
    return reader(file, check_size)


def _reader(kind: str) -> Callable[[BinaryIO, Callable[[int, int], None]], Picture]:
    """What reads a format; loaded when it is needed, to start quickly."""
    if kind == "PNG":
        from roundel.image.png.file import read
    elif kind == "JPEG":
        from roundel.image.jpeg.file import read
    elif kind == "TIFF":
        from roundel.image.tiff.reader import read
    elif kind == "PPM":
        from roundel.image.pnm import read
    else:
        from roundel.image import plugins

        return partial(plugins.read, format=kind)
    return read


def _check_size(max_pixels: int, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"damaged: a picture of {width}×{height} pixels; get a whole copy of the file")
    if width * height > max_pixels:
        raise ImageError(
            f"{width}×{height} pixels are more than the limit of {max_pixels:,}; "
            "raise it (--max-pixels, max_pixels=) if you trust the file"
        )


def _write(picture: Picture, file: BinaryIO, format: str, quality: int | None) -> None:
    if format not in _WRITABLE:
        raise ImageError(f"cannot write {format}; use one of {', '.join(sorted(_WRITABLE))}")
    picture = _fit(picture, format)
    packet = picture.xmp and xmp.joined(picture.xmp, picture.xmp_extension)
    try:
        if format == "PNG":
            from roundel.image.png.file import write as write_png

            write_png(picture, file, packet)
        elif format == "TIFF":
            from roundel.image.tiff.writer import write as write_tiff

            write_tiff(picture, file, packet)
        elif format == "PPM":
            from roundel.image.pnm import write as write_pnm

            write_pnm(picture, file)
        elif format == "JPEG":
            from roundel.image.jpeg.file import write as write_jpeg

            write_jpeg(picture, file, quality)
        else:
            _plugin(picture, file, format, packet, quality)
    except (ValueError, OSError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's, not the encoder's
            raise
        raise ImageError(f"{picture.width}×{picture.height} pixels cannot be written as {format}: {error}") from error


def _plugin(picture: Picture, file: BinaryIO, format: str, packet: bytes | None, quality: int | None) -> None:
    """WebP and BMP, which Pillow writes with all that they hold."""
    options: dict[str, Any] = {}
    if format == "WEBP":
        options = {"lossless": True, "exact": True, "method": 4} if quality is None else {"quality": quality}
    if picture.icc:
        options["icc_profile"] = picture.icc
    if picture.exif:
        options["exif"] = EXIF_PREFIX + picture.exif
    if packet:
        options["xmp"] = packet
    if picture.resolution:
        options["dpi"] = tuple(map(float, picture.resolution.per(resolution.INCH)[:2]))
    Image.fromarray(to_array(picture)).save(file, format, **options)


def _shortened(picture: Picture, format: str) -> tuple[Picture, list[str]]:
    """The picture with what of its metadata is small enough, where the format has limits; names of what is not."""
    if format != "JPEG":
        return picture, []
    from roundel.image.jpeg.notes import MAX_EXIF_BYTES, MAX_PROFILE_BYTES

    lost = []
    if len(picture.exif or b"") > MAX_EXIF_BYTES:
        picture = replace(picture, exif=exif_within(picture.exif or b"", MAX_EXIF_BYTES))
        lost.append("the longest notes of EXIF")
    if len(picture.icc or b"") > MAX_PROFILE_BYTES:
        picture = replace(picture, icc=None)
        lost.append("ICC profile")
    return picture, lost


def _fit(picture: Picture, format: str) -> Picture:
    """What of the picture the format can hold, with one warning for what it cannot."""
    holds = _HOLDS[format]
    picture, lost = _shortened(picture, format)
    without: dict[str, Any] = {}
    if picture.alpha is not None and "alpha" not in holds:
        lost.append("alpha")
        without["alpha"] = None
    if picture.depth == 16 and "16 bits" not in holds:
        lost.append("the lower 8 of 16 bits")
        picture = reduce_depth(picture)
    names = {"exif": "EXIF", "icc": "ICC profile", "xmp": "XMP", "photoshop": "Photoshop resources and IPTC"}
    for field, name in names.items():
        if getattr(picture, field) and field not in holds:
            lost.append(name)
            without[field] = None
    if picture.colour and "colour" not in holds:
        without["colour"] = {}
        if not (picture.icc or colour.is_srgb(picture.colour)):
            made = profile_of(picture.colour, grey=picture.channels == 1) if "icc" in holds else None
            without["icc"] = made
            if made is None or b"mDCV" in picture.colour or b"cLLI" in picture.colour:
                lost.append(f"colours ({colour.named(picture.colour)})")
    unitless = picture.resolution is not None and picture.resolution.unit == resolution.NONE
    if picture.resolution and ("resolution" not in holds or (format == "BMP" and unitless)):
        if picture.resolution != exif_resolution(without.get("exif", picture.exif)):
            lost.append("resolution")
        without["resolution"] = None
    if picture.texts and "texts" not in holds:
        kept = tuple(found for found in picture.texts if found[0] == "Comment" and "comments" in holds)
        if len(kept) < len(picture.texts):
            lost.append("texts")
        without["texts"] = kept
    if lost:
        warnings.warn(f"{format} cannot hold {' and '.join(lost)}: left out", RoundelWarning, stacklevel=4)
    return replace(picture, **without)
