"""Three gaps of quantisation, as numbers: discrete, entropy estimation, local smoothness."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from roundel.training.entropy.densities import gaussian_bits
from roundel.training.quantizers.rounding import nearest

RADII = (0.01, 0.1, 0.5)
SCALE_BINS = 16
HISTOGRAM_WIDTH = 0.05


class Distance(NamedTuple):
    """How far apart two kinds of latents are, in quantisation steps."""

    mean_abs: float
    rms: float


def discrete_gap(surrogate: Tensor, tested: Tensor) -> Distance:
    """G_d: latents of training against those at test, both of any one shape.

    Noise has 1/3 (RMS √(1/6)) for latents of uniform fractional parts and 1/4 (RMS √(1/12)) for latents on the
    integers, STE 0, the rate path of Soft-STE 1/12.

    Source: three-gaps paper, eq. 3, per element.
    """
    difference = (surrogate - tested).double()
    return Distance(difference.abs().mean().item(), difference.square().mean().sqrt().item())


def g_ee_paper(residual: Tensor, scale: Tensor, generator: torch.Generator) -> float:
    """Ĝ_EE of the paper: Wasserstein distance of rounded latents, less their means, to samples of their Gaussians.

    It compares integers with a density, so that it is 0.25 for a perfect model as soon as scales are above ½: read it
    beside `entropy_gap`, which is 0 then.

    Args:
        residual: ŷ − μ, any shape. scale: σ of each.

    Source: three-gaps paper, section 5.2; W1 over all elements together.
    """
    noise = torch.randn(scale.shape, generator=generator, dtype=torch.float64)
    samples = torch.sort((noise * scale.double()).flatten()).values
    return (torch.sort(residual.double().flatten()).values - samples).abs().mean().item()


class ScaleBin(NamedTuple):
    """Latents whose predicted scales are about the same: what they are against what was predicted."""

    scale_low: float
    scale_high: float
    weight: float
    """Share of all latents."""
    kl_bits: float
    """What the wrong prediction costs a latent."""
    chance_bits: float
    """What KL is expected for a right prediction, from the number of latents alone."""
    w1: float
    """Wasserstein-1 distance of the distributions on the integers, in steps."""


class EntropyGap(NamedTuple):
    """Sums over scale bins, weighted by their latents."""

    kl_bits: float
    chance_bits: float
    w1: float
    bins: tuple[ScaleBin, ...]


def entropy_gap(residual: Tensor, scale: Tensor, bins: int = SCALE_BINS) -> EntropyGap:
    """G_EE on integers: histograms of R(y − μ) against the mean predicted masses, by bins of the scale.

    A histogram of n latents over m integers has a KL of about (m − 1)/(2n·ln 2) bits by chance: `chance_bits`.

    Args:
        residual: y − μ, any shape, unquantised or rounded. scale: σ of each. bins: geometric between the scales' ends.

    Source: three-gaps paper, eq. 4, in the form that is 0 for a perfect model.
    """
    symbols, scale = nearest(residual).flatten(), scale.float().flatten()
    edges = torch.logspace(scale.min().log10().item(), scale.max().log10().item() + 1e-6, bins + 1)
    place = torch.bucketize(scale, edges[1:-1], right=True)
    found = []
    for index in range(bins):
        inside = place == index
        count = int(inside.sum())
        if not count:
            continue
        own, predicted = symbols[inside], scale[inside]
        reach = int(max(own.abs().max().item(), 8 * predicted.max().item())) + 1
        observed = torch.bincount((own + reach).long(), minlength=2 * reach + 1).double() / count
        upper = torch.stack([_mean_mass(predicted, k) for k in range(reach + 1)])
        expected = torch.cat([upper.flip(0)[:-1], upper])
        here = observed > 0
        kl = (observed[here] * torch.log2(observed[here] / expected[here])).sum()
        w1 = (observed - expected).cumsum(0).abs().sum()
        low, high = edges[index].item(), edges[index + 1].item()
        chance = (int(here.sum()) - 1) / (2 * count * math.log(2))
        found.append(ScaleBin(low, high, count / symbols.numel(), kl.item(), chance, w1.item()))

    def mean(values: Iterable[float]) -> float:
        return sum(b.weight * value for b, value in zip(found, values, strict=True))

    kl_bits, chance_bits = mean(b.kl_bits for b in found), mean(b.chance_bits for b in found)
    return EntropyGap(kl_bits, chance_bits, mean(b.w1 for b in found), tuple(found))


def _mean_mass(scale: Tensor, symbol: int) -> Tensor:
    return torch.exp2(-gaussian_bits(torch.full_like(scale, symbol), scale).double()).mean()


class Loss(NamedTuple):
    """Of each picture of a batch, (B,)."""

    distortion: Tensor
    """Mean squared error, pixels in [0, 255]."""
    rate: Tensor
    """Bits per pixel."""
    total: Tensor
    """Rate + λ · distortion."""


class Smoothness(NamedTuple):
    """Mean change of the loss per RMS of the perturbation, in its units per quantisation step."""

    radius: float
    direction: str
    """"random": uniform in [−radius, radius]; "fgsm": ±radius, up the slope of the total."""
    distortion: float
    rate: float
    total: float


def smoothness(
    loss_of: Callable[[Tensor], Loss], like: Tensor, radius: float, generator: torch.Generator, *, pairs: int = 8
) -> tuple[Smoothness, Smoothness]:
    """Local smoothness score: E|L(ŷ + ξ) − L(ŷ)| / ‖ξ‖_rms over random ξ, and along the worst direction.

    Absolute differences, because signed ones cancel.

    Args:
        loss_of: the losses when this is added to the quantised latents, differentiable.
        like: latents, for shape (B, …), device and dtype. radius: in steps. pairs: draws of ξ, the same from the same
            generator's state, whatever the model.

    Source: three-gaps paper, eq. 5, made well-posed.
    """
    zero = torch.zeros_like(like).requires_grad_()
    with torch.enable_grad():
        start = loss_of(zero)
        (slope,) = torch.autograd.grad(start.total.sum(), zero)
    base = Loss(*(part.detach() for part in start))

    def change(perturbation: Tensor) -> Tensor:
        with torch.no_grad():
            moved = loss_of(perturbation)
        rms = perturbation.flatten(1).double().square().mean(1).sqrt()
        return torch.stack([((b - a).abs().double() / rms).mean() for a, b in zip(base, moved, strict=True)])

    draws = []
    for _ in range(pairs):
        unit = 2 * torch.rand(like.shape, generator=generator) - 1
        draws.append(change(radius * unit.to(like)))
    random = torch.stack(draws).mean(0).tolist()
    worst = change(radius * torch.where(slope < 0, -1, 1).to(like)).tolist()
    return Smoothness(radius, "random", *random), Smoothness(radius, "fgsm", *worst)


class Histogram(NamedTuple):
    """Shares of latents in bins whose middles are multiples of the width."""

    first: float
    """Middle of the first bin."""
    width: float
    shares: tuple[float, ...]
    """Of all latents, those out of range included."""


def histogram(values: Tensor, low: float = -4, high: float = 4, width: float = HISTOGRAM_WIDTH) -> Histogram:
    """How latents lie between and on the integers; figure 2 of the three-gaps paper."""
    count = round((high - low) / width) + 1
    index = torch.floor((values.double().flatten() - low) / width + 0.5).long()
    inside = index[(index >= 0) & (index < count)]
    return Histogram(low, width, tuple((torch.bincount(inside, minlength=count) / index.numel()).tolist()))
