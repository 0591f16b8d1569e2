"""Sources whose best quantisers are known: Gaussian, Laplace, sawbridge."""

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from roundel.errors import ModelError


class Curve(NamedTuple):
    """A line of rate–distortion points, by rising rate."""

    name: str
    rates_bits: np.ndarray
    """Per sample."""
    distortions: np.ndarray
    """Mean squared error."""

    def at(self, rate_bits: float) -> float:
        """Distortion at a rate, log-linear between points."""
        return float(np.exp(np.interp(rate_bits, self.rates_bits, np.log(self.distortions))))


@dataclass(frozen=True)
class Source:
    """What is drawn, and what no scalar quantiser of it beats."""

    name: str
    dimensions: int
    lmbdas: tuple[float, ...]
    """Weights of the mean squared error against bits, for rates of about ½ to 4 bits."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples (count, dimensions) float32; unit variance, the sawbridge as it is."""
        u = torch.rand(count, 1, generator=generator).clamp(1e-7, 1 - 1e-7)
        if self.name == "gaussian":
            return math.sqrt(2) * torch.erfinv(2 * u - 1)
        if self.name == "laplace":
            return -torch.sign(u - 0.5) * torch.log1p(-2 * (u - 0.5).abs()) / math.sqrt(2)
        t = (torch.arange(self.dimensions) + 0.5) / self.dimensions
        return t - (t >= u).float()

    def optimum(self) -> Curve:
        """The best entropy-coded scalar quantiser."""
        return sawbridge_optimum() if self.name == "sawbridge" else scalar_optimum(self.name)

    def bound(self) -> Curve | None:
        """Shannon's lower bound, h(X) − ½·log2(2πe·D), which long blocks approach; exact for the Gaussian."""
        if self.name == "sawbridge":
            return None
        rates = np.linspace(0, 5, 51)
        entropy = 0.5 * math.log2(2 * math.pi * math.e) if self.name == "gaussian" else math.log2(math.e * math.sqrt(2))
        bound = 2 ** (2 * (entropy - rates)) / (2 * math.pi * math.e)
        return Curve("Shannon's lower bound", rates, np.minimum(bound, 1.0))


SOURCES = {
    "gaussian": Source("gaussian", 1, (1.5, 4.0, 16.0, 100.0)),
    "laplace": Source("laplace", 1, (1.5, 4.0, 16.0, 100.0)),
    "sawbridge": Source("sawbridge", 128, (12.0, 25.0, 50.0, 100.0)),
}


def source_of(name: str) -> Source:
    """A source by name.

    Raises:
        ModelError: there is none.
    """
    if name not in SOURCES:
        raise ModelError(f"unknown source {name!r}; known: {', '.join(SOURCES)}")
    return SOURCES[name]


def sawbridge_optimum(cells: int = 32) -> Curve:
    """The sawbridge t − 1(t ≥ U): K equal intervals of U give log2 K bits and a distortion of 1/(6K).

    An interval of width w leaves ∫ w·s(1 − s) ds = w/6 of variance, so D = Σ w²/6; least Σ w² at an entropy lies on or
    above the line through the equal partitions, which time-sharing reaches.

    Source: Wagner & Ballé 2021.
    """
    k = np.arange(1, cells + 1)
    return _hull("entropy-coded optimum", np.log2(k), 1 / (6 * k))


@cache
def scalar_optimum(name: str) -> Curve:
    """Entropy-coded quantisers with equal steps and a dead zone of any width, centroids as values: the lower hull.

    Optimal for the Laplace source (Sullivan 1996), and within plotting accuracy for the Gaussian.
    """
    rates, distortions = [0.0], [1.0]
    for step in np.geomspace(0.1, 4, 60):
        for dead in np.linspace(0.45, 1.4, 20) * step:
            edges = dead + step * np.arange(int(12 / step) + 2)
            rate, distortion = _uniform(name, np.append(edges, np.inf))
            rates.append(rate)
            distortions.append(distortion)
    return _hull("entropy-coded optimum", np.array(rates), np.array(distortions))


def _uniform(name: str, edges: np.ndarray) -> tuple[float, float]:
    """Entropy and distortion of a symmetric quantiser with these positive thresholds, for a source of variance 1."""
    tail, moment = _tail(name, edges), _moment(name, edges)
    mass, first = tail[:-1] - tail[1:], moment[:-1] - moment[1:]
    kept = mass > 1e-15
    mass, first = mass[kept], first[kept]
    zero = 1 - 2 * mass.sum()
    bits = -2 * (mass * np.log2(mass)).sum() - (zero * np.log2(zero) if zero > 1e-15 else 0)
    return bits, 1 - 2 * (first**2 / mass).sum()


def _tail(name: str, x: np.ndarray) -> np.ndarray:
    """P(X > x), x ≥ 0."""
    if name == "laplace":
        return 0.5 * np.exp(-math.sqrt(2) * x)
    return np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in x])


def _moment(name: str, x: np.ndarray) -> np.ndarray:
    """E[X; X > x], x ≥ 0."""
    finite = np.where(np.isinf(x), 0, x)
    if name == "laplace":
        return np.where(np.isinf(x), 0, 0.5 * (finite + 1 / math.sqrt(2)) * np.exp(-math.sqrt(2) * finite))
    return np.where(np.isinf(x), 0, np.exp(-(finite**2) / 2) / math.sqrt(2 * math.pi))


def _hull(name: str, rates: np.ndarray, distortions: np.ndarray) -> Curve:
    """The lower convex hull from the smallest rate to the largest."""
    kept: list[tuple[float, float]] = []
    for rate, distortion in sorted(zip(rates, distortions, strict=True)):
        while len(kept) > 1 and _turns_down(kept[-2], kept[-1], (rate, distortion)):
            kept.pop()
        if not kept or distortion < kept[-1][1]:
            kept.append((rate, distortion))
    return Curve(name, *map(np.array, zip(*kept, strict=True)))


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[1] - a[1]) * (c[0] - b[0]) >= (c[1] - b[1]) * (b[0] - a[0])
