"""What `encode` reads: a file tile by tile where that can be done, else as a whole picture; a page, level or part."""

import os
from dataclasses import replace
from typing import Any

from roundel import arguments
from roundel.container import DEFAULT_MAX_PIXELS
from roundel.errors import ImageError, RoundelError
from roundel.image import Picture
from roundel.image.files import reading_errors, size_check
from roundel.image.scan import Part, Scan, check_part

MAX_SCAN_PIXELS = 1 << 36
"""What is read tile by tile may have so many pixels, unless the user says otherwise: memory does not grow with it."""
LARGE_PX = 1 << 25
"""TIFFs without levels and labels are read tile by tile from here on: they take 100 MB and more."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

Region = tuple[int, int, int, int]


def source(
    given: Any,
    *,
    max_pixels: int | None = None,
    page: int | None = None,
    level: int = 0,
    region: Region | None = None,
) -> Picture | Scan:
    """What is to be encoded.

    Args:
        given: as `arguments.picture` takes it; only files with a path are read tile by tile.
        max_pixels: the largest picture to accept; None for 2^29 px, or 2^36 px where it is read tile by tile.
        page, level: of a TIFF or a slide, counted from 0; None for the first page, which warns of others.
        region: left, top, width and height in pixels of that level.

    Returns:
        A Scan, to be closed, of slides and large TIFFs; else a Picture.

    Raises:
        RoundelError: it cannot be read, is too large, or has no such page, level or region.
    """
    if isinstance(given, str | os.PathLike) and not arguments.is_pipe(given):
        with arguments.named(given), reading_errors(given):
            scan = _scan(given, max_pixels, page, level)
        if scan is not None:
            try:
                return scan if region is None else Part(scan, *region)
            except BaseException:
                scan.close()
                raise
    picture = _picture(given, DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels, page, level)
    return picture if region is None else crop(picture, region)


def crop(picture: Picture, region: Region) -> Picture:
    """A part of a picture, with all that stands beside it.

    Args: region: left, top, width, height in pixels. Raises: ImageError: it does not lie in the picture.
    """
    left, top, width, height = region
    check_part(left, top, width, height, picture.width, picture.height)
    rows, columns = slice(top, top + height), slice(left, left + width)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns].copy()
    return replace(picture, pixels=picture.pixels[rows, columns].copy(), alpha=alpha)


def _scan(path: Any, max_pixels: int | None, page: int | None, level: int) -> Scan | None:
    """A file as a scan, if it is a slide or a large TIFF."""
    from roundel.image import vendors

    check_size = size_check(MAX_SCAN_PIXELS if max_pixels is None else max_pixels)
    found = vendors.open_vendor(path, check_size, level)
    if found is not None:
        if page:
            found.close()
            raise ImageError("a slide has one page: leave --page out, or choose a --level")
        return found
    if not _is_tiff(path):
        return None
    from roundel.image.tiff.scan import open_tiff, warn_of_pages

    scan = open_tiff(path, check_size, page, level)
    if scan is None:
        return None
    chosen = page is not None or level > 0
    if not (chosen or scan.levels > 1 or scan.has_beside or scan.width * scan.height >= LARGE_PX):
        scan.close()
        return None
    if page is None:
        warn_of_pages(scan.pages)
    return scan


def _is_tiff(path: Any) -> bool:
    """Whether a file begins like a TIFF, and can be read anywhere."""
    if arguments.is_pipe(path):
        return False
    with open(path, "rb") as file:
        return file.seekable() and file.read(4) in _TIFF


def _picture(given: Any, max_pixels: int, page: int | None, level: int) -> Picture:
    """A whole picture, of a page and level."""
    if page is None and not level:
        return arguments.picture(given, max_pixels=max_pixels)
    if not isinstance(given, str | os.PathLike) or not _is_tiff(given):
        name = f"{given}: " if isinstance(given, str | os.PathLike) else ""
        raise RoundelError(f"{name}pages and levels are those of a TIFF or a slide in a file of its own")
    from roundel.image.tiff.scan import read_page

    with arguments.named(given), reading_errors(given), open(given, "rb") as file:
        return read_page(file, size_check(max_pixels), page, level)
