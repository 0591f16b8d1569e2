"""Training images: decoded once, held in memory, cropped at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from roundel.errors import ImageError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm"}


def find_images(folders: Sequence[Path]) -> list[Path]:
    """Picture files directly inside the folders, sorted by name within each.

    Raises:
        ImageError: when a folder is missing or none of them holds a picture.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise ImageError(f"{folder}: not a folder; --data takes folders of pictures")
        found += sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not found:
        raise ImageError(f"{', '.join(map(str, folders))}: no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def split(paths: Sequence[Path], every: int = 10) -> tuple[list[Path], list[Path]]:
    """(training, validation): every tenth path validates."""
    return [p for i, p in enumerate(paths) if i % every], [p for i, p in enumerate(paths) if i % every == 0]


def load(paths: Sequence[Path], scales: Sequence[float] = (1.0,)) -> list[np.ndarray]:
    """Each picture at each scale (Lanczos), uint8 (H, W, 3).

    Raises:
        ImageError: a file is no picture, or broken.
    """
    images = []
    for path in paths:
        try:
            with Image.open(path) as file:
                picture = file.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ImageError(f"{path}: cannot read this picture: {error}; mend it or take it out") from error
        for scale in scales:
            size = (round(picture.width * scale), round(picture.height * scale))
            images.append(np.asarray(picture if scale == 1 else picture.resize(size, Image.Resampling.LANCZOS)))
    return images


@dataclass
class Crops:
    """Random crops with flips and quarter turns, pictures drawn in proportion to their area.

    Args:
        images: uint8 (H, W, 3).
    """

    images: list[np.ndarray]
    _shares: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        area = np.array([image.shape[0] * image.shape[1] for image in self.images], float)
        self._shares = area / area.sum()

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """`count` crops as uint8 (count, 3, side, side).

        Raises:
            ImageError: when there is no picture, or none is as large as the crop.
        """
        if not self.images:
            raise ImageError(
                "no picture is left to train on: every tenth validates, the first among them; add pictures"
            )
        fits = np.array([min(image.shape[:2]) >= side for image in self.images])
        if not fits.any():
            raise ImageError(
                f"every training picture is smaller than the crop of {side} × {side} pixels; make `crops` smaller"
            )
        shares = np.where(fits, self._shares, 0)
        out = np.empty((count, side, side, 3), np.uint8)
        for k, index in enumerate(generator.choice(len(self.images), count, p=shares / shares.sum())):
            image = self.images[index]
            top = generator.integers(image.shape[0] - side + 1)
            left = generator.integers(image.shape[1] - side + 1)
            crop = np.rot90(image[top : top + side, left : left + side], int(generator.integers(4)))
            out[k] = crop[:, ::-1] if generator.integers(2) else crop
        return torch.from_numpy(out).permute(0, 3, 1, 2)


def centre_crops(images: Sequence[np.ndarray], side: int) -> Tensor:
    """The middle of every picture that is large enough, uint8 (N, 3, side, side).

    Raises:
        ImageError: none is.
    """
    kept = []
    for image in images:
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        if top >= 0 and left >= 0:
            kept.append(image[top : top + side, left : left + side])
    if not kept:
        raise ImageError(
            f"every validation picture is smaller than {side} × {side} pixels; make `validation_px` smaller"
        )
    return torch.from_numpy(np.stack(kept)).permute(0, 3, 1, 2)


def middles(folder: Path, side: int, count: int) -> tuple[list[Path], Tensor]:
    """The first pictures of a folder that are large enough: files, and middles as uint8 (N, 3, side, side).

    Raises:
        ImageError: the folder is missing or has no pictures, or all are too small.
    """
    found: list[tuple[Path, np.ndarray]] = []
    for path in find_images([folder]):
        (image,) = load([path])
        if min(image.shape[:2]) >= side:
            found.append((path, image))
        if len(found) == count:
            break
    if not found:
        raise ImageError(f"{folder}: every picture is smaller than the crop of {side} × {side} pixels; choose --crop")
    return [path for path, _ in found], centre_crops([image for _, image in found], side)
