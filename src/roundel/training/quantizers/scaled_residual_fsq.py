"""FSQ in stages whose grids learn how wide they are."""

import math
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from roundel.training.quantizers.codes import along_channels, check_codes
from roundel.training.quantizers.residual_fsq import ResidualFSQ


class ScaledResidualFSQ(ResidualFSQ):
    """Stage n rounds what the stages before left over to L_n levels over ±s_n, s_n learned for each dimension.

    It starts as `ResidualFSQ`, on grids that fit into each other. As scales move they overlap or leave gaps, so that
    the stages together are no uniform quantiser any more: a value may have several codes, and the one taken stage by
    stage need not be the nearest. Scales learn from the reconstruction alone.

    Args:
        dims, stage_levels, dropout: see `ResidualFSQ`.

    Source: Zhu et al. 2025 (RFSQ, arXiv 2508.15860), learnable scaling factors; one for each dimension, and the bound
    taken once, before the stages, are ours.
    """

    def __init__(self, dims: int, stage_levels: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__(dims, stage_levels, dropout)
        finer = accumulate(self.stage_levels[:-1], lambda scale, n: scale / n, initial=1.0)
        starts = torch.tensor([math.log(scale) for scale in finer], dtype=torch.float32)
        self.log_scales = nn.Parameter(starts[:, None].repeat(1, dims))

    def digits(self, bounded: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """See `ResidualFSQ.digits`; each stage takes the nearest of its own levels."""
        digits, positions, rest = [], [], bounded
        for n, scale in zip(self.stage_levels, self.log_scales.detach().exp(), strict=True):
            width = along_channels(scale, bounded)
            position = (rest / width + 1) * (n / 2) - 0.5
            digit = torch.floor(position.detach() + 0.5).clamp(0, n - 1)
            rest = rest - width * ((2 * digit + 1) / n - 1)
            digits.append(digit.long())
            positions.append(position)
        return digits, positions

    def values(self, codes: Tensor) -> Tensor:
        """Codes of all or of the first few stages, (B, D·n, ...), to sums of their levels (B, D, ...)."""
        stages = max(1, min(codes.shape[1] // self.dims, len(self.stage_levels)))
        codes = check_codes(codes, self.levels[: stages * self.dims])
        parts = zip(self.stage_levels, self.log_scales.exp(), codes.split(self.dims, 1), strict=False)
        levels = [along_channels(scale, codes) * ((2 * digit + 1).float() / n - 1) for n, scale, digit in parts]
        return torch.stack(levels).sum(0)
