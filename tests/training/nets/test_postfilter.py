"""The filter after the wavelet: nothing at first, and local."""

import torch

from roundel.training.wavelet.postfilter import PostFilter


def make() -> PostFilter:
    torch.manual_seed(0)
    return PostFilter(8, 12, blocks4=1, blocks8=1, log_steps=torch.tensor([-1.0, -3.0]))


@torch.no_grad()
def test_starts_as_the_identity() -> None:
    x = torch.rand(2, 3, 32, 48)
    torch.testing.assert_close(make()(x, torch.tensor([0.2, 0.9])), x)


@torch.no_grad()
def test_reaches_no_further_than_it_says() -> None:
    net = make()
    for p in net.parameters():
        p.add_(0.1 * torch.randn_like(p))
    x = torch.rand(1, 3, 16, 256)
    changed = x.clone()
    changed[..., 128:] += 0.5
    t = torch.tensor([0.5])
    touched = (net(changed, t) - net(x, t)).abs().sum((0, 1, 2)).nonzero().flatten()
    assert 128 - net.reach_px <= touched.min() < 128 - net.reach_px // 3
