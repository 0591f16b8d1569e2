"""Levels that each dimension earns: g_d·D_d(L) + λ·H_d(L), one notch at a time. No side information."""

from collections.abc import Callable

import torch
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.quantizers.codes import (
    Bottleneck,
    Codes,
    along_channels,
    check_codes,
    check_dims,
    check_finite,
    check_input,
    straight_through,
)
from roundel.training.quantizers.fsq import Grid, grid
from roundel.training.quantizers.usage import of_histogram

NOTCHES = (1, 3, 5, 9, 17)
"""Odd, so that all bound alike and 3, 5, 9, 17 are nested; 1 switches a dimension off."""
FREEZE_AT = 0.7
"""Fraction of training after which levels stay, so that decoder and prior settle on them."""


class AdaptiveFSQ(Bottleneck):
    """FSQ whose levels, one of `NOTCHES` for each dimension, are part of its state. `adapt` moves them.

    Args:
        dims: D. start: levels of every dimension to begin with.
    """

    chosen: Tensor

    def __init__(self, dims: int, start: int = 5) -> None:
        super().__init__()
        if start not in NOTCHES:
            raise ModelError(f"{start} levels to start with; adaptive levels are among {NOTCHES}")
        self.dims = check_dims(dims)
        self.register_buffer("chosen", torch.full((dims,), start))

    @property
    def levels(self) -> tuple[int, ...]:  # type: ignore[override]
        """Levels (D,) at present."""
        return tuple(self.chosen.tolist())

    @property
    def grid(self) -> Grid:
        """The bound at the present levels."""
        return grid(self.chosen)

    def forward(self, z: Tensor) -> Codes:
        """See `FSQ.forward`; a dimension with one level is 0 and has no gradient."""
        bound = self.grid
        position = bound.position(check_input(z, self))
        rounded = torch.floor(position.detach() + 0.5)
        values = straight_through(bound.value(rounded), bound.value(position))
        return Codes(values, rounded.long(), position, position.new_zeros(()))

    def values(self, codes: Tensor) -> Tensor:
        """Codes (B, D, ...) to values in [−1, 1]. Raises: ModelError, codes out of range."""
        return self.grid.value(check_codes(codes, self.levels).float())

    def codes(self, values: Tensor) -> Tensor:
        """The codes of values that `values` gave."""
        centre = along_channels(self.chosen // 2, values)
        return torch.floor(check_input(values, self) * centre + 0.5).long() + centre

    @torch.no_grad()
    def adapt(self, z: Tensor, gain: Tensor, lmbda: float) -> Tensor:
        """Move each dimension to the cheapest of its present, the next lower and the next higher notch.

        Args:
            z: latents of many examples (B, D, ...). gain: g_d, (D,), see `decoder_gain`. lmbda: distortion per bit.

        Returns:
            The new levels (D,) int64.
        """
        check_finite(gain, self)
        costs = notch_costs(check_input(z, self), gain, lmbda)
        notch = torch.searchsorted(torch.tensor(NOTCHES, device=self.chosen.device), self.chosen)
        place = torch.arange(len(NOTCHES), device=notch.device)[:, None]
        costs = torch.where((place - notch).abs() <= 1, costs, torch.inf)
        self.chosen.copy_(torch.tensor(NOTCHES, device=notch.device)[costs.argmin(0)])
        return self.chosen.clone()


def notch_costs(z: Tensor, gain: Tensor, lmbda: float) -> Tensor:
    """g_d·D_d(L) + λ·H_d(L) of each notch, (len(NOTCHES), D); D in squared values, H the empirical entropy in bits."""
    flat = z.transpose(0, 1).flatten(1).T
    bounded = torch.tanh(flat)
    costs = []
    for n in NOTCHES:
        levels = torch.full((flat.shape[1],), n, device=z.device)
        bound = grid(levels)
        rounded = torch.floor(bound.position(flat) + 0.5)
        distortion = (bounded - bound.value(rounded)).square().mean(0)
        counts = torch.stack([(rounded == k).sum(0) for k in range(n)], 1)
        costs.append(gain * distortion + lmbda * of_histogram(counts).entropy_bits)
    return torch.stack(costs)


def decoder_gain(decode: Callable[[Tensor], Tensor], values: Tensor, probes: int = 4) -> Tensor:
    """g_d = E‖∂x̂/∂v_d‖²: what a unit of squared error in dimension d costs in squared error of pictures, (D,).

    By random signs u, since E(Jᵀu)² is the squared norm of J's columns (Hutchinson). On grids, of one position.

    Args:
        decode: values (B, D, ...) to pictures. values: where to look, (B, D, ...).
    """
    total = torch.zeros(values.shape[1], device=values.device)
    for _ in range(probes):
        leaf = values.detach().requires_grad_()
        x_hat = decode(leaf)
        signs = torch.randint_like(x_hat, 2) * 2 - 1
        (gradient,) = torch.autograd.grad((x_hat * signs).sum(), leaf)
        total += gradient.square().transpose(0, 1).flatten(1).mean(1)
    return total / probes
