"""How much of its alphabet a bottleneck uses, per code channel."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from roundel.training.quantizers.codes import check_codes


class Usage(NamedTuple):
    """Statistics of codes, each (K,) float32."""

    used: Tensor
    """Symbols that occur."""
    entropy_bits: Tensor
    """Of the empirical distribution."""
    perplexity: Tensor
    """2^entropy: the number of equally likely symbols with this entropy."""


def histogram(codes: Tensor, levels: Sequence[int]) -> Tensor:
    """Counts of each symbol, (K, max L) int64, of codes (B, K, ...). Raises: ModelError, codes out of range."""
    codes = check_codes(codes, levels)
    count, top = len(levels), max(levels)
    shifted = codes.transpose(0, 1).reshape(count, -1) + torch.arange(count, device=codes.device)[:, None] * top
    return torch.bincount(shifted.flatten(), minlength=count * top).view(count, top)


def usage(codes: Tensor, levels: Sequence[int]) -> Usage:
    """Statistics of codes (B, K, ...).

    Example:
        >>> usage(torch.tensor([[0], [1], [2], [3]]), [8]).perplexity
        tensor([4.])
    """
    return of_histogram(histogram(codes, levels))


def of_histogram(counts: Tensor) -> Usage:
    """Statistics of counts (K, max L), which may be summed over many batches."""
    share = counts.double() / counts.sum(1, keepdim=True).clamp_min(1)
    entropy = -torch.special.xlogy(share, share).sum(1) / torch.log(torch.tensor(2.0, dtype=torch.float64))
    return Usage((counts > 0).sum(1).float(), entropy.float(), torch.exp2(entropy).float())
