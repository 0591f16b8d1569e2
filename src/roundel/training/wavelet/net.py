"""The wavelet codec's network: a fixed linear transform, learned contexts for its bits, learned filters after it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from roundel.codecs.wavelet.masking import price_maps
from roundel.codecs.wavelet.places import PLAIN
from roundel.coding import Tables
from roundel.training.entropy.lookup import lookup_bits
from roundel.training.wavelet import interpolation
from roundel.training.wavelet import transform as wavelet
from roundel.training.wavelet.density import SCALE_MIN, SCALE_STEP, SCALES
from roundel.training.wavelet.families import family_tables, size_bits
from roundel.training.wavelet.filters import Filter, FilterShape
from roundel.training.wavelet.paths import Chosen, choose
from roundel.training.wavelet.subbands import DETAILS, Said, Shape, SubbandContexts, signed
from roundel.training.wavelet.transform import COLOURS
from roundel.training.wavelet.tuned import TunedTable
from roundel.training.wavelet.tunings import TUNINGS

MIDDLE_GREY = 0.5
FAMILY = family_tables()
LOW_SHIFT = math.log(2 * PLAIN)
QUALITIES = 101


@dataclass(frozen=True)
class WaveletShape:
    """Sizes of the network."""

    widths: tuple[int, ...] = (48, 48, 48, 48, 32)
    """Features of the contexts, coarsest level first; as many levels of the wavelet."""
    filter: tuple[int, int, int, int] = (48, 64, 2, 2)
    """A `FilterShape`: of what repairs decoded pictures."""
    prefilter: tuple[int, int, int, int] = (48, 64, 1, 1)
    """The same of what encoders do to pictures before, for tunings that have it."""
    anchors: int = 9
    step_max: float = 240.0
    """Rounding step of quality 0, in pixel values of 0 … 255."""
    step_min: float = 4.0


class Coded(NamedTuple):
    """Pictures as symbols (B, C, h, w) of every part, the low band first, and what they cost."""

    symbols: list[Tensor]
    bpp: Tensor
    """(B,) bits a pixel of the details, with a gradient for the contexts."""
    low_bpp: Tensor
    """(B,) of the low band."""


class WaveletNet(nn.Module):
    """Rates of wavelet coefficients and the picture that they decode to.

    Qualities are t in [0, 1]; the rounding step is geometric between `step_max` and `step_min`; a tuning says how the
    steps of the bands relate to it. `tuning` (B,) int64 are numbers in `TUNINGS`. Straight-through gradients to steps
    per band lead astray: to them a coefficient that rounds to zero looks better with a finer step.
    """

    t_of_quality: Tensor
    frequencies: Tensor
    """(total,) int32 of the tables that symbols are chosen and counted by."""
    table: Tensor
    """Bits of sizes, see `families.size_bits`."""

    def __init__(self, shape: WaveletShape) -> None:
        super().__init__()
        self.shape = s = shape
        self.levels = len(s.widths)
        count = len(TUNINGS)
        self.register_buffer("frequencies", torch.from_numpy(FAMILY.frequencies.astype(np.int32)))
        self.register_buffer("table", size_bits(FAMILY), persistent=False)
        self.tables = FAMILY
        self.register_load_state_dict_post_hook(lambda net, _: net.count())
        self.spread = TunedTable(self.levels * DETAILS, s.anchors, count)
        """log σ of a band in steps, where contexts say nothing."""
        self.low_spread = TunedTable(len(COLOURS) * interpolation.STAGES, s.anchors, count, 1.0)
        self.contexts = SubbandContexts(Shape(tuple(s.widths), s.anchors, count))
        self.filters = nn.ModuleList(Filter(FilterShape(*s.filter), s.anchors) for _ in TUNINGS)
        """One for each tuning."""
        prepared = [t.name for t in TUNINGS if t.prepared]
        self.prefilters = nn.ModuleDict({name: Filter(FilterShape(*s.prefilter), s.anchors) for name in prepared})
        for number in range(len(TUNINGS[0].steps())):
            steps = torch.stack([tuning.steps()[number] for tuning in TUNINGS])
            self.register_buffer(f"relative{number}", steps[:, :, None, None], persistent=False)
        self.register_buffer("t_of_quality", torch.linspace(0, 1, QUALITIES), persistent=False)
        """(101,) the t of each quality that users name; the export writes tables for these."""
        prices = torch.tensor([tuning.bit_price for tuning in TUNINGS]) / PLAIN**2
        self.register_buffer("price", prices, persistent=False)
        """Squared error, in steps², that a bit is worth."""

    def count(self) -> None:
        """Choose and count by the tables that `frequencies` say."""
        own = self.frequencies.cpu().numpy().astype(np.uint32)
        self.tables = Tables(own, FAMILY.starts.copy(), FAMILY.offsets.copy())
        self.table.copy_(size_bits(self.tables))

    def step(self, t: Tensor) -> Tensor:
        """Rounding steps at qualities t, for pixels in [0, 1]."""
        return self.shape.step_max / 255 * (self.shape.step_min / self.shape.step_max) ** t

    def lmbda(self, t: Tensor) -> Tensor:
        """The λ of R + λ·D for which the step is best at high rates: 26/Δ², Δ and D of pixels in [0, 255]."""
        return 26 / (self.step(t) * 255) ** 2

    def steps(self, t: Tensor, tuning: Tensor) -> list[Tensor]:
        """Rounding steps (B, C, 1, 1) of every part, coarsest first."""
        step = self.step(t)[:, None, None, None]
        return [self.get_buffer(f"relative{i}")[tuning] * step for i in range(self.levels + 1)]

    @torch.no_grad()
    def initialise(self, pixels: Tensor) -> None:
        """Start with the spreads of real pictures (N, 3, H, W) in [0, 1]."""
        sigma = [p.std((0, 2, 3)).clamp_min(1e-4) for p in wavelet.analysis(pixels, self.levels)]
        t = torch.linspace(0, 1, self.shape.anchors)
        for k in range(len(TUNINGS)):
            steps = [s.flatten(1) for s in self.steps(t, torch.full((len(t),), k))]
            details = torch.log(
                torch.cat([0.5 * own / step for own, step in zip(sigma[1:], steps[1:], strict=True)], 1)
            )
            self.spread.knots[k].copy_(details.clamp(math.log(0.15), 5))
            low = torch.log(0.5 * sigma[0] / steps[0]).clamp(-1, 5)
            self.low_spread.knots[k].copy_(low.repeat_interleave(interpolation.STAGES, 1))

    def offset(self, t: Tensor, tuning: Tensor) -> Tensor:
        """What each band adds to its scale indices (B, levels · 9), in steps of the grid."""
        return (self.spread(t, tuning) - math.log(SCALE_MIN)) / SCALE_STEP

    def low_index(self, t: Tensor, tuning: Tensor) -> Tensor:
        """Scale indices of the low band's residuals (B, 3, STAGES), in steps of the grid.

        Its plain quantiser has the tables of the first one of the details, which is 2 · PLAIN times as coarse.
        """
        place = (self.low_spread(t, tuning) + LOW_SHIFT - math.log(SCALE_MIN)) / SCALE_STEP
        return place.unflatten(1, (len(COLOURS), -1))

    def coefficients(self, x: Tensor, t: Tensor, tuning: Tensor) -> list[Tensor]:
        """Pixels (B, 3, H, W) in [0, 1] to wavelet coefficients in rounding steps, coarsest first."""
        parts = wavelet.analysis(x - MIDDLE_GREY, self.levels)
        return [p / s for p, s in zip(parts, self.steps(t, tuning), strict=True)]

    def picture(self, symbols: list[Tensor], t: Tensor, tuning: Tensor) -> Tensor:
        """Rounded coefficients to pixels (B, 3, H, W), before the filter."""
        return wavelet.synthesis([p * s for p, s in zip(symbols, self.steps(t, tuning), strict=True)]) + MIDDLE_GREY

    def filter(self, x: Tensor, t: Tensor, tuning: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], each through the filter of its tuning."""
        step = self.step(t)
        out = torch.zeros_like(x)
        for k, own in enumerate(self.filters):
            if bool((here := tuning == k).any()):
                out = out.index_put((here.nonzero()[:, 0],), own(x[here], t[here], step[here]))
        return out

    def code(self, low: Tensor, t: Tensor, tuning: Tensor, walks: Callable[[int, Tensor], "Walk"]) -> Coded:
        """Symbols and bits of low bands (B, 3, h, w), whole numbers, and of the details that walks quantise.

        Args:
            walks: (level, what its bands add to scale indices) gives the walk over a level.
        """
        residual, kinds = interpolation.residuals(low)
        low_bits = lookup_bits(residual, self.low_index(t, tuning)[:, :, kinds].clamp(1, SCALES - 1), self.table)
        known, features, symbols = signed(residual), None, [low]
        bits = low.new_zeros(len(low))
        offsets = self.offset(t, tuning)[:, :, None, None].split(DETAILS, 1)
        for number, (level, offset) in enumerate(zip(self.contexts.steps(), offsets, strict=True)):
            walk = walks(number, offset)
            known, features = level(known, features, level.shifts(t, tuning), walk.step)
            symbols.append(walk.symbols())
            bits = bits + walk.bits
        pixels = low[0, 0].numel() * 4**self.levels
        return Coded(symbols, bits / pixels, low_bits.sum((1, 2, 3)) / pixels)

    def forward(self, x: Tensor, t: Tensor, tuning: Tensor) -> Coded:
        """Symbols and bits of images x (B, 3, H, W) in [0, 1] at qualities t (B,).

        Symbols are the encoder's, also in training: nothing before them is trained.
        """
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            parts = [p.contiguous() for p in self.coefficients(x.float().contiguous(), t, tuning)]
            maps = self.price_maps(x, tuning)
        price = self.get_buffer("price")[tuning][:, None, None, None]
        return self.code(
            torch.round(parts[0]), t, tuning, lambda k, offset: Choosing(parts[k + 1], offset, price * maps[k], self)
        )

    def taught(self, low: Tensor, values: Sequence[Tensor], odd: Sequence[Tensor], t: Tensor, tuning: Tensor) -> Coded:
        """Bits of what another encoder chose, whole numbers as float32.

        Args:
            values: (B, 9, h, w) of every level. odd: 1 where the second quantiser was on.
        """
        return self.code(low, t, tuning, lambda k, offset: Taught(values[k], odd[k], offset, self))

    @staticmethod
    def price_maps(x: Tensor, tuning: Tensor) -> list[Tensor]:
        """Factors of a bit's price (B, 1, h, w) for the details of each level, by pictures (B, 3, H, W) in [0, 1]."""
        pictures = x.detach().float().mul(255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
        powers = [TUNINGS[number].masking for number in tuning.tolist()]
        each = [price_maps(picture, power) for picture, power in zip(pictures, powers, strict=True)]
        return [torch.from_numpy(np.stack(level))[:, None].to(x.device) for level in zip(*each, strict=True)]


class Walk(ABC):
    """Goes over the details of one level, step by step, as its contexts ask, and counts their bits.

    Args:
        offset: (B, 9, 1, 1) what the bands add to scale indices.
    """

    def __init__(self, offset: Tensor, net: WaveletNet) -> None:
        self.offset, self.net = offset, net
        self.bits = offset.new_zeros(len(offset))
        self.found: list[Tensor] = []

    @abstractmethod
    def chosen(self, channels: slice, place: Tensor, skew: Tensor, fields: Tensor | None) -> Chosen:
        """The values of some channels, 0 outside `fields`. Args: place, skew: what contexts say."""

    def step(self, channels: slice, said: Said, fields: Tensor | None) -> Tensor:
        """See `LevelContext.forward`."""
        place = _leaky(said.scale.float() + self.offset[:, channels], SCALES - 1)
        chosen = self.chosen(channels, place, said.skew, fields)
        bits = chosen.bits(place, said.skew, self.net.table)
        if fields is not None:
            bits = bits * fields
        self.bits = self.bits + bits.sum((1, 2, 3))
        self.found.append(chosen.values)
        return chosen.values

    def symbols(self) -> Tensor:
        """The quantised details (B, 9, h, w)."""
        white, black, colours = self.found
        return torch.cat([white + black, colours], 1)


class Choosing(Walk):
    """Quantises as the encoder does. Args: y: coefficients in steps (B, 9, h, w). price: of bits, broadcast to y."""

    def __init__(self, y: Tensor, offset: Tensor, price: Tensor, net: WaveletNet) -> None:
        super().__init__(offset, net)
        self.y, self.price = y, price

    def chosen(self, channels: slice, place: Tensor, skew: Tensor, fields: Tensor | None) -> Chosen:
        """See `Walk.chosen`."""
        return choose(self.y[:, channels], place, skew, self.price, fields, self.net.tables, self.net.table)


class Taught(Walk):
    """Takes what another encoder chose: values and quantisers (B, 9, h, w)."""

    def __init__(self, values: Tensor, odd: Tensor, offset: Tensor, net: WaveletNet) -> None:
        super().__init__(offset, net)
        self.values, self.odd = values, odd

    def chosen(self, channels: slice, place: Tensor, skew: Tensor, fields: Tensor | None) -> Chosen:
        """See `Walk.chosen`."""
        values, odd = self.values[:, channels], self.odd[:, channels]
        return Chosen(values, odd) if fields is None else Chosen(values * fields, odd * fields)


def _leaky(x: Tensor, high: float) -> Tensor:
    """Clamped to 0 … high; values beyond still feel a tenth of their gradient."""
    clamped = x.clamp(0, high)
    leak = 0.1 * (x - clamped)
    return clamped + (leak - leak.detach())
