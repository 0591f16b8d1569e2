"""The filter after the wavelet: nearly nothing at first, and local."""

import torch

from roundel.training.wavelet.filters import Filter, FilterShape, unshuffle
from roundel.training.wavelet.subbands import shuffle


def make() -> Filter:
    torch.manual_seed(0)
    return Filter(FilterShape(8, 12, 1, 1), anchors=2)


@torch.no_grad()
def test_starts_near_the_identity() -> None:
    x, step = torch.rand(2, 3, 32, 48), torch.tensor([0.2, 0.05])
    change = (make()(x, torch.tensor([0.2, 0.9]), step) - x).abs().amax((1, 2, 3))
    assert (change < 0.25 * step).all()


@torch.no_grad()
def test_reaches_no_further_than_it_says() -> None:
    net = make()
    for p in net.parameters():
        p.add_(0.1 * torch.randn_like(p))
    x = torch.rand(1, 3, 16, 256)
    changed = x.clone()
    changed[..., 128:] = 1 - changed[..., 128:]
    t, step = torch.tensor([0.5]), torch.tensor([0.2])
    touched = (net(changed, t, step) - net(x, t, step)).abs().sum((0, 1, 2)).nonzero().flatten()
    assert 128 - net.reach_px <= touched.min() < 128 - net.reach_px // 3


def test_blocks_come_apart_and_together() -> None:
    x = torch.rand(2, 3, 8, 12)
    assert torch.equal(shuffle(unshuffle(x), 4), x)
    assert torch.equal(unshuffle(x)[0, :3, 0, 0], x[0, :, 0, 0])
