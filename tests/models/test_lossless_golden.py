"""Files that earlier versions wrote with the weights that ship decode to the same bits for ever.

`python -m tests.models.test_lossless_golden` writes files that are missing; existing ones are never written again.
"""

from pathlib import Path

import numpy as np
import pytest

from roundel.codec import decode_array, encode
from roundel.container import read_pack
from roundel.packing import Collection, pack, unpack
from tests.models.test_lossless import picture

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {
    "photo-67x90.rndl": ("photo", 67, 90),
    "histology-40x33.rndl": ("histology", 40, 33),
}


def small_pictures() -> list[np.ndarray]:
    return [np.roll(picture("gradient", 32, 32), 4 * i, 0) for i in range(5)]


@pytest.mark.parametrize("name", PICTURES)
def test_golden_files_decode(name: str) -> None:
    _, height, width = PICTURES[name]
    assert np.array_equal(decode_array((GOLDEN / name).read_bytes()), picture("gradient", height, width))


def test_the_golden_pack_decodes() -> None:
    opened = read_pack((GOLDEN / "cifar-5.rndl").read_bytes())
    assert all(np.array_equal(a, b) for a, b in zip(unpack(opened, range(5)), small_pictures(), strict=True))


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, (model, height, width) in PICTURES.items():
        if not (GOLDEN / name).exists():
            pixels = picture("gradient", height, width)
            (GOLDEN / name).write_bytes(encode(pixels, lossless=True, model=model, tile_px=64))
    if not (GOLDEN / "cifar-5.rndl").exists():
        (GOLDEN / "cifar-5.rndl").write_bytes(pack(Collection(small_pictures()), model="cifar", group=3))
