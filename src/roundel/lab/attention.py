"""Transforms of residual blocks with attention.

Source: Cheng et al. 2020, figures 4 and 5, with their simplified attention; sub-pixel convolutions go up.
"""

import torch
from torch import Tensor, nn

from roundel.lab.gdn import GDN


def _three(c_in: int, c_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride, 1)


def _up(c_in: int, c_out: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, 4 * c_out, kernel, padding=kernel // 2), nn.PixelShuffle(2))


class Residual(nn.Module):
    """A path beside another: both (B, C, H, W) to one shape, added."""

    def __init__(self, path: nn.Module, beside: nn.Module) -> None:
        super().__init__()
        self.path, self.beside = path, beside

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.beside(x) + self.path(x)
        return out


def block(n: int) -> Residual:
    """Two convolutions beside the identity."""
    return Residual(nn.Sequential(_three(n, n), nn.LeakyReLU(), _three(n, n), nn.LeakyReLU()), nn.Identity())


def down(c_in: int, n: int) -> Residual:
    """Half the size; GDN at the end of the path."""
    path = nn.Sequential(_three(c_in, n, 2), nn.LeakyReLU(), _three(n, n), GDN(n))
    # A 1 × 1 convolution of stride 2 would do, but PyTorch 2.13 breaks its heap over one of 3 channels stored last.
    return Residual(path, nn.Sequential(nn.AvgPool2d(1, 2), nn.Conv2d(c_in, n, 1)))


def up(c_in: int, n: int) -> Residual:
    """Twice the size; inverse GDN at the end of the path."""
    path = nn.Sequential(_up(c_in, n), nn.LeakyReLU(), _three(n, n), GDN(n, inverse=True))
    return Residual(path, _up(c_in, n, 1))


class Attention(nn.Module):
    """x + trunk(x) · sigmoid(mask(x)), (B, C, H, W) to the same: more bits where pictures are hard."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*(_bottleneck(n) for _ in range(3)))
        self.mask = nn.Sequential(*(_bottleneck(n) for _ in range(3)), nn.Conv2d(n, n, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.trunk(x) * torch.sigmoid(self.mask(x))
        return out


def _bottleneck(n: int) -> nn.Sequential:
    half = n // 2
    path = nn.Sequential(
        nn.Conv2d(n, half, 1), nn.LeakyReLU(), _three(half, half), nn.LeakyReLU(), nn.Conv2d(half, n, 1)
    )
    return nn.Sequential(Residual(path, nn.Identity()), nn.LeakyReLU())


def analysis(n: int, m: int) -> nn.Sequential:
    """Pixels (B, 3, H, W) to latents (B, m, H/16, W/16)."""
    return nn.Sequential(
        down(3, n), block(n), down(n, n), Attention(n), block(n), down(n, n), block(n), _three(n, m, 2), Attention(m)
    )


def synthesis(n: int, m: int) -> nn.Sequential:
    """The mirror of `analysis`."""
    ups = (up(n, n), block(n), up(n, n), Attention(n), block(n), up(n, n), block(n), _up(n, 3))
    return nn.Sequential(Attention(m), _three(m, n), block(n), *ups)
