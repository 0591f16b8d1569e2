"""What nets say of a latent before it is known: a Gaussian, or a mixture of three."""

from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roundel import coding
from roundel.lab.classic_tables import TAIL_MASS, Call, gaussian_call
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.entropy.scales import SCALE_MIN
from roundel.training.quantizers import Bits

COMPONENTS = 3
REACH = 255
"""Symbols of a mixture's table at most, on both sides of its centre."""
TABLES = 1 << 14
"""Symbols of mixtures whose tables are made at once."""


class Prediction(Protocol):
    """A distribution for each latent."""

    @property
    def loc(self) -> Tensor:
        """The mean, (B, C, …), around which latents are rounded."""
        ...

    @property
    def bits(self) -> Bits:
        """Cost of residuals y − loc."""
        ...

    def calls(self, lattice: Tensor) -> list[Call]:
        """Tables of the symbols y_hat − lattice, flattened; several lists one after the other where they are many."""
        ...


class Head(Protocol):
    """Raw outputs of a net to a prediction."""

    outputs: int
    """For each latent."""

    def __call__(self, raw: Tensor) -> Prediction:
        """Of (B, outputs · C, …)."""
        ...


class Gaussian(NamedTuple):
    """One mean and one standard deviation."""

    loc: Tensor
    scale: Tensor

    @property
    def bits(self) -> Bits:
        """See `Prediction.bits`."""
        return partial(gaussian_bits, scale=self.scale)

    def calls(self, lattice: Tensor) -> list[Call]:
        """See `Prediction.calls`."""
        return [gaussian_call(self.loc - lattice, self.scale)]


class GaussianHead:
    """See `Head`. Source: Minnen et al. 2018."""

    outputs = 2

    def __call__(self, raw: Tensor) -> Gaussian:
        """See `Head`."""
        scale, loc = raw.float().chunk(2, 1)
        return Gaussian(loc, SCALE_MIN + F.softplus(scale))


class Mixture(NamedTuple):
    """Weights that sum to 1, means and standard deviations, (COMPONENTS, B, C, …) each."""

    weights: Tensor
    means: Tensor
    scales: Tensor

    @property
    def loc(self) -> Tensor:
        """See `Prediction.loc`."""
        return (self.weights * self.means).sum(0)

    @property
    def bits(self) -> Bits:
        """See `Prediction.bits`."""
        loc = self.loc

        def price(residual: Tensor) -> Tensor:
            mass = torch.exp2(-gaussian_bits(residual + loc - self.means, self.scales))
            return -torch.log2((self.weights * mass).sum(0))

        return price

    def calls(self, lattice: Tensor) -> list[Call]:
        """See `Prediction.calls`: a table for each symbol."""
        weights, means, scales = (part.flatten(1).double().split(TABLES, 1) for part in self)
        offsets = lattice.flatten().double().split(TABLES)
        return [_tabulate(*part) for part in zip(weights, means, scales, offsets, strict=True)]


def _tabulate(weights: Tensor, means: Tensor, scales: Tensor, offset: Tensor) -> Call:
    """One table for each of S symbols; weights, means, scales (COMPONENTS, S), offset of the lattice (S,)."""
    centre = torch.round((weights * means).sum(0) - offset)
    places = means - (centre + offset)
    reach = int(torch.ceil((places.abs() + 4.6 * scales).max()).clamp(1, REACH))
    edges = torch.arange(-reach, reach + 2, dtype=torch.float64) - 0.5
    below = torch.special.ndtr((edges - places[..., None]) / scales[..., None])
    mass = (weights[..., None] * below.diff(dim=-1)).sum(0).clamp_min(0)
    slots = mass.shape[1] + 1  # and one for the escape
    free = coding.tables.TOTAL - slots
    found = torch.floor(mass / mass.sum(1, keepdim=True) * (1 - TAIL_MASS) * free).numpy().astype(np.int64)
    frequencies = np.concatenate([found, free - found.sum(1, keepdims=True)], 1) + 1
    count = len(frequencies)
    tables = coding.Tables(
        frequencies.astype(np.uint32).ravel(),
        np.arange(count + 1, dtype=np.int64) * slots,
        np.full(count, -reach, np.int32),
    )
    return Call(np.arange(count, dtype=np.int32), centre.numpy().astype(np.int32), tables)


class MixtureHead:
    """See `Head`. Source: Cheng et al. 2020, section 3.2."""

    outputs = 3 * COMPONENTS

    def __call__(self, raw: Tensor) -> Mixture:
        """See `Head`."""
        parts = torch.stack(raw.float().chunk(self.outputs, 1)).unflatten(0, (3, COMPONENTS))
        return Mixture(torch.softmax(parts[0], 0), parts[1], SCALE_MIN + F.softplus(parts[2]))
