"""A learned prior of discrete codes: one distribution per code channel, the same at every position."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from roundel.coding import Tables
from roundel.training.quantizers.codes import along_channels, check_codes, straight_through

SOFTNESS = 0.2
"""Squared distance on the code axis over which the soft assignment fades by e."""
ESCAPE_MASS = 2.0**-20
"""Codes are never outside their table."""
SPEED = 10.0
"""Scale of the logits: a step of Adam is as long as its learning rate, which suits weights, not log-probabilities."""
LOG2_E = 1 / float(np.log(2))


class CategoricalPrior(nn.Module):
    """p_c(k) for each code channel c.

    Args:
        levels: (K,) symbols of each channel.
    """

    inside: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)
        inside = torch.arange(max(self.levels)) < torch.tensor(self.levels)[:, None]
        self.logits = nn.Parameter(torch.zeros(inside.shape))
        self.register_buffer("inside", inside, persistent=False)

    def symbol_bits(self) -> Tensor:
        """−log2 p of every symbol, (K, max L); 0 beyond a channel's levels."""
        log_p = torch.log_softmax((SPEED * self.logits.float()).masked_fill(~self.inside, -torch.inf), 1)
        return torch.where(self.inside, -log_p * LOG2_E, 0.0)

    def forward(self, codes: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """`bits` and `rate` of codes (B, K, ...)."""
        return self.bits(codes), self.rate(codes, position)

    def bits(self, codes: Tensor) -> Tensor:
        """−log2 p of codes (B, K, ...), same shape; it trains the prior."""
        flat = codes.transpose(0, 1)
        return self.symbol_bits().gather(1, flat.reshape(len(self.levels), -1)).view(flat.shape).transpose(0, 1)

    def rate(self, codes: Tensor, position: Tensor) -> Tensor:
        """The same bits with a gradient for the encoder instead: as if each code were softly assigned.

        Args:
            codes: (B, K, ...) int64. position: (B, K, ...) where the latents lie on the code axis, see `Codes`.

        Source: reference reading of FSQ paper, eq. 11: hard one-hot forward, softmax(−(u − g)²/0.2) backward.
        """
        with torch.no_grad():
            cost, hard = self.symbol_bits(), self.bits(codes)
        if not position.requires_grad:
            return hard
        weight = self.assignment(position)
        return straight_through(hard, (weight * _with_symbols(cost, weight)).sum(-1))

    def assignment(self, position: Tensor) -> Tensor:
        """Soft one-hot codes of positions (B, K, ...), (B, K, ..., max L)."""
        symbols = torch.arange(self.inside.shape[1], device=position.device)
        closeness = -(position.unsqueeze(-1) - symbols).square() / SOFTNESS
        return torch.softmax(closeness.masked_fill(~_with_symbols(self.inside, closeness), -torch.inf), -1)

    def diversity_bits(self, position: Tensor) -> Tensor:
        """Entropy (K,) of each channel's mean soft assignment of positions (B, K, ...): to be raised, if wanted."""
        mean = self.assignment(position).transpose(0, 1).flatten(1, -2).mean(1)
        return -(mean * torch.log2(mean.clamp_min(1e-12))).sum(1)

    def pmfs(self) -> list[NDArray[np.float64]]:
        """Probabilities of each channel, (L,)."""
        rows = torch.exp2(-self.symbol_bits().detach().double()).cpu().numpy()
        return [row[:n] for row, n in zip(rows, self.levels, strict=True)]

    def tables(self) -> Tables:
        """One integer table per channel, for export."""
        return Tables.from_pmfs(self.pmfs(), [0] * len(self.levels), ESCAPE_MASS)


def to_symbols(codes: Tensor, levels: Sequence[int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes (B, K, ...) as `coding.encode` takes them: symbols (N,) in raster order and their channels as table index.

    Raises:
        ModelError: codes out of range.
    """
    checked = check_codes(codes, levels)
    index = along_channels(torch.arange(len(levels)), checked).expand(checked.shape)
    return checked.cpu().flatten().numpy().astype(np.int32), index.flatten().numpy().astype(np.int32)


def from_symbols(symbols: NDArray[np.int32], shape: Sequence[int]) -> Tensor:
    """The inverse: symbols (N,) to codes int64 of this shape."""
    return torch.from_numpy(symbols.astype(np.int64)).view(*shape)


def _with_symbols(constants: Tensor, like: Tensor) -> Tensor:
    """(K, L) as (1, K, 1, ..., L), to broadcast with `like` (B, K, ..., L)."""
    return constants.view(1, len(constants), *[1] * (like.ndim - 3), -1)
