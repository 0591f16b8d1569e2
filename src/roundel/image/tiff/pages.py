"""The pictures of a TIFF: its pages, the smaller versions of each, and what stands beside a slide."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from roundel.errors import ImageError
from roundel.image.tiff.directory import Directory, Head

MAX_ENTRIES = 2**24  # of all directories together: they may overlap, and a small hostile file may have very many
MAX_LEVELS = 64
SUB_DIRECTORIES, DESCRIPTION, TILE_WIDTH = 330, 270, 322
_REDUCED = 1  # bit of NewSubfileType
_NAMES = ("label", "macro", "thumbnail")
_ROUNDING_PX = 2


class Page(NamedTuple):
    """A picture. Args: levels: itself, then smaller versions. beside: name -> label, macro and such."""

    levels: list[Directory]
    beside: dict[str, Directory]


def directories(file: BinaryIO, head: Head) -> Iterator[Directory]:
    """The directories in the file's chain, up to a damaged one. Raises: ImageError: the first one is."""
    seen: set[int] = set()
    offset, entries = head.first, 0
    while offset and offset not in seen and entries < MAX_ENTRIES:
        try:
            found = Directory(file, head, offset)
        except ImageError:
            if not seen:
                raise
            return  # the pages before the damage are whole
        seen.add(offset)
        entries += len(found)
        yield found
        offset = found.next


def pages(file: BinaryIO, head: Head) -> list[Page]:
    """The pages of a TIFF, at least one.

    Smaller versions are a page's sub-directories (OME-TIFF), or directories behind it of its proportions that are
    tiled or said to be reduced (generic pyramids, Aperio). What else is reduced, or in strips beside a tiled pyramid,
    belongs to the page without being it.

    Raises:
        ImageError: the first directory is damaged, or there is none.
    """
    found: list[Page] = []
    for directory in directories(file, head):
        page = found[-1] if found else None
        if page is None:
            found.append(Page([directory, *_below(file, head, directory)], {}))
        elif _is_level(page, directory):
            page.levels.append(directory)
        elif is_reduced(directory) or (_is_pyramid(page) and not is_tiled(directory)):
            page.beside[_name(directory, page)] = directory
        else:
            found.append(Page([directory, *_below(file, head, directory)], {}))
    if not found:
        raise ImageError("a TIFF without a directory; it is damaged")
    for page in found:
        page.levels[1:] = sorted(page.levels[1:], key=lambda level: -level.integer(256, 0))
    return found


def is_reduced(directory: Directory) -> bool:
    """Whether a directory says that it is a smaller version of another."""
    return bool(directory.integer(254, 0) & _REDUCED) or directory.integer(255, 1) == 2


def is_tiled(directory: Directory) -> bool:
    """Whether it is stored as tiles, not as strips."""
    return TILE_WIDTH in directory


def size_of(directory: Directory) -> tuple[int, int]:
    """Width and height, px; 0 where it does not say."""
    return directory.integer(256, 0), directory.integer(257, 0)


def description_of(directory: Directory) -> str:
    """Its description, or nothing."""
    return (directory.data(DESCRIPTION) or b"").rstrip(b"\0").decode("utf-8", "replace")


def _below(file: BinaryIO, head: Head, directory: Directory) -> list[Directory]:
    """Smaller versions in sub-directories."""
    offsets = directory.integers(SUB_DIRECTORIES)
    found = []
    for offset in () if offsets is None else offsets[:MAX_LEVELS]:
        try:
            below = Directory(file, head, int(offset))
        except ImageError:  # a pointer to nowhere must not cost the picture
            continue
        if _proportional(directory, below):
            found.append(below)
    return found


def _is_level(page: Page, directory: Directory) -> bool:
    base = page.levels[0]
    fits = is_reduced(directory) or (is_tiled(base) and is_tiled(directory))
    return fits and len(page.levels) < MAX_LEVELS and _proportional(base, directory)


def _is_pyramid(page: Page) -> bool:
    return is_tiled(page.levels[0]) and (len(page.levels) > 1 or "Aperio" in description_of(page.levels[0]))


def _proportional(base: Directory, smaller: Directory) -> bool:
    (width, height), (w, h) = size_of(base), size_of(smaller)
    return 0 < w < width and 0 < h < height and abs(round(height * w / width) - h) <= _ROUNDING_PX


def _name(directory: Directory, page: Page) -> str:
    """What a picture beside a slide is called: by its description, else by its place."""
    last = description_of(directory).strip().splitlines()[-1:]
    word = re.match(r"\w+", last[0]) if last else None
    name = word[0].lower() if word and word[0].lower() in _NAMES else ""
    if not name and not page.beside and not is_reduced(directory):
        name = "thumbnail"
    if not name or name in page.beside:
        name = f"image {len(page.beside) + 1}"
    return name
