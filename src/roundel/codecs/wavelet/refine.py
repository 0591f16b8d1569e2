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

from roundel.codecs.wavelet.surroundings import Surroundings, look, thaw
from roundel.codecs.wavelet.symbols import Writing
from roundel.codecs.wavelet.walk import Integers, walk
from roundel.training.wavelet.net import WaveletNet
from roundel.training.wavelet.stored import QUALITIES

CURVATURE = 26 / 3
"""Bits that a squared error of one step² costs: λ·Δ²/3 with λ = 26/Δ², in an orthonormal transform."""
MOVING = (0.2, 0.05)
"""Share of the moves that pay which are made at once, first and last: neighbours share errors, and would all mend the
same one."""
LOOK_AGAIN = 4
"""Rounds after which scales and influences are asked for again; each round they change by little."""
TRUST = 0.5
"""Share of a symbol's influence on the bits of others that is believed: others move, too."""


class Fidelity(NamedTuple):
    """How far a refined picture is from the original, in bits, and its slope at each symbol."""

    bits: float
    slopes: list[Tensor]


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
    contexts = thaw(net.contexts)
    surroundings: list[Surroundings] = []
    for number in range(rounds):
        if number % LOOK_AGAIN == 0:
            surroundings = look(net, contexts, stored, symbols, quality)
        share = MOVING[0] * (MOVING[1] / MOVING[0]) ** (number / max(1, rounds - 1))
        slopes = fidelity(net, symbols, x, t).slopes
        moved = [
            move(s, around, slope, table, share, generator)
            for s, around, slope in zip(symbols[1:], surroundings, slopes[1:], strict=True)
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
    symbols: Tensor, around: Surroundings, slope: Tensor, table: Tensor, share: float, generator: torch.Generator
) -> Tensor:
    """A random share of the symbols that gain from it, one step down or up; all (1, 9, h, w).

    Args:
        slope: of the distortion, in bits a step. table: (T, N) bits of |symbol| at each place.
    """
    last = table.shape[1] - 1
    flat, row = table.flatten(), around.place.long() * (last + 1)
    now, size = flat[row + symbols.abs().clamp(max=last).long()], symbols.abs()

    def cost(step: int) -> Tensor:
        other = (symbols + step).abs()
        own = flat[row + other.clamp(max=last).long()] - now
        return own + TRUST * around.influence * (other - size) + step * slope + CURVATURE

    down, up = cost(-1), cost(1)
    chosen = torch.rand(symbols.shape, generator=generator).to(symbols) < share
    return torch.where((torch.minimum(down, up) < 0) & chosen, symbols + torch.where(down < up, -1, 1), symbols)
