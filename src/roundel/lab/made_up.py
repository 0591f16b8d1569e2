"""Pictures that are made up, for experiments that only show that they run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roundel.image import cifar as batches

BATCH = 1100
"""Pictures of each batch made up: the last 1,000 of all batches validate."""
TEST = 64


def picture(height: int, width: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Waves, an edge and a little noise, (height, width, 3)."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    phases, rates = generator.uniform(0, 6, (2, 3)), generator.uniform(3, 12, (2, 3))
    waves = np.sin(rows[:, :, None] * rates[0] + phases[0]) + np.sin(columns[:, :, None] * rates[1] + phases[1])
    angle, place = generator.uniform(0, np.pi), generator.uniform(0.2, 0.8)
    beyond = np.cos(angle) * rows + np.sin(angle) * columns > place * np.cos(angle) + place * np.sin(angle)
    colours = generator.uniform(-50, 50, 3)
    found = 128 + 30 * waves + beyond[:, :, None] * colours + generator.normal(0, 3, (height, width, 3))
    return found.clip(0, 255).astype(np.uint8)


def folder(place: Path, count: int, side: int) -> Path:
    """Writes pictures 0.png … into a folder, which may be new, and returns it."""
    place.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for k in range(count):
        Image.fromarray(picture(side, side, generator)).save(place / f"{k}.png")
    return place


def cifar(place: Path) -> Path:
    """Writes batches as CIFAR-10's binary version has them into a folder, which may be new, and returns it."""
    place.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for name, count in (("data_batch_1", BATCH), ("test_batch", TEST)):
        pictures = np.stack([picture(batches.SIDE, batches.SIDE, generator) for _ in range(count)])
        labels = generator.integers(0, 10, count)
        (place / f"{name}.bin").write_bytes(batches.to_bytes(pictures, labels))
    return place
