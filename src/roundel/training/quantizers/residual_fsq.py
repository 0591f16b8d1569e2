"""FSQ in stages: each rounds what the stages before left over, on a grid as much finer."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.quantizers.codes import (
    MAX_LEVELS,
    Bottleneck,
    Codes,
    check_codes,
    check_dims,
    check_input,
    check_levels,
)


class ResidualFSQ(Bottleneck):
    """q_n = s_n·Q(r_n/s_n), r_{n+1} = r_n − q_n, s_{n+1} = s_n/L_n on equal grids over (−1, 1).

    Together the stages are one uniform quantiser with ∏L_n levels, and stage n is digit n of its index: so it is
    computed. The gain is not rate–distortion but that any number of stages decodes.

    Codes go by stage: the D of stage 0, then the D of stage 1, and so on.

    Args:
        dims: D. stage_levels: L_n of each stage.
        dropout: probability, in training, that an example gets the values of a random number of stages.

    Raises:
        ModelError: a level below 2, or more than 2^20 levels in all.
    """

    def __init__(self, dims: int, stage_levels: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.stage_levels = check_levels(stage_levels)
        if math.prod(self.stage_levels) > MAX_LEVELS:
            raise ModelError(f"stages {self.stage_levels} make more than {MAX_LEVELS} levels a dimension; use fewer")
        self.dims, self.dropout = check_dims(dims), dropout
        self.levels = tuple(n for n in self.stage_levels for _ in range(dims))

    def forward(self, z: Tensor) -> Codes:
        """Values of all stages; with dropout in training, of the first few."""
        bounded = torch.tanh(check_input(z, self))
        digits, positions = self.digits(bounded)
        codes = torch.cat(digits, 1)
        hard = self.values(codes)
        if self.training and self.dropout:
            kept = torch.randint(1, len(digits) + 1, (len(z),), device=z.device)
            kept = torch.where(torch.rand(len(z), device=z.device) < self.dropout, kept, len(digits))
            coarse = torch.stack([self.values(codes[:, : self.dims * k]) for k in range(1, len(digits) + 1)])
            hard = coarse[kept - 1, torch.arange(len(z), device=z.device)]
        # Not `straight_through`: where scales are learned, `hard` has a gradient of its own.
        return Codes(hard + (bounded - bounded.detach()), codes, torch.cat(positions, 1), bounded.new_zeros(()))

    def digits(self, bounded: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """For each stage the codes (B, D, ...) of bounded latents, and where those lie on the stage's axis."""
        product = math.prod(self.stage_levels)
        finest = bounded * (product / 2) + (product - 1) / 2
        index = torch.floor(finest.detach() + 0.5).clamp(0, product - 1).long()
        digits, positions, rest = [], [], product
        for n in self.stage_levels:
            rest //= n
            digit = index // rest % n
            # Position of z on this stage's axis: what the coarser digits leave, in units of this digit.
            positions.append((finest - (index // (rest * n) * (rest * n)) - (rest - 1) / 2) / rest)
            digits.append(digit)
        return digits, positions

    def values(self, codes: Tensor) -> Tensor:
        """Codes of all or of the first few stages, (B, D·n, ...), to bin centres (B, D, ...) in (−1, 1)."""
        stages = max(1, min(codes.shape[1] // self.dims, len(self.stage_levels)))
        codes = check_codes(codes, self.levels[: stages * self.dims])
        index = torch.zeros_like(codes[:, : self.dims])
        for n, digit in zip(self.stage_levels, codes.split(self.dims, 1), strict=False):
            index = index * n + digit
        return (2 * index + 1).float() / math.prod(self.stage_levels[:stages]) - 1

    def codes(self, values: Tensor) -> Tensor:
        """The codes (B, D·stages, ...) of the bins that values (B, D, ...) in [−1, 1] fall into."""
        return torch.cat(self.digits(check_input(values, self))[0], 1)
