"""Files of tokens that earlier versions wrote with the weights that ship hold the same tokens and pixels for ever.

`python -m tests.codecs.test_tokens_golden` writes files that are missing; existing ones are never written again.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.codecs import zoo
from roundel.container import Kind, read_pack
from roundel.packing import Collection, pack, unpack
from tests.codecs.test_lossless_golden import small_pictures
from tests.test_codec import scene

GOLDEN = Path(__file__).parent / "golden"
PHOTO = GOLDEN / "photo-tokens-101x75.rndl"
PACKS = {name: GOLDEN / f"{name}-5.rndl" for name in ("cifar-tokens",)}
PUBLISHED = [entry.name for entry in zoo.entries() if entry.kind is Kind.TOKENS]


def test_every_model_of_tokens_has_a_golden_file() -> None:
    for name in PUBLISHED:
        assert list(GOLDEN.glob(f"{name}-*.rndl")), f"no golden files of {name}"


def test_the_golden_picture() -> None:
    data = PHOTO.read_bytes()
    assert np.array_equal(roundel.tokenize(data), np.load(PHOTO.with_suffix(".npy")))
    with Image.open(PHOTO.with_suffix(".png")) as then:
        assert np.array_equal(roundel.decode_array(data), np.asarray(then))


def test_pictures_give_the_tokens_that_they_gave() -> None:
    assert np.array_equal(roundel.tokenize(scene(75, 101)), np.load(PHOTO.with_suffix(".npy")))


@pytest.mark.parametrize("name", PACKS)
def test_the_golden_packs(name: str) -> None:
    """All tokens, by the checksum that unpacking compares, and all pixels."""
    opened = read_pack(PACKS[name].read_bytes())
    shown = np.concatenate(list(unpack(opened, range(5))))
    with Image.open(PACKS[name].with_suffix(".png")) as then:
        assert np.array_equal(shown, np.asarray(then))


if __name__ == "__main__":
    if not PHOTO.exists():
        PHOTO.write_bytes(roundel.encode(scene(75, 101), model="photo-tokens", tile_px=64))
        np.save(PHOTO.with_suffix(".npy"), roundel.tokenize(PHOTO.read_bytes()).astype(np.uint8))
        roundel.decode(PHOTO.read_bytes()).save(PHOTO.with_suffix(".png"))
    for model, path in PACKS.items():
        if not path.exists():
            path.write_bytes(pack(Collection(small_pictures()), model=model, group=3))
            shown = np.concatenate(list(unpack(read_pack(path.read_bytes()), range(5))))
            Image.fromarray(shown).save(path.with_suffix(".png"))
