"""Lossless tiles decode to the same bits under other kernels, thread counts and batch sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.pyramid.codec import LosslessModel, to_ycocg
from roundel.codecs.pyramid.walk import Group, walk
from roundel.training.pyramid import stored as lossless_weights
from tests.codecs.test_lossless import STEPS, picture, tiny_net
from tests.codecs.test_lossy_exact import KERNELS

SIZES = [(40, 56), (33, 70), (1, 90)]


@pytest.fixture(scope="module", params=STEPS)
def weights(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    lossless_weights.save(path, tiny_net(request.param), {})
    return path


@pytest.mark.parametrize(("kernels", "threads", "mkldnn"), [("AVX2", 1, "on"), ("SSE", 2, "on"), ("SSE", 1, "off")])
def test_other_kernels_decode_the_same_bits(weights: Path, kernels: str, threads: int, mkldnn: str) -> None:
    model = zoo.get(str(weights))
    lines, expected = [], []
    for height, width in SIZES:
        coded = model.encode(picture("gradient", height, width), Window(0, 0, height, width), 0)
        lines.append(json.dumps([[p.hex() for p in coded.passes], height, width, 0]))
        expected.append(str(coded.crc))
    command = [sys.executable, "-m", "tests.codecs.child_lossy", str(weights), str(threads), mkldnn]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env=os.environ | KERNELS[kernels],
    )  # fmt: skip
    assert done.stdout.split() == expected


class Recording:
    """Known samples, and what the nets say about each."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self.said: list[np.ndarray] = []

    def next(self, group: Group, index: np.ndarray, centre: np.ndarray) -> np.ndarray:
        self.said += [index.copy(), centre.copy()]
        return group.of(self.x)


def test_a_batch_computes_what_its_pictures_do_alone(weights: Path) -> None:
    model = zoo.get(str(weights))
    assert isinstance(model, LosslessModel)
    x = to_ycocg(np.stack([np.roll(picture("gradient", 32, 32), 5 * i, 0) for i in range(64)]))
    together = Recording(x)
    walk(model.net, together, 64, 32, 32, colour=True)
    for i in (0, 17, 63):
        alone = Recording(x[i : i + 1])
        walk(model.net, alone, 1, 32, 32, colour=True)
        for many, one in zip(together.said, alone.said, strict=True):
            assert np.array_equal(many.reshape(64, *one.shape[1:])[i] if len(many) == 1 else many[i], one[0])
