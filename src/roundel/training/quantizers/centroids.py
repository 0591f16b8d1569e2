"""Where the latents of each level really lie: Lloyd–Max points for the decoder, and a histogram for the coder."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from roundel.training.quantizers.codes import Float32, check_codes, check_finite, check_levels


class Centroids(Float32):
    """Moving counts and sums of bounded latents, per dimension and level of an FSQ.

    Source: FSQ paper, eq. 8–10, read as centroids per dimension (FSQ has no codebook): c = (M + κ·v_k)/(N + κ), so
    that a level that is never seen keeps its place on the grid.

    Args:
        levels: (D,) each ≥ 2. decay: γ. kappa: κ, in counts.
    """

    grid_values: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, levels: Sequence[int], *, decay: float = 0.99, kappa: float = 1.0) -> None:
        super().__init__()
        self.levels, self.decay, self.kappa = check_levels(levels), decay, kappa
        top = max(self.levels)
        values = torch.zeros(len(self.levels), top, dtype=torch.float32)
        for d, n in enumerate(self.levels):
            values[d, :n] = (torch.arange(n) - n // 2) / (n // 2)
        self.register_buffer("grid_values", values, persistent=False)
        self.register_buffer("counts", torch.zeros_like(values))
        self.register_buffer("sums", torch.zeros_like(values))

    @torch.no_grad()
    def update(self, bounded: Tensor, codes: Tensor) -> None:
        """Follow a batch: values before rounding (B, D, ...) and their codes (B, D, ...). Raises: NotFiniteError."""
        check_finite(bounded, self)
        d = len(self.levels)
        flat = codes.transpose(0, 1).reshape(d, -1)
        where = torch.zeros_like(self.counts).scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float32))
        total = torch.zeros_like(self.sums).scatter_add_(1, flat, bounded.float().transpose(0, 1).reshape(d, -1))
        self.counts.lerp_(where, 1 - self.decay)
        self.sums.lerp_(total, 1 - self.decay)

    def values(self, codes: Tensor) -> Tensor:
        """Codes (B, D, ...) to centroids (B, D, ...). Raises: ModelError, codes out of range."""
        points = (self.sums + self.kappa * self.grid_values) / (self.counts + self.kappa)
        flat = check_codes(codes, self.levels).transpose(0, 1)
        return points.gather(1, flat.reshape(len(points), -1)).view(flat.shape).transpose(0, 1)

    def pmfs(self, alpha: float = 0.5) -> list[np.ndarray]:
        """(N + α)/(ΣN + αL) of each dimension, (L_d,) float64: the histogram as a prior, for `Tables.from_pmfs`."""
        rows = self.counts.double().cpu().numpy()
        return [(row[:n] + alpha) / (row[:n].sum() + alpha * n) for row, n in zip(rows, self.levels, strict=True)]
