"""A model that has been used works in threads, in forked and spawned workers, and comes back from a pickle."""

import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import roundel
from roundel.codecs.protocol import Model
from roundel.container import Kind
from roundel.tokens import tokenize
from tests.test_codec import scene

PIXELS = scene(96, 80)
KINDS = [Kind.LOSSY, Kind.LOSSLESS, Kind.TOKENS]


def coded(kind: Kind, seed: int = 0, jobs: int = 1, model: Model | None = None) -> bytes:
    """A small picture through a model of a kind: there, and back with every check."""
    used = model or roundel.load_model(kind=kind)
    data = roundel.encode(scene(96, 80, seed=seed), model=used, tile_px=64, jobs=jobs)
    return data + roundel.decode_array(data, model=model, jobs=jobs).tobytes()


@pytest.fixture(params=KINDS, ids=[kind.name.lower() for kind in KINDS])
def used(request: pytest.FixtureRequest) -> Kind:
    """A kind whose default model has been used in this process, with several threads."""
    coded(request.param, jobs=2)
    return request.param


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers(used: Kind, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{sys.platform} cannot {method}")
    expected = [coded(used, seed) for seed in range(3)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        tasks = [pool.submit(coded, used, seed, 2) for seed in range(3)]
        assert [task.result(timeout=120) for task in tasks] == expected


def test_threads(used: Kind) -> None:
    expected = [coded(used, seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda seed: coded(used, seed), range(6))) == expected


def test_pickles(used: Kind) -> None:
    model = roundel.load_model(kind=used)
    again = pickle.loads(pickle.dumps(model))
    assert coded(used, model=again) == coded(used)


def test_tokens_in_forked_workers() -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{sys.platform} cannot fork")
    expected = tokenize(PIXELS)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert np.array_equal(pool.submit(tokenize, PIXELS).result(timeout=120), expected)


def test_torch_s_default_type_is_no_matter() -> None:
    torch = pytest.importorskip("torch")
    expected = coded(Kind.LOSSY)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert coded(Kind.LOSSY) == expected
    finally:
        torch.set_default_dtype(before)
