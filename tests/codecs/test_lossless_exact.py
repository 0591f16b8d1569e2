"""The lossless nets say the same alone and in a batch, on one thread and on several, and from a pickle."""

import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.pyramid.codec import PyramidModel
from roundel.codecs.pyramid.walk import Group, Prediction, walk
from roundel.codecs.pyramid.ycocg import to_ycocg
from tests.codecs.pyramids import picture, tiny_weights


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PyramidModel:
    path = tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")
    found = zoo.get(str(path))
    assert isinstance(found, PyramidModel)
    return found


class Recording:
    """Known samples, and what the nets say about each."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self.said: list[np.ndarray] = []

    def first(self, colour: int, count: int) -> np.ndarray:
        return self.x[:, colour, 0, 0].astype(np.int32)

    def next(self, group: Group, predicted: Prediction, before: Sequence[np.ndarray]) -> np.ndarray:
        values = group.of(self.x)
        self.said.append(np.stack([*predicted, values, *before]))
        return values


@pytest.mark.parametrize(("height", "width"), [(32, 32), (13, 22), (9, 7)])
def test_a_batch_computes_what_its_pictures_do_alone(model: PyramidModel, height: int, width: int) -> None:
    x = to_ycocg(np.stack([np.roll(picture("gradient", height, width), 5 * i, 0) for i in range(20)]))
    together = Recording(x)
    walk(model.nets, together, 20, height, width, colour=True)
    for i in (0, 7, 19):
        alone = Recording(x[i : i + 1])
        walk(model.nets, alone, 1, height, width, colour=True)
        for many, one in zip(together.said, alone.said, strict=True):
            assert np.array_equal(many.reshape(len(many), 20, -1)[:, i], one)


def test_threads_that_share_a_model_write_and_read_the_same(model: PyramidModel) -> None:
    pictures = [picture("gradient", 40 + k, 56) for k in range(8)]

    def coded(pixels: np.ndarray) -> list[bytes]:
        return model.encode(pixels, Window(0, 0, *pixels.shape[:2]), 0).passes

    one_by_one = [coded(p) for p in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(coded, pictures)) == one_by_one
        decoded = list(pool.map(lambda k: model.decode(one_by_one[k], 40 + k, 56, 0).latents, range(8)))
    assert all(np.array_equal(d.transpose(1, 2, 0), p) for d, p in zip(decoded, pictures, strict=True))


def test_a_model_pickles(model: PyramidModel) -> None:
    pixels = picture("gradient", 20, 30)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.encode(pixels, Window(0, 0, 20, 30), 0) == model.encode(pixels, Window(0, 0, 20, 30), 0)
