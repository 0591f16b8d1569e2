"""The probabilities of a wavelet symbol before tables are fitted: of its size by its scale, of its sign by its skew."""

import math

import torch
from torch import Tensor

from roundel.codecs.wavelet.places import PLAIN
from roundel.training.entropy.lookup import LARGEST

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.085, 256.0
SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
"""The grid of scales: SCALE_MIN · exp(SCALE_STEP · index). At index 0 all but one of ten thousand symbols are 0."""

SKEWS = 7
"""Places of the skew: 3 says nothing of the sign; beyond it a symbol is rather positive, before it negative."""
SKEW_LOGITS = (-2.6, -1.4, -0.6, 0.0, 0.6, 1.4, 2.6)


def scale_of(index: Tensor) -> Tensor:
    """Scale, in plain steps, of an index."""
    return SCALE_MIN * torch.exp(SCALE_STEP * index)


def probabilities(scales: Tensor, odd: int) -> Tensor:
    """(T, LARGEST + 1) of |symbol| = 0 … LARGEST, both signs together, under each of (T,) scales; float64.

    A mixture of two normals and of 1 / n(n + 1): what nets do not expect costs bits by the logarithm of its size only.
    Symbols stand for what lies nearer to their value than to others of the quantiser.

    Args:
        scales: in plain steps. odd: whether it is the second quantiser.
    """
    sizes, scales = torch.arange(LARGEST + 1, dtype=torch.float64), scales.double()[:, None]
    values = PLAIN * (2 * sizes - odd * (sizes > 0))
    edges = (values[1:] + values[:-1]) / 2
    within = torch.cat([torch.zeros(len(scales), 1), _within(edges[None], scales), torch.ones(len(scales), 1)], 1)
    mixture = within.diff(dim=1)
    surprise = 1e-4 + 2e-3 * scales / (1 + scales)
    tail = 1 / (sizes * (sizes + 1)).clamp_min(1)
    tail[0] = 0
    mixed = (1 - surprise) * mixture + surprise * tail
    return mixed / mixed.sum(1, keepdim=True)


def _within(edge: Tensor, scale: Tensor) -> Tensor:
    """Mass of ¾·N(0, (0.6·scale)²) + ¼·N(0, (1.6·scale)²) on [−edge, edge]; see `lookup.mixture_bits`."""
    narrow, wide = (torch.erf(edge / (math.sqrt(2) * part * scale)) for part in (0.6, 1.6))
    return 0.75 * narrow + 0.25 * wide


def sign_bits(symbols: Tensor, skew: Tensor) -> Tensor:
    """Bits of the signs of symbols beyond the one bit that `families.size_bits` counts; 0 where a symbol is 0.

    Args:
        skew: (…) real-valued places, 0 … SKEWS − 1; between places logits are interpolated.
    """
    logits = torch.tensor(SKEW_LOGITS, device=skew.device)
    skew = skew.clamp(0, SKEWS - 1)
    low = skew.detach().floor().clamp(max=SKEWS - 2)
    at = low.long()
    logit = logits[at] + (logits[at + 1] - logits[at]) * (skew - low)
    sign = torch.sign(symbols)
    return torch.nn.functional.softplus(-sign * logit) / math.log(2) * sign.abs() - sign.abs()
