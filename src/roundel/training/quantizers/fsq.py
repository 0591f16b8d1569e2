"""Finite scalar quantisation: bound each dimension, round it, done; no codebook."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.quantizers.codes import (
    Bottleneck,
    Codes,
    along_channels,
    check_codes,
    check_input,
    check_levels,
    straight_through,
)
from roundel.training.quantizers.soft_round import soft_round

EPSILON = 1e-3
"""How far, relatively, saturated latents stay from the outermost rounding boundary."""

RECOMMENDED = {8: (8, 6, 5), 10: (8, 5, 5, 5), 12: (7, 5, 5, 5, 5), 14: (8, 8, 8, 6, 5), 16: (8, 8, 8, 5, 5, 5)}
"""Levels that match a codebook of 2^key vectors. Source: Mentzer et al. 2023, table 1."""


class Grid(NamedTuple):
    """Constants of the bound, each (D,) float32."""

    half_width: Tensor
    shift: Tensor
    start: Tensor
    """Position that tanh = 0 maps to."""
    centre: Tensor
    """Code whose value is 0, ⌊L/2⌋."""

    def position(self, z: Tensor) -> Tensor:
        """z (B, D, ...) to (−½, L − ½): a code's place is its integer."""
        half_width, shift, start, _ = (along_channels(c, z) for c in self)
        return torch.tanh(z + shift) * half_width + start

    def value(self, position: Tensor) -> Tensor:
        """Positions or codes (B, D, ...) to values in [−1, 1]."""
        centre = along_channels(self.centre, position)
        return (position - centre) / centre.clamp_min(1)


def grid(levels: Tensor) -> Grid:
    """The bound that leaves exactly L codes for every L ≥ 1, even ones included.

    Args:
        levels: (D,) integers.

    Source: Mentzer et al. 2023, appendix A.1, with the shift atanh that makes z = 0 a code (they print tan). At L = 2
    no shift can (o/h > 1), and z = 0 is the boundary between the two codes. For L > 251 the fixed ε would eat into
    the outer levels (L = 2001 would have 1999), so it shrinks.
    """
    n = levels.double()
    epsilon = (0.25 / (n - 1).clamp_min(1)).clamp_max(EPSILON)
    half_width = (n - 1) * (1 - epsilon) / 2
    offset = torch.where(n % 2 == 0, 0.5, 0.0)
    shift = torch.where(n > 2, torch.atanh(offset / half_width.clamp_min(0.75)), 0.0)
    centre = torch.floor(n / 2)
    return Grid(*(c.float() for c in (half_width, shift, centre - offset, centre)))


class FSQ(Bottleneck):
    """Each dimension rounded to its own number of levels. One code channel per dimension.

    Args:
        levels: (D,) each ≥ 2; `RECOMMENDED` has good ones, [8] * 64 the paper's.

    Raises:
        ModelError: a level below 2.

    Source: Mentzer et al. 2023 (canonical FSQ).

    Example:
        >>> fsq = FSQ([8, 5, 5, 5])
        >>> found = fsq(torch.randn(2, 4, 16, 16))
        >>> torch.equal(fsq.values(found.codes), found.values)
        True
    """

    half_width: Tensor
    shift: Tensor
    start: Tensor
    centre: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = check_levels(levels)
        self.dims = len(self.levels)
        for name, constant in grid(torch.tensor(self.levels))._asdict().items():
            self.register_buffer(name, constant, persistent=False)

    @property
    def grid(self) -> Grid:
        """The constants, where the module lives."""
        return Grid(self.half_width, self.shift, self.start, self.centre)

    def forward(self, z: Tensor) -> Codes:
        """Hard values and codes of z (B, D, ...); the gradient passes through the bound."""
        position = self.position(z)
        # Round before the cast: truncation would shift every code.
        rounded = torch.floor(position.detach() + 0.5)
        values = straight_through(self.grid.value(rounded), self.grid.value(position))
        return Codes(values, rounded.long(), position, position.new_zeros(()))

    def position(self, z: Tensor) -> Tensor:
        """Where z (B, D, ...) lies on the axes of the codes, in (−½, L − ½)."""
        return self.grid.position(check_input(z, self))

    def soften(self, z: Tensor, temperature: float) -> Codes:
        """For training only: values softly rounded at a temperature > 0 (see `annealing`); the codes are the hard ones.

        The number of levels does not depend on the temperature.

        Raises:
            ModelError: the temperature is 0 or less.
        """
        if temperature <= 0:
            raise ModelError(f"a temperature of {temperature}: soft rounding needs one above 0; forward rounds hard")
        hard = self(z)
        return hard._replace(values=self.grid.value(soft_round(hard.position, 1 / temperature)))

    def values(self, codes: Tensor) -> Tensor:
        """Codes (B, D, ...) to values in [−1, 1]. Raises: ModelError, codes out of range."""
        return self.grid.value(check_codes(codes, self.levels).float())

    def codes(self, values: Tensor) -> Tensor:
        """The codes (B, D, ...) int64 nearest to values (B, D, ...); exact on what `values` gave."""
        centre = along_channels(self.centre, values)
        rounded = torch.floor(check_input(values, self) * centre + centre + 0.5).long()
        top = along_channels(torch.tensor(self.levels, device=values.device), values) - 1
        return torch.minimum(rounded.clamp_min(0), top)
