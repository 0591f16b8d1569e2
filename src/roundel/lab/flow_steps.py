"""Bijections of flows, discrete and continuous: squeeze, permutations, couplings. Each is `forward` and `inverse`.

`forward` returns the transformed tensor and the log of its volume change in nats, one number for each picture of the
batch; integer bijections move points without stretching, so theirs is zero.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEP = 1 / 256
"""Pixels are multiples of this in [0, 1), as in the paper."""


def round_ste(x: Tensor) -> Tensor:
    """To the nearest integer forward, identity backward."""
    return x + (torch.round(x) - x).detach()


class Bijection(Protocol):
    """One step of a flow."""

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, H, W) to z of the same shape and log|det dz/dx| (B,)."""
        ...

    def inverse(self, z: Tensor) -> Tensor:
        """x from z."""
        ...


def squeeze(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 4C, H/2, W/2): every 2×2 cell becomes channels."""
    return F.pixel_unshuffle(x, 2)


def unsqueeze(x: Tensor) -> Tensor:
    """The inverse of `squeeze`."""
    return F.pixel_shuffle(x, 2)


class DenseNet(nn.Module):
    """Layers that each see all before them; the last starts at zero, so that couplings start as the identity.

    Source: Hoogeboom et al. 2019, section 4; ReLU and no normalisation, which integers would not survive. Every 1 × 1
    layer has `width` outputs, which at the paper's sizes makes 102 million parameters of a flow, to its 58.5.
    """

    def __init__(self, c_in: int, c_out: int, depth: int, width: int) -> None:
        super().__init__()
        growth = max(1, width // depth)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c_in + i * growth, width, 1), nn.ReLU(), nn.Conv2d(width, growth, 3, padding=1))
            for i in range(depth)
        )
        self.last = nn.Conv2d(c_in + depth * growth, c_out, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H, W)."""
        for layer in self.layers:
            x = torch.cat([x, F.relu(layer(x))], 1)
        return self.last(x).float()


class Permuted(nn.Module):
    """A bijection between a fixed permutation of channels and its inverse. Source: IDF++, section 4."""

    order: Tensor
    back: Tensor

    def __init__(self, inner: Bijection, channels: int, seed: int) -> None:
        super().__init__()
        self.inner = inner
        order = torch.randperm(channels, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        z, volume = self.inner(x[:, self.order])
        return z[:, self.back], volume

    def inverse(self, z: Tensor) -> Tensor:
        """See `Bijection`."""
        return self.inner.inverse(z[:, self.order])[:, self.back]


class AdditiveCoupling(nn.Module):
    """Three quarters of the channels move the last quarter; by whole steps if `rounded`, to stay on the grid.

    Source: Hoogeboom et al. 2019, eq. 8 (rounded, straight-through gradient); NICE, Dinh et al. 2014 (not rounded).
    """

    def __init__(self, channels: int, depth: int, width: int, *, rounded: bool) -> None:
        super().__init__()
        self.kept, self.rounded = channels - channels // 4, rounded
        self.net = DenseNet(self.kept, channels - self.kept, depth, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        return self._move(x, 1), x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """See `Bijection`."""
        return self._move(z, -1)

    def _move(self, x: Tensor, sign: int) -> Tensor:
        kept, moved = x[:, : self.kept], x[:, self.kept :]
        t = self.net(kept)
        t = round_ste(t / STEP) * STEP if self.rounded else t
        return torch.cat([kept, moved + sign * t], 1)


class AffineCoupling(nn.Module):
    """Half of the channels scale and move the other half. Source: RealNVP, Dinh et al. 2017, eq. 7 and 8."""

    def __init__(self, channels: int, depth: int, width: int) -> None:
        super().__init__()
        self.kept = channels // 2
        self.net = DenseNet(self.kept, 2 * (channels - self.kept), depth, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        kept, moved = x[:, : self.kept], x[:, self.kept :]
        log_scale, t = self._scale(kept)
        return torch.cat([kept, moved * torch.exp(log_scale) + t], 1), log_scale.flatten(1).sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        """See `Bijection`."""
        kept, moved = z[:, : self.kept], z[:, self.kept :]
        log_scale, t = self._scale(kept)
        return torch.cat([kept, (moved - t) * torch.exp(-log_scale)], 1)

    def _scale(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, t = self.net(kept).chunk(2, 1)
        return 2 * torch.tanh(log_scale / 2), t


class Invertible1x1(nn.Module):
    """A learned rotation of channels, from a random orthogonal one. Source: Glow, Kingma and Dhariwal 2018, eq. 9."""

    def __init__(self, channels: int, seed: int) -> None:
        super().__init__()
        noise = torch.randn(channels, channels, generator=torch.Generator().manual_seed(seed))
        self.matrix = nn.Parameter(torch.linalg.qr(noise)[0].contiguous())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        volume = torch.linalg.slogdet(self.matrix.float())[1] * x.shape[2] * x.shape[3]
        return torch.einsum("oc,bchw->bohw", self.matrix.float(), x), volume.expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """See `Bijection`."""
        return torch.einsum("oc,bchw->bohw", torch.linalg.inv(self.matrix.double()).float(), z)


class ActNorm(nn.Module):
    """A learned scale and shift of each channel. Source: Glow, eq. 8, but it starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        volume = self.log_scale.sum() * x.shape[2] * x.shape[3]
        return x * torch.exp(self.log_scale) + self.shift, volume.expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """See `Bijection`."""
        return (z - self.shift) * torch.exp(-self.log_scale)


class Chain(nn.Module):
    """Bijections one after the other."""

    def __init__(self, steps: Sequence[nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        volume = x.new_zeros(len(x))
        for step in self.steps:
            x, change = step(x)
            volume = volume + change
        return x, volume

    def inverse(self, z: Tensor) -> Tensor:
        """See `Bijection`."""
        for step in reversed(self.steps):
            z = step.inverse(z)  # type: ignore[operator]
        return z


def additive(channels: int, flows: int, depth: int, width: int, *, rounded: bool) -> Chain:
    """Permuted additive couplings: one level of an integer flow, or of its continuous twin."""
    return Chain(
        [
            Permuted(AdditiveCoupling(channels, depth, width, rounded=rounded), channels, seed)
            for seed in range(1, flows + 1)
        ]
    )


def real_nvp(channels: int, flows: int, depth: int, width: int) -> Chain:
    """Permuted affine couplings; permutations stand for RealNVP's alternating masks."""
    return Chain([Permuted(AffineCoupling(channels, depth, width), channels, seed) for seed in range(1, flows + 1)])


def glow(channels: int, flows: int, depth: int, width: int) -> Chain:
    """ActNorm, rotation, affine coupling."""
    steps: list[nn.Module] = []
    for seed in range(1, flows + 1):
        steps += [ActNorm(channels), Invertible1x1(channels, seed), AffineCoupling(channels, depth, width)]
    return Chain(steps)


def logistic_log_mass(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log of the mass of a logistic on [x − STEP/2, x + STEP/2], elementwise."""
    inverse, d = torch.exp(-log_scale), (x - mean).abs()
    mass = torch.sigmoid((STEP / 2 - d) * inverse) - torch.sigmoid((-STEP / 2 - d) * inverse)
    return torch.log(mass.clamp_min(1e-10))


def logistic_log_density(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log density of a logistic, elementwise."""
    v = (x - mean) * torch.exp(-log_scale)
    return -v - log_scale - 2 * F.softplus(-v)


LN2 = math.log(2)
