"""Models chosen by what they make of a sample."""

import numpy as np
import pytest
from skimage import data

from roundel.codec import encode, info
from roundel.codecs import zoo
from roundel.codecs.selection import QUICKEST, best_for_set, best_lossless
from roundel.container import Kind, read_pack
from roundel.errors import RoundelError
from roundel.packing import Collection, pack, unpack

LOSSLESS = [entry.name for entry in zoo.current(Kind.LOSSLESS)]


@pytest.fixture(scope="module")
def small() -> list[np.ndarray]:
    """Pieces of a photograph at an eighth of its size, 32 × 32."""
    thumbnail = np.ascontiguousarray(data.astronaut()[::4, ::4])
    return [thumbnail[y : y + 32, x : x + 32] for y in (0, 32, 64, 96) for x in (0, 32, 64, 96)]


def test_a_pack_is_no_larger_than_with_any_other_model(small: list[np.ndarray]) -> None:
    collection = Collection(small)
    packed = pack(collection)
    assert len(packed) == min(len(pack(collection, model=name)) for name in LOSSLESS)
    found = list(unpack(read_pack(packed), range(len(small))))
    assert all(np.array_equal(a, b) for a, b in zip(found, small, strict=True))


def test_the_default_wins_where_models_agree() -> None:
    blank = np.full((40, 50, 3), 9, np.uint8)
    default = zoo.default(Kind.LOSSLESS)
    assert best_for_set([blank, blank[:7]]).name == default
    assert best_lossless(blank).name == default
    assert best_lossless(blank.astype(np.uint16)).name == default


def test_an_effort_takes_the_quickest_the_default_or_the_best_model(small: list[np.ndarray]) -> None:
    pixels = np.ascontiguousarray(np.concatenate(small[:2], 1))
    files = [encode(pixels, lossless=True, effort=effort) for effort in (0, 5, 9)]
    models = [zoo.find(info(data).header.model_id) for data in files]
    assert [model.name for model in models[:2] if model] == [QUICKEST, zoo.default(Kind.LOSSLESS)]
    assert len(files[2]) <= min(len(encode(pixels, lossless=True, model=name)) for name in LOSSLESS)
    with pytest.raises(RoundelError, match="effort 10 is out of range"):
        encode(pixels, lossless=True, effort=10)
