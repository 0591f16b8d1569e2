"""Training of the lossless model: what is minimised is what files cost, and exports take it up again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from roundel.codecs.pyramid.nets import Nets
from roundel.codecs.pyramid.stored import nets_of
from roundel.codecs.pyramid.symbols import Recording
from roundel.codecs.pyramid.walk import Group, Prediction, walk
from roundel.codecs.pyramid.ycocg import to_ycocg
from roundel.codecs.weights import read
from roundel.coding import Tables
from roundel.errors import ImageError, ModelError
from roundel.training.entropy.mixture import mixture_tables
from roundel.training.pyramid import net as training
from roundel.training.pyramid.calibrate import calibrated
from roundel.training.pyramid.export import save
from roundel.training.pyramid.net import Pyramid, PyramidShape
from roundel.training.pyramid.resume import trainable
from roundel.training.pyramid.rounding import round_afterwards, set_rounding
from roundel.training.pyramid.task import Data, Flips, PyramidTask, pyramid_bits, sources
from tests.codecs.pyramids import picture, tiny_net, tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def nets(weights: Path) -> Nets:
    return nets_of(read(weights))


def coded_bits(nets: Nets, pixels: np.ndarray, tables: Tables) -> int:
    recording = Recording(to_ycocg(pixels))
    walk(nets, recording, *pixels.shape[:3], colour=True)
    return 8 * sum(map(len, recording.written(recording.placed(), tables, 3, 0).passes))


class Saying:
    """Known samples; keeps what the nets say about those of the finest level, as training orders them."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self.said: list[np.ndarray] = []

    def first(self, colour: int, count: int) -> np.ndarray:
        return self.x[:, colour, 0, 0].astype(np.int32)

    def next(self, group: Group, predicted: Prediction, before: list[np.ndarray]) -> np.ndarray:
        if group.level == 0:
            self.said.append(np.stack(predicted))
        return group.of(self.x)


def test_graphs_say_what_the_trained_net_says(nets: Nets) -> None:
    pixels = picture("gradient", 16, 24)[None]
    saying = Saying(to_ycocg(pixels))
    walk(nets, saying, 1, 16, 24, colour=True)
    rgb = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        _, predicted = tiny_net()(training.to_ycocg(rgb))
    said = np.concatenate(saying.said, 1)
    differing = np.abs(said - torch.stack(list(predicted)).numpy())
    # Rounding the weights of the layers that see pixels or say means may move a value by a step or two.
    assert differing.max() <= 3
    assert (differing == 0).mean() > 0.9


def test_files_cost_what_training_minimises(nets: Nets) -> None:
    pixels = picture("gradient", 64, 64)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    thought = float(sum(pyramid_bits(tiny_net(), x, 99))) + 8 + 2 * np.log2(511)  # and the first pixel
    assert coded_bits(nets, pixels[None], mixture_tables()) == pytest.approx(thought, rel=0.01)


def test_calibrated_tables_cost_less(nets: Nets) -> None:
    batch = np.stack([picture("gradient", 64, 64)] * 8)
    tables = mixture_tables()
    better = calibrated(nets, tables, [batch])
    assert coded_bits(nets, batch[:1], better) < coded_bits(nets, batch[:1], tables)
    assert np.array_equal(better.frequencies[better.starts[-3] :], tables.frequencies[tables.starts[-3] :])


def test_a_step_teaches() -> None:
    net = tiny_net().train().requires_grad_(True)
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


def test_training_goes_on_from_the_graphs_of_a_file(weights: Path, tmp_path: Path) -> None:
    net, again = tiny_net(seed=1), tmp_path / "again.safetensors"
    net.load_state_dict(trainable(weights, net))
    save(again, net, {})
    # The step of a channel may halve and its weights double, which is the same; the hash is of what nets say.
    assert read(again).selftest == read(weights).selftest
    with pytest.raises(ModelError, match="shape"):
        trainable(weights, Pyramid(PyramidShape(widths=(16, 24), blocks=(2, 1, 0), head=8)))


def test_blocks_that_are_added_say_nothing_at_first(weights: Path, tmp_path: Path) -> None:
    shape = tiny_net().shape
    grown, again = Pyramid(replace(shape, blocks=(3, 2, 2))), tmp_path / "again.safetensors"
    grown.load_state_dict(trainable(weights, grown))
    save(again, grown, {})
    assert read(again).selftest == read(weights).selftest
    fewer = Pyramid(replace(shape, blocks=0))
    with pytest.raises(ModelError, match="shape"):
        trainable(weights, fewer)


def test_weights_that_could_overflow_are_refused(tmp_path: Path) -> None:
    net = Pyramid(PyramidShape(widths=(128,), head=8)).requires_grad_(False)
    net.levels[0][1].inner[0].weights[0].uniform_(0.9, 1.0)  # type: ignore[index,union-attr]
    net.levels[0][1].inner[0].parts = [net.levels[0][1].inner[0].parts[0]._replace(balanced=0)]  # type: ignore[index,union-attr]
    with pytest.raises(ModelError, match=r"2\^24"):
        save(tmp_path / "w.safetensors", net, {})


def test_weights_rounded_afterwards_say_nearly_what_the_real_ones_say() -> None:
    crops = torch.from_numpy(np.stack([picture("gradient", 64, 64), picture("gradient", 64, 65)[:, 1:]]))
    crops = crops.permute(0, 3, 1, 2).contiguous()
    x = training.to_ycocg(crops.flip(3).float())

    def said(net: Pyramid) -> torch.Tensor:
        with torch.no_grad():
            return torch.stack(list(net(x)[1]))

    real, nearest, fed_back = tiny_net(), tiny_net(), tiny_net()
    set_rounding(real, on=False)
    round_afterwards(fed_back, crops)
    off = [(said(net) - said(real)).square().mean() for net in (nearest, fed_back)]
    assert 0 < off[1] < 0.9 * off[0]


def test_folders_without_batches_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="data_batch"):
        sources(Data(cifar=True), [tmp_path])
