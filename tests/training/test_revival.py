"""Dead hidden channels start anew; the others, and what the model says, stay as they are."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from roundel.training.nets.residual import ResidualBlock
from roundel.training.pyramid.net import Pyramid, PyramidShape
from roundel.training.pyramid.rounding import set_rounding
from roundel.training.pyramid.task import pyramid_bits
from roundel.training.revival import revive
from roundel.training.trainer import Schedule, Trainer

DEAD = torch.tensor([1, 4])


def block() -> ResidualBlock:
    torch.manual_seed(0)
    module = ResidualBlock(6)
    nn.init.normal_(module.conv2.weight, std=0.1)
    with torch.no_grad():
        module.conv1.bias[DEAD] = -1e6
    return module


def test_dead_channels_come_back_and_nothing_else_changes() -> None:
    module, x = block(), torch.randn(4, 6, 16, 16) + 3
    before, said = copy.deepcopy(module), module(x)
    found = revive(module, lambda: module(x))
    assert [(r.name, r.axis, r.channels.tolist()) for r in found] == [
        ("conv1.weight", 0, [1, 4]), ("conv1.bias", 0, [1, 4]), ("conv2.weight", 1, [1, 4])
    ]  # fmt: skip
    alive = [0, 2, 3, 5]
    assert torch.equal(module.conv1.weight[alive], before.conv1.weight[alive])
    assert torch.equal(module.conv2.weight[:, alive], before.conv2.weight[:, alive])
    assert torch.allclose(module(x), said, atol=1e-5)
    share = (module.conv1(x) > 0).float().mean((0, 2, 3))
    assert bool(((share > 0.2) & (share < 0.8))[DEAD].all())
    assert revive(module, lambda: module(x)) == []


def test_what_is_not_run_is_left_alone() -> None:
    module = block()
    assert revive(module, lambda: None) == []


@pytest.mark.parametrize("rounded", [False, True])
def test_pyramids_have_such_channels_too(rounded: bool) -> None:
    """But not where weights are rounded in the loop: their units are held."""
    torch.manual_seed(0)
    net = Pyramid(PyramidShape(widths=(8, 8, 8), blocks=1, head=8))
    set_rounding(net, on=rounded)
    inner = net.steps(0)[1].inner[0]
    with torch.no_grad():
        inner.bias[2] = -1e4
    x = torch.rand(2, 3, 16, 16)
    before = [float(bits.detach()) for bits in pyramid_bits(net, x, 99)]
    names = [r.name for r in revive(net, lambda: pyramid_bits(net, x, 99)) if 2 in r.channels]
    if rounded:
        assert not names
        return
    assert {"levels.0.1.inner.0.weights.0", "levels.0.1.inner.0.bias", "levels.0.1.outer.0.weights.0"} <= set(names)
    assert [float(bits.detach()) for bits in pyramid_bits(net, x, 99)] == pytest.approx(before, rel=1e-3)


class Task:
    """Makes a block say as much as it can."""

    def __init__(self) -> None:
        self.model = block()

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        return torch.from_numpy(generator.integers(0, 256, (count, 6, side, side), np.uint8))

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        loss = -model(x).mean()
        return loss, {"loss": float(loss.detach())}

    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        return 0.0, {}


def test_a_trainer_forgets_what_it_knew_of_them(tmp_path: Path) -> None:
    schedule = Schedule(10, lr=1e-2, warmup=0, muon=False, crops=((0.0, 8, 4),), bf16=False, revive_every=5)
    assert [step for step in range(10) if schedule.revives(step)] == [0, 5]
    trainer = Trainer(Task(), schedule, tmp_path, "cpu")
    trainer.advance(trainer.model, 0)
    moments = trainer.optimizers[0].state[trainer.model.conv2.weight]
    moments["exp_avg"].fill_(1)
    assert trainer.revive() == len(DEAD)
    assert moments["exp_avg"][:, DEAD].abs().max() == 0
    assert moments["exp_avg"][:, 0].min() == 1
    assert torch.equal(trainer.average.conv1.weight[DEAD], trainer.model.conv1.weight[DEAD])
    assert not torch.equal(trainer.average.conv1.weight[0], trainer.model.conv1.weight[0])
