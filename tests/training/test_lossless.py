"""Training of the lossless model: what is minimised is what files cost."""

from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.codecs.pyramid.symbols import Writing
from roundel.codecs.pyramid.walk import walk
from roundel.coding import Tables
from roundel.errors import ImageError
from roundel.training.entropy.mixture import mixture_tables
from roundel.training.pyramid import stored as lossless_weights
from roundel.training.pyramid.calibrate import calibrated
from roundel.training.pyramid.net import Pyramid
from roundel.training.pyramid.task import Data, Flips, PyramidTask, pyramid_bits, sources
from tests.codecs.test_lossless import STEPS, picture, tiny_net, to_ycocg


def coded_bits(net: Pyramid, x: np.ndarray, tables: Tables) -> int:
    writing = Writing(x, tables)
    walk(net, writing, len(x), *x.shape[2:], colour=True)
    return 8 * sum(map(len, writing.passes()))


@pytest.mark.parametrize("step", STEPS)
def test_files_cost_what_training_minimises(step: str) -> None:
    pixels = picture("gradient", 64, 64)
    net = tiny_net(step)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    thought = float(sum(pyramid_bits(net, x, 99))) + 8 + 2 * np.log2(511)  # and the first pixel
    lossless_weights.freeze(net)
    assert coded_bits(net, to_ycocg(pixels[None]), mixture_tables()) == pytest.approx(thought, rel=0.01)


def test_calibrated_tables_cost_less() -> None:
    net, batch = tiny_net(), torch.from_numpy(np.stack([picture("gradient", 64, 64)] * 8)).permute(0, 3, 1, 2)
    lossless_weights.freeze(net)
    tables, x = mixture_tables(), to_ycocg(batch[:1].permute(0, 2, 3, 1).numpy())
    better = calibrated(net, tables, [batch])
    assert coded_bits(net, x, better) < coded_bits(net, x, tables)
    assert np.array_equal(better.frequencies[better.starts[-3] :], tables.frequencies[tables.starts[-3] :])


@pytest.mark.parametrize("step", STEPS)
def test_a_step_teaches(step: str) -> None:
    net = tiny_net(step).train().requires_grad_(True)
    images = torch.from_numpy(np.stack([picture("gradient", 16, 16)] * 4)).permute(0, 3, 1, 2)
    task = PyramidTask(net, Flips(images), images)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    torch.manual_seed(0)
    before, _ = task.validate(net)
    for k in range(8):
        x = task.batch(4, 16, np.random.default_rng(k)).float() / 255
        optimizer.zero_grad()
        loss, values = task.loss(net, x, 0.0)
        loss.backward()
        optimizer.step()
    assert values["finest"] < values["loss"]
    assert task.validate(net)[0] < before


def test_folders_without_batches_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="data_batch"):
        sources(Data(cifar=True), [tmp_path])
