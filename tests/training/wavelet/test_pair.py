"""The pair's training goes through the codec that ships: bits and pictures are the net's, and gradients lead down."""

import copy

import numpy as np
import pytest
import torch

from roundel.training.wavelet.pair import Pair, PairTask, through
from tests.codecs.pictures import smooth_picture
from tests.codecs.wavelets import tiny_net

ONES = [torch.ones(1, 1, 256 >> k, 256 >> k) for k in (5, 4, 3, 2, 1)]


@pytest.fixture
def x() -> torch.Tensor:
    return torch.from_numpy(smooth_picture(256, 256, seed=3)).permute(2, 0, 1)[None].float() / 255


def test_bits_and_pictures_are_the_codecs(x: torch.Tensor) -> None:
    net, t, tuning = tiny_net(), torch.tensor([0.5]), torch.tensor([0])
    with torch.no_grad():
        coded = net(x, t, tuning)
        linear, bpp = through(net, x, t, tuning, net.price_maps(x, tuning))
        expected = net.picture(coded.symbols, t, tuning)
    assert linear.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    assert bpp.item() == pytest.approx((coded.bpp + coded.low_bpp).item(), rel=1e-4)


def test_dearer_bits_are_fewer(x: torch.Tensor) -> None:
    net, t, tuning = tiny_net(), torch.tensor([0.6]), torch.tensor([0])
    with torch.no_grad():
        rates = [through(net, x, t, tuning, [factor * one for one in ONES])[1].item() for factor in (0.2, 1.0, 4.0)]
    assert rates[0] > rates[1] > rates[2]


def test_a_step_of_training_lowers_the_loss_it_was_taken_on(x: torch.Tensor) -> None:
    class One:
        def batch(self, count: int, side: int, generator: np.random.Generator) -> torch.Tensor:
            return (x * 255).to(torch.uint8)

    torch.manual_seed(0)
    net = copy.deepcopy(tiny_net())
    pair = Pair(net.prefilters["ssimulacra2"], net.filters[0])
    task = PairTask(net, pair, One(), (x * 255).to(torch.uint8))
    before, _ = task.validate(pair)
    optimizer = torch.optim.Adam(pair.parameters(), 2e-3)
    for _ in range(6):
        loss, _ = task.loss(pair, x, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert task.validate(pair)[0] < before
    assert all(p.grad is None for p in net.contexts.parameters())
