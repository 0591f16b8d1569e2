"""Surrogates on toy sources: small networks trained in seconds, at several rates at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.lab.toy_sources import Source
from roundel.training.entropy.factorized import Factorized
from roundel.training.quantizers import Quantizer, at
from roundel.training.quantizers.learned_steps import LearnedSteps

HIDDEN = 48
SURROGATES = (
    *("noise", "mixed", "ste", "soft-ste", "soft-round"),
    *("universal", "stochastic", "soft-then-hard", "soft-to-hard", "gumbel"),
)


@dataclass(frozen=True)
class Training:
    """How long and how fast."""

    steps: int = 1500
    batch: int = 256
    lr: float = 5e-3
    test_samples: int = 20_000
    seed: int = 0


@dataclass(frozen=True)
class Point:
    """One trained quantiser at one λ, measured on fresh samples with the quantiser as at test."""

    source: str
    quantizer: str
    lmbda: float
    rate_bits: float
    """Per sample: cross-entropy of the symbols under the learned density."""
    distortion: float
    excess: float
    """Rate + λ·distortion over the least that is possible, less 1."""


class Layers(nn.Module):
    """As many independent perceptrons as there are rates, (S, N, in) to (S, N, out), beside a linear path."""

    def __init__(self, rates: int, width_in: int, width_out: int) -> None:
        super().__init__()
        widths = (width_in, HIDDEN, HIDDEN, width_out)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(rates, a, b) / math.sqrt(a)) for a, b in pairwise(widths)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(rates, 1, b)) for b in widths[1:])
        self.linear = nn.Parameter(torch.ones(rates, width_in, width_out) / width_in)
        with torch.no_grad():
            self.weights[-1].mul_(0.1)

    def forward(self, v: Tensor) -> Tensor:
        out = v
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = torch.baddbmm(bias, out, weight)
            out = F.leaky_relu(out, 0.2) if k < 2 else out
        return out + v @ self.linear


class Codec(nn.Module):
    """One latent per sample, at several rates at once, each with a step that is learned; means are 0."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        rates = len(source.lmbdas)
        self.analysis, self.synthesis = Layers(rates, source.dimensions, 1), Layers(rates, 1, source.dimensions)
        self.density = Factorized(rates)
        # Fine steps, in proportion to those that suit the rates: from coarse ones where all is 0 nothing is learned.
        inverse = torch.tensor(source.lmbdas).sqrt().view(-1, 1, 1)
        self.steps = LearnedSteps((rates, 1, 1), 1 / (inverse if source.dimensions == 1 else 2 * inverse))

    def forward(self, x: Tensor, quantizer: Quantizer) -> tuple[Tensor, Tensor]:
        """Bits and mean squared error (S,) of samples x (N, D), as in training or as at test."""
        x = x.expand(len(self.steps.log_steps), *x.shape)
        y = self.steps.divide(self.analysis(x)).transpose(0, 2)[..., None].transpose(1, 2)
        act: Callable[..., tuple[Tensor, Tensor]] = quantizer.train if self.training else quantizer.test
        first, second = act(y, torch.zeros_like(y), self.density.bits)
        decoder, rate = (first, second) if self.training else (second, second)
        bits = self.density.bits(rate).mean((0, 2, 3))
        x_hat = self.synthesis(self.steps.multiply(decoder[0]))
        return bits, (x - x_hat).square().mean((1, 2))


def run(source: Source, name: str, training: Training) -> list[Point]:
    """Train a surrogate at all rates of a source, and measure it.

    Args:
        name: a quantiser as configurations name it; those that anneal do so over the whole training.

    Raises:
        ModelError: the quantiser is unknown.
    """
    generator = torch.Generator().manual_seed(training.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        codec = Codec(source).train()
        lmbdas = torch.tensor(source.lmbdas)
        optimizer = torch.optim.Adam(codec.parameters(), training.lr, fused=True)
        for step in range(training.steps):
            progress = step / training.steps
            optimizer.param_groups[0]["lr"] = training.lr * 0.5 * (1 + math.cos(math.pi * progress))
            bits, distortion = codec(source.draw(training.batch, generator), at(((0.0, name),), progress))
            loss = ((bits + lmbdas * distortion) / (1 + lmbdas).log()).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        codec.eval()
        with torch.no_grad():
            test = source.draw(training.test_samples, torch.Generator().manual_seed(training.seed + 1))
            bits, distortion = codec(test, at(((0.0, name),), 1.0))
    optimum = source.optimum()
    least = [float((optimum.rates_bits + lmbda * optimum.distortions).min()) for lmbda in source.lmbdas]
    return [
        Point(source.name, name, lmbda, rate, d, (rate + lmbda * d) / best - 1)
        for lmbda, rate, d, best in zip(source.lmbdas, bits.tolist(), distortion.tolist(), least, strict=True)
    ]
