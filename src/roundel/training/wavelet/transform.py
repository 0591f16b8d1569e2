"""The linear transform of the wavelet model: opponent colours and the CDF 9/7 wavelet, near-orthonormal and fixed."""

import math

import torch
from torch import Tensor

COLOURS = (
    (1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)),
    (1 / math.sqrt(2), 0.0, -1 / math.sqrt(2)),
    (-1 / math.sqrt(6), 2 / math.sqrt(6), -1 / math.sqrt(6)),
)
"""Rows: luma, orange–blue, green–magenta of RGB; orthonormal, so that squared errors stay what they are."""

BANDS = 3
"""Details of a level: horizontal, vertical, diagonal."""

# Lifting steps and scale of the CDF 9/7 wavelet (Daubechies & Sweldens 1998, table 2).
_ALPHA, _BETA, _GAMMA, _DELTA = -1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971
_ZETA = 1.149604398860241

NORMS = ((1.0729, 1.0729, 1.0858), (1.0668, 1.0668, 1.0751), (1.0458, 1.0458, 1.0396), (0.9984, 0.9984, 0.9672),
         (1.0113, 1.0113, 1.0404))  # fmt: skip
"""Lengths of what a unit coefficient adds to the picture, per level of five (coarsest first) and band."""
LOW_NORM = 1.0602
"""The same of the low band."""

REACH = 4
"""Samples on each side, of its own grid, that a coefficient depends on or has a say in."""


def to_opponent(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) RGB to opponent colours."""
    return torch.einsum("oc,bchw->bohw", torch.tensor(COLOURS, dtype=rgb.dtype, device=rgb.device), rgb)


def to_rgb(opponent: Tensor) -> Tensor:
    """The inverse of `to_opponent`."""
    matrix = torch.tensor(COLOURS, dtype=opponent.dtype, device=opponent.device)
    return torch.einsum("oc,bohw->bchw", matrix, opponent)


def _next(x: Tensor, axis: int) -> Tensor:
    """Each sample's successor; the last is its own, which is the mirror at the border."""
    n = x.shape[axis]
    return torch.cat([x.narrow(axis, 1, n - 1), x.narrow(axis, n - 1, 1)], axis)


def _last(x: Tensor, axis: int) -> Tensor:
    """Each sample's predecessor; the first is its own."""
    return torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, x.shape[axis] - 1)], axis)


def _forward(even: Tensor, odd: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    high = torch.add(odd, even + _next(even, axis), alpha=_ALPHA)
    low = torch.add(even, high + _last(high, axis), alpha=_BETA)
    high = torch.add(high, low + _next(low, axis), alpha=_GAMMA)
    low = torch.add(low, high + _last(high, axis), alpha=_DELTA)
    return low * _ZETA, high / _ZETA


def _inverse(low: Tensor, high: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    low, high = low / _ZETA, high * _ZETA
    low = torch.add(low, high + _last(high, axis), alpha=-_DELTA)
    high = torch.add(high, low + _next(low, axis), alpha=-_GAMMA)
    low = torch.add(low, high + _last(high, axis), alpha=-_BETA)
    high = torch.add(high, low + _next(low, axis), alpha=-_ALPHA)
    return low, high


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level: (B, C, H, W), H and W even, to (B, C, H/2, W/2) and details (B, 3·C, H/2, W/2), bands of a channel
    side by side; borders are mirrored."""
    left, right = _forward(x[..., 0::2], x[..., 1::2], 3)
    low, vertical = _forward(left[..., 0::2, :], left[..., 1::2, :], 2)
    horizontal, diagonal = _forward(right[..., 0::2, :], right[..., 1::2, :], 2)
    return low, torch.stack([horizontal, vertical, diagonal], 2).flatten(1, 2)


def merge(low: Tensor, details: Tensor) -> Tensor:
    """The inverse of `split`."""
    horizontal, vertical, diagonal = details.unflatten(1, (-1, BANDS)).unbind(2)
    left = torch.stack(_inverse(low, vertical, 2), 3).flatten(2, 3)
    right = torch.stack(_inverse(horizontal, diagonal, 2), 3).flatten(2, 3)
    return torch.stack(_inverse(left, right, 3), 4).flatten(3, 4)


def analysis(rgb: Tensor, levels: int) -> list[Tensor]:
    """Pixels (B, 3, H, W), sides multiples of 2^levels, to [low (B, 3, …), details of the coarsest level (B, 9, …), …,
    details of the finest (B, 9, H/2, W/2)]."""
    low, parts = to_opponent(rgb), []
    for _ in range(levels):
        low, details = split(low)
        parts.append(details)
    return [low, *reversed(parts)]


def synthesis(parts: list[Tensor]) -> Tensor:
    """The inverse of `analysis`; missing finer levels are an error, absent details are zeros."""
    low = parts[0]
    for details in parts[1:]:
        low = merge(low, details)
    return to_rgb(low)
