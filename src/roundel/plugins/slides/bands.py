"""The levels of an open file, a band of rows at a time, and what of it a pyramid of another format cannot hold."""

import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from roundel.container import Tag
from roundel.errors import RoundelWarning
from roundel.opening import OpenFile

Progress = Callable[[int, int], None]
"""Called with bands done and bands in all."""
_NAMES = {
    Tag.EXIF: "EXIF",
    Tag.XMP: "XMP",
    Tag.PHOTOSHOP: "Photoshop resources",
    Tag.TEXT: "texts",
    Tag.COLOUR: "colour",
}


class Band(NamedTuple):
    """Rows of a level. Args: top: the first row. samples: (rows, width, C) of uint8 or uint16."""

    top: int
    samples: np.ndarray


def bands(file: OpenFile, level: int, rows: int) -> Iterator[Band]:
    """A level from its top to its bottom, `rows` rows at a time, the last band with what is left."""
    width, height = file.level_dimensions[level]
    for top in range(0, height, rows):
        found = file.read_array((0, top << level), level, (width, min(rows, height - top)))
        yield Band(top, found if found.ndim == 3 else found[:, :, None])


def count_bands(file: OpenFile, rows: int) -> int:
    """Bands of all levels together."""
    return sum(-(-height // rows) for _, height in file.level_dimensions)


def channels_of(file: OpenFile) -> int:
    """Channels of `bands`, alpha counted."""
    return file.header.channels + (file.box_bytes(Tag.ALPHA) > 0)


def warn_of_loss(file: OpenFile, format: str, kept: frozenset[Tag] = frozenset()) -> None:
    """Name in one warning what a format is not given."""
    lost = [name for tag, name in _NAMES.items() if tag not in kept and file.box_bytes(tag)]
    if lost:
        warnings.warn(f"left out of the {format}: {' and '.join(lost)}", RoundelWarning, stacklevel=3)
