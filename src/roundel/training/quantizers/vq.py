"""Vector quantisation with a codebook that follows the data: the VQ-VAE baseline."""

import torch
import torch.nn.functional as F
from torch import Tensor

from roundel.errors import ModelError
from roundel.training.quantizers.codes import (
    Bottleneck,
    Codes,
    check_codes,
    check_dims,
    check_finite,
    check_input,
    straight_through,
)

BLOCK = 64
"""Vectors at a time that look for their nearest."""


class VectorQuantizer(Bottleneck):
    """The nearest of `size` vectors; each is a moving average of what it stood for. One code channel.

    In training, forward updates the codebook. A code whose average count falls below `restart_below` of a fair share
    starts anew at a random input vector; at first all do.

    Args:
        dims: D. size: K ≥ 2. decay: γ of the averages. commitment: weight of the mean squared ‖z − sg[v]‖².

    Source: van den Oord et al. 2017, appendix A.1 (FSQ paper, eq. 8–10); restarts as in Dhariwal et al. 2020 (Jukebox).
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self, dims: int, size: int, *, decay: float = 0.99, commitment: float = 0.25, restart_below: float = 0.1
    ) -> None:
        super().__init__()
        if size < 2:
            raise ModelError(f"a codebook of {size} vectors codes nothing; expected 2 or more")
        self.dims, self.levels = check_dims(dims), (size,)
        self.decay, self.commitment, self.restart_below = decay, commitment, restart_below
        self.register_buffer("codebook", torch.randn(size, dims, dtype=torch.float32))
        self.register_buffer("counts", torch.zeros(size, dtype=torch.float32))
        self.register_buffer("sums", torch.zeros(size, dims, dtype=torch.float32))

    def forward(self, z: Tensor) -> Codes:
        """The nearest vectors of z (B, D, ...), codes (B, 1, ...)."""
        z = check_input(z, self)
        flat = z.detach().movedim(1, -1).reshape(-1, self.dims)
        check_finite(flat.square().sum(1), self)  # or distances would overflow
        index = nearest(flat, self.codebook)
        codes = index.view(len(z), 1, *z.shape[2:])
        hard = self.values(codes)
        if self.training:
            self._follow(flat, index)
        loss = self.commitment * F.mse_loss(z, hard)
        return Codes(straight_through(hard, z), codes, codes.float(), loss)

    def values(self, codes: Tensor) -> Tensor:
        """Codes (B, 1, ...) to vectors (B, D, ...). Raises: ModelError, codes out of range."""
        return self.codebook[check_codes(codes, self.levels)[:, 0]].movedim(-1, 1)

    def codes(self, values: Tensor) -> Tensor:
        """The codes (B, 1, ...) of the vectors nearest to values (B, D, ...)."""
        flat = check_input(values, self).movedim(1, -1).reshape(-1, self.dims)
        return nearest(flat, self.codebook).view(len(values), 1, *values.shape[2:])

    @torch.no_grad()
    def _follow(self, vectors: Tensor, index: Tensor) -> None:
        """One step of the moving averages, and of restarts."""
        size = self.levels[0]
        self.counts.lerp_(torch.bincount(index, minlength=size).float(), 1 - self.decay)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, index, vectors), 1 - self.decay)
        share = self.counts.mean()
        dead = (self.counts < self.restart_below * share).nonzero()[:, 0][: len(vectors)]
        chosen = vectors[torch.randperm(len(vectors), device=vectors.device)[: len(dead)]]
        self.counts[dead] = share
        self.sums[dead] = chosen * share
        # Averages of codes that wait for a restart are not worth dividing.
        alive = self.counts >= self.restart_below * share
        self.codebook[alive] = self.sums[alive] / self.counts[alive, None]


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Index (N,) of the codebook row (K, D) nearest to each vector (N, D)."""
    # ‖x‖² is the same for all rows. Autocast would compare in bfloat16 and choose others than evaluation does.
    with torch.autocast(vectors.device.type, enabled=False):
        norms, across = codebook.square().sum(1), -2 * codebook.T
        # Blocks stay in the cache, and min has a fast kernel where argmin has none: a quarter of the time.
        return torch.cat([torch.addmm(norms, part, across).min(1).indices for part in vectors.split(BLOCK)])
