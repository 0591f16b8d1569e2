"""The sets on which every model is measured: what no model was trained on, and small pictures made of it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.image import cifar, read
from roundel.image.picture import Picture
from roundel.image.shrink import shrink
from roundel.training.data import find_images, split

Pixels = NDArray[np.uint8]
MIDDLE_PX, SOURCE_PX = 512, 256
HISTOLOGY_HELD, KODAK_EVERY, CIFAR_FIRST = 2, 8, 256
SMALL = {64: 2, 32: 3}
"""Side in pixels, and how often a square of 256 px is halved for it."""


class Set(NamedTuple):
    """Pictures that are coded as files of their own, or as one pack."""

    files: list[Path]
    pictures: list[Pixels]
    packed: bool = False


def sets(kodak: Path, cifar10: Path, histology: Path, trained_on: list[Path]) -> dict[str, Set]:
    """All sets by name.

    Args:
        trained_on: folders of pictures, in the order that models of photographs were trained with; of these, only what
            they held out is taken.
    """
    files = sorted(kodak.glob("*.png"))[::KODAK_EVERY]
    found = {"kodak, every eighth": Set(files, [read(file).pixels for file in files])}
    held = split(find_images(trained_on))[1] if trained_on else []
    pictures = {file: read(file).pixels for file in held}
    for folder in trained_on:
        files = [file for file in held if file.parent == folder]
        found[f"{folder.name}, held out, middle {MIDDLE_PX} px"] = Set(files, [middle(pictures[f]) for f in files])
    files = sorted(histology.glob("*.png"))[-HISTOLOGY_HELD:]
    found[f"histology, held out, middle {MIDDLE_PX} px"] = Set(files, [middle(read(file).pixels) for file in files])
    pixels, _ = cifar.read([cifar10 / "test_batch.bin"])
    found[f"cifar-10 test, first {CIFAR_FIRST}"] = Set([cifar10 / "test_batch.bin"], list(pixels[:CIFAR_FIRST]), True)
    squares = [square for picture in pictures.values() for square in cut(picture)]
    for side, level in SMALL.items() if squares else ():
        small = [shrink(Picture(square), level).pixels for square in squares]
        origin = " and ".join(folder.name for folder in trained_on)
        found[f"{side} × {side}: {len(small)} squares of {SOURCE_PX} px, held out of {origin}, shrunk"] = Set(
            held, small, True
        )
    return found


def middle(pixels: Pixels) -> Pixels:
    """The middle of a picture, MIDDLE_PX on each side at most."""
    top, left = (max(0, side - MIDDLE_PX) // 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + MIDDLE_PX, left : left + MIDDLE_PX])


def cut(pixels: Pixels) -> list[Pixels]:
    """All whole squares of SOURCE_PX, from the left upper corner."""
    n = SOURCE_PX
    rows, columns = pixels.shape[0] // n, pixels.shape[1] // n
    return [pixels[n * r : n * (r + 1), n * c : n * (c + 1)] for r in range(rows) for c in range(columns)]
