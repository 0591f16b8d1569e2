"""Multi-level flows of the literature, for research: IDF and its continuous twin, RealNVP, Glow, Flow++.

Levels: squeeze, a chain of bijections, and half of the channels leave; their prior is a logistic whose mean and scale
come from the half that stays. The last level's prior is a mixture of logistics with parameters per channel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from roundel.lab import flow_steps
from roundel.lab.dequantise import Uniform, Variational
from roundel.lab.flow_steps import LN2, Chain, DenseNet, Permuted, squeeze, unsqueeze
from roundel.lab.mixture_coupling import MixtureCoupling

LOG_SCALE_START = -3.0
DEQUANTISING = 2
"""Couplings of a variational dequantisation: each half moves once."""
LogMass = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class FlowShape:
    """Sizes. The paper's CIFAR model has 3 levels of 8 flows, nets of depth 12 and width 512."""

    levels: int = 3
    flows: int = 4
    depth: int = 4
    width: int = 96
    mixtures: int = 5


class SplitPrior(nn.Module):
    """Logistic prior of what leaves, given what stays; starts with mean 0.5 and one scale."""

    def __init__(self, channels: int, depth: int, width: int) -> None:
        super().__init__()
        self.net = DenseNet(channels, 2 * channels, depth, width)

    def forward(self, left: Tensor, stays: Tensor, log_mass: LogMass) -> Tensor:
        """Log probability (B,)."""
        mean, log_scale = self.net(stays).chunk(2, 1)
        return log_mass(left, mean + 0.5, log_scale + LOG_SCALE_START).flatten(1).sum(1)


class TopPrior(nn.Module):
    """Mixture of logistics with parameters per channel, so that any size of picture works."""

    def __init__(self, channels: int, mixtures: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(mixtures, channels, 1, 1))
        spread = torch.linspace(0.2, 0.8, mixtures)[:, None, None, None]
        self.mean = nn.Parameter(spread.repeat(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.full((mixtures, channels, 1, 1), LOG_SCALE_START))

    def forward(self, z: Tensor, log_mass: LogMass) -> Tensor:
        """Log probability (B,)."""
        terms = log_mass(z[:, None], self.mean, self.log_scale) + torch.log_softmax(self.weight, 0)
        return torch.logsumexp(terms, 1).flatten(1).sum(1)


class Flow(nn.Module):
    """A multi-level flow.

    Args:
        dequantiser: makes densities of dequantised pixels; without one there are masses of integers.
    """

    def __init__(
        self, shape: FlowShape, level: Callable[[int, int, int, int], Chain], dequantiser: nn.Module | None
    ) -> None:
        super().__init__()
        self.shape, self.dequantiser = shape, dequantiser
        self.chains, self.splits = nn.ModuleList(), nn.ModuleList()
        channels = 3
        for i in range(shape.levels):
            channels *= 4
            self.chains.append(level(channels, shape.flows, shape.depth, shape.width))
            if i < shape.levels - 1:
                channels //= 2
                self.splits.append(SplitPrior(channels, shape.depth, shape.width))
        self.top = TopPrior(channels, shape.mixtures)

    def forward(self, x: Tensor) -> Tensor:
        """Bits of each picture, (B,); of continuous flows an upper bound, by dequantisation.

        Args:
            x: (B, 3, H, W) multiples of 1/256 in [0, 1), sides multiples of 2^levels.
        """
        total = x.new_zeros(len(x))
        if self.dequantiser is not None:
            x, log_density = self.dequantiser(x)
            total = total - log_density
        *parts, top = self.latents(x)
        for (left, stays, volume), split in zip(parts, self.splits, strict=True):
            total = total + volume + split(left, stays, self.log_mass)
        last, _, volume = top
        total = total + volume + self.top(last, self.log_mass)
        return -total / LN2

    @property
    def log_mass(self) -> LogMass:
        """Of the priors: a mass of integers or a density."""
        return flow_steps.logistic_log_mass if self.dequantiser is None else flow_steps.logistic_log_density

    def latents(self, x: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """For each level what leaves, what stays, and the log volume change (B,); at the last everything leaves."""
        out = []
        for i, chain in enumerate(self.chains):
            z, volume = chain(squeeze(x))
            if i == len(self.chains) - 1:
                out.append((z, z[:, :0], volume))
            else:
                x, left = z.chunk(2, 1)
                out.append((left, x, volume))
        return out

    def inverse(self, lefts: list[Tensor], level: int = 0) -> Tensor:
        """The picture whose levels left these; or, above the first `level` levels, what the last of these keeps."""
        x = lefts[-1]
        for i, chain in reversed(list(enumerate(self.chains))[level:]):
            z = x if i == len(self.chains) - 1 else torch.cat([x, lefts[i - level]], 1)
            x = unsqueeze(chain.inverse(z))  # type: ignore[operator]
        return x


def idf(shape: FlowShape) -> Flow:
    """Integer discrete flow. Source: Hoogeboom et al. 2019."""
    return Flow(shape, lambda *a: flow_steps.additive(*a, rounded=True), None)


def continuous_twin(shape: FlowShape) -> Flow:
    """IDF without the rounding, on dequantised pixels. Source: ibid., table 3."""
    return Flow(shape, lambda *a: flow_steps.additive(*a, rounded=False), Uniform())


def real_nvp(shape: FlowShape) -> Flow:
    """RealNVP's couplings in the same levels. Source: Dinh et al. 2017."""
    return Flow(shape, flow_steps.real_nvp, Uniform())


def glow(shape: FlowShape) -> Flow:
    """Glow's steps in the same levels. Source: Kingma and Dhariwal 2018."""
    return Flow(shape, flow_steps.glow, Uniform())


def flow_plus_plus(shape: FlowShape) -> Flow:
    """Flow++'s couplings and variational dequantisation in the same levels. Source: Ho et al. 2019."""

    def level(channels: int, flows: int, depth: int, width: int) -> Chain:
        return Chain([
            Permuted(MixtureCoupling(channels, depth, width, shape.mixtures), channels, seed)
            for seed in range(1, flows + 1)
        ])  # fmt: skip

    return Flow(shape, level, Variational(DEQUANTISING, shape.depth, shape.width, shape.mixtures))
