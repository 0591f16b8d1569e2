"""Files written with the weights that ship decode to the same bits for ever.

`python -m tests.codecs.test_lossless_golden` writes files that are missing; existing ones are never written again.
"""

from pathlib import Path

import numpy as np
import pytest

from roundel.codec import decode_array, encode
from roundel.container import read_pack
from roundel.packing import Collection, pack, unpack
from tests.codecs.pyramids import picture

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {
    "photo-67x90.rndl": ("photo", 1, 67, 90),
    "photo-learned-67x90.rndl": ("photo", 8, 67, 90),
    "photo-indices-67x90.rndl": ("photo", 128, 67, 90),
    "photo-fast-67x90.rndl": ("photo-fast", 1, 67, 90),
    "histology-40x33.rndl": ("histology", 1, 40, 33),
}
"""Model, step between the levels that a sample has, height and width. Few levels are learned from the tile, two become
indices."""


SAMPLES = "photo-samples-37x45.rndl"


def stepped(step: int, height: int, width: int) -> np.ndarray:
    """A picture of nothing but multiples of a step."""
    return picture("gradient", height, width) // step * step


def depths() -> np.ndarray:
    """16 bits with noise far below the high bytes: the box SAMPLES."""
    rows, columns = np.indices((37, 45))
    noise = np.random.default_rng(0).integers(0, 9, rows.shape)
    return (900 + 3 * rows + 2 * columns + noise).astype(np.uint16)


def small_pictures() -> list[np.ndarray]:
    return [np.roll(picture("gradient", 32, 32), 4 * i, 0) for i in range(5)]


def quarters() -> list[np.ndarray]:
    """Four pictures that do not repeat one another, so that the nets code them."""
    whole = picture("gradient", 64, 64)
    return [np.ascontiguousarray(whole[y : y + 32, x : x + 32]) for y in (0, 32) for x in (0, 32)]


PACKS = {"cifar-4.rndl": ("cifar", quarters)}


@pytest.mark.parametrize("name", PICTURES)
def test_golden_files_decode(name: str) -> None:
    assert np.array_equal(decode_array((GOLDEN / name).read_bytes()), stepped(*PICTURES[name][1:]))


def test_golden_samples_decode() -> None:
    assert np.array_equal(decode_array((GOLDEN / SAMPLES).read_bytes()), depths())


@pytest.mark.parametrize("name", PACKS)
def test_golden_packs_decode(name: str) -> None:
    opened, pictures = read_pack((GOLDEN / name).read_bytes()), PACKS[name][1]()
    found = unpack(opened, range(len(pictures)))
    assert all(np.array_equal(a, b) for a, b in zip(found, pictures, strict=True))


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, (model, *what) in PICTURES.items():
        if not (GOLDEN / name).exists():
            pixels = stepped(*what)
            (GOLDEN / name).write_bytes(encode(pixels, lossless=True, model=model, tile_px=64))
    if not (GOLDEN / SAMPLES).exists():
        (GOLDEN / SAMPLES).write_bytes(encode(depths(), lossless=True, model="photo"))
    for name, (model, pictures) in PACKS.items():
        if not (GOLDEN / name).exists():
            (GOLDEN / name).write_bytes(pack(Collection(pictures()), model=model, group=3))
