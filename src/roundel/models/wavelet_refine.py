"""Encoding harder: coefficients of one picture moved to where rate and distortion together are least.

Rounding by rate and distortion takes the transform for orthonormal and knows nothing of the filter behind it. Here the
error of the decoded picture says, by its slope, which coefficients should rather be one less or one more. Decoders see
nothing of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.models.wavelet import WaveletNet
from roundel.models.wavelet_symbols import Writing, coded
from roundel.models.wavelet_walk import Group, Integers, walk
from roundel.models.wavelet_weights import QUALITIES

CURVATURE = 26 / 3
"""Bits that a squared error of one step² costs: λ·Δ²/3 with λ = 26/Δ², in an orthonormal transform."""
MOVING = (0.2, 0.05)
"""Share of the moves that pay which are made at once, first and last: neighbours share errors, and would all mend the
same one."""
LOOK_AGAIN = 4
"""Rounds after which the scales are asked for again; each round they change by little."""


class Fidelity(NamedTuple):
    """How far a refined picture is from the original, in bits, and its slope at each symbol."""

    bits: float
    slopes: list[Tensor]


class Known:
    """Symbols that are decided already; remembers the scale indices that the walk finds for them."""

    def __init__(self, parts: Sequence[NDArray[np.int32]]) -> None:
        self._parts = parts
        self.index = [np.zeros(p.shape, np.uint8) for p in parts]

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`."""
        held = coded(group, index)
        self.index[group.part][group.channels][held] = index[held]
        return np.where(held, self._parts[group.part][group.channels], 0)


def refine(
    net: WaveletNet, stored: Integers, prices: NDArray[np.float32], x: Tensor, coefficients: Sequence[Tensor],
    quality: int, rounds: int,
) -> list[Tensor]:  # fmt: skip
    """Symbols (1, C, h, w) float32 of every part of a picture: what to code instead of its coefficients.

    Args:
        net: frozen. prices: see `wavelet_symbols.prices`. x: (1, 3, H, W) in [0, 1], sides multiples of a cell.
        coefficients: of x. quality: 0 … 100. rounds: of moves.
    """
    y = [p[0].cpu().numpy() for p in coefficients]
    t = torch.tensor([quality / (QUALITIES - 1)], device=x.device)
    height, width = y[0].shape[1:]
    begin = Writing(y, stored.tables, prices)
    symbols = [torch.from_numpy(p)[None].to(x) for p in walk(net, stored, begin, height, width, quality, net.levels)]
    # Index 0 is a detail that must be zero; moving it costs more than anything gains.
    table = torch.from_numpy(np.concatenate([np.full_like(prices[:1], 1e6), prices])).to(x.device)
    table[0, 0] = 0
    generator = torch.Generator().manual_seed(0)
    places: list[Tensor] = []
    for number in range(rounds):
        if number % LOOK_AGAIN == 0:
            known = Known([s[0].cpu().numpy().astype(np.int32) for s in symbols])
            found = walk(net, stored, known, height, width, quality, net.levels)
            symbols = [torch.from_numpy(p)[None].to(x) for p in found]
            places = [torch.from_numpy(i).to(x.device)[None].int() for i in known.index]
        share = MOVING[0] * (MOVING[1] / MOVING[0]) ** (number / max(1, rounds - 1))
        slopes = fidelity(net, symbols, x, t).slopes
        moved = [
            move(s, place, slope, table, share, generator)
            for s, place, slope in zip(symbols[1:], places[1:], slopes[1:], strict=True)
        ]
        symbols = [symbols[0], *moved]
    return symbols


def fidelity(net: WaveletNet, symbols: Sequence[Tensor], x: Tensor, t: Tensor) -> Fidelity:
    """λ·D of the decoded picture in bits of the whole picture."""
    with torch.inference_mode(False), torch.enable_grad():
        at = [s.clone().requires_grad_() for s in symbols]
        linear = net.picture(at, t.clone()).contiguous(memory_format=torch.channels_last)
        # A slope need not be exact, and where matrix units are it is several times as quick.
        with torch.autocast(x.device.type, torch.bfloat16, enabled=multiplies_bfloat16(x.device)):
            decoded = net.filter(linear, t.clone()).float()
        pixels = x.shape[2] * x.shape[3]
        bits = (net.lmbda(t.clone()) * pixels * 255**2 * (x.clone() - decoded).square().mean()).sum()
        return Fidelity(bits.item(), list(torch.autograd.grad(bits, at)))


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has matrix units for bfloat16; processors without are slower with it than with float32."""
    try:
        return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("amx_bf16"))
    except (AttributeError, RuntimeError):  # older versions of torch do not tell
        return False


@torch.no_grad()
def move(
    symbols: Tensor, place: Tensor, slope: Tensor, table: Tensor, share: float, generator: torch.Generator
) -> Tensor:
    """A random share of the symbols that gain from it, one step down or up; all (1, 9, h, w).

    Args:
        place: int32 rows of `table`, (T, N) bits of |symbol|. slope: of the distortion, in bits a step.
    """
    last = table.shape[1] - 1
    flat = table.flatten()

    def own(s: Tensor) -> Tensor:
        return flat[(place * (last + 1) + s.abs().clamp(max=last).int()).long()]

    now = own(symbols)
    down, up = (own(symbols + d) - now + d * slope + CURVATURE for d in (-1, 1))
    gain = torch.minimum(down, up)
    chosen = torch.rand(symbols.shape, generator=generator).to(symbols) < share
    return torch.where((gain < 0) & chosen, symbols + torch.where(down < up, -1, 1), symbols)
