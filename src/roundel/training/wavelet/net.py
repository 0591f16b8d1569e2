"""The wavelet codec's network: a fixed linear transform, learned contexts for its bits, a learned filter after it."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from roundel.training.entropy.lookup import lookup_bits, mixture_table
from roundel.training.entropy.scales import SCALE_MIN, SCALE_STEP, SCALES, RateDistortion, scale_of
from roundel.training.exact import clamp_leaky
from roundel.training.nets.quality import QualityTable
from roundel.training.quantizers import Bits, Quantizer
from roundel.training.wavelet import interpolation
from roundel.training.wavelet import transform as wavelet
from roundel.training.wavelet.postfilter import MIDDLE_GREY, PostFilter
from roundel.training.wavelet.subbands import INDEX_UNIT, SubbandContexts, SubbandShape, magnitudes
from roundel.training.wavelet.transform import BANDS

COLOURS = 3


@dataclass(frozen=True)
class WaveletShape:
    """Sizes of the network."""

    widths: tuple[int, ...] = (48, 48, 48, 32, 24)
    """Features of the contexts, coarsest level first; as many levels of the wavelet."""
    c4: int = 64
    c8: int = 96
    blocks4: int = 2
    blocks8: int = 3
    anchors: int = 9
    step_max: float = 240.0
    """Rounding step of quality 0, in pixel values of 0 … 255."""
    step_min: float = 6.5


class WaveletNet(nn.Module):
    """Rates of wavelet coefficients and the picture that they decode to.

    Qualities are t in [0, 1]; the rounding step is geometric between `step_max` and `step_min`, one for all bands: the
    transform is near-orthonormal, so that is what a given error costs least at. Straight-through gradients to steps per
    band lead astray: to them a coefficient that rounds to zero looks better with a finer step.
    """

    table: Tensor
    """(SCALES, N) bits of magnitudes at each place of the grid."""

    def __init__(self, shape: WaveletShape) -> None:
        super().__init__()
        self.shape = s = shape
        self.levels = len(s.widths)
        self.register_buffer("table", mixture_table(scale_of(torch.arange(SCALES))), persistent=False)
        self.spread = QualityTable(self.levels * COLOURS * BANDS, s.anchors)
        """log σ of a band in steps, where contexts say nothing."""
        self.low_spread = QualityTable(COLOURS * interpolation.STAGES, s.anchors, 1.0)
        self.contexts = SubbandContexts(SubbandShape(s.widths), s.anchors)
        log_steps = torch.log(self.step(torch.linspace(0, 1, s.anchors)))
        self.filter = PostFilter(s.c4, s.c8, blocks4=s.blocks4, blocks8=s.blocks8, log_steps=log_steps)

    def step(self, t: Tensor) -> Tensor:
        """Rounding steps at qualities t, for pixels in [0, 1]."""
        return self.shape.step_max / 255 * (self.shape.step_min / self.shape.step_max) ** t

    def lmbda(self, t: Tensor) -> Tensor:
        """The λ of R + λ·D for which the step is best at high rates: 26/Δ², Δ and D of pixels in [0, 255]."""
        return 26 / (self.step(t) * 255) ** 2

    @torch.no_grad()
    def initialise(self, pixels: Tensor) -> None:
        """Start with the spreads of real pictures (N, 3, H, W) in [0, 1]."""
        sigma = [p.std((0, 2, 3)).clamp_min(1e-4) for p in wavelet.analysis(pixels, self.levels)]
        log_steps = torch.log(self.step(torch.linspace(0, 1, self.shape.anchors)))[:, None]
        self.spread.knots.copy_((torch.log(torch.cat(sigma[1:]) * 0.5) - log_steps).clamp(math.log(0.15), 5))
        low = (torch.log(sigma[0] * 0.5) - log_steps).clamp(-1, 5)
        self.low_spread.knots.copy_(low.repeat_interleave(interpolation.STAGES, 1))

    def offset(self, t: Tensor) -> Tensor:
        """What each band adds to its scale indices (B, levels · 9), in eighths of a step of the grid."""
        return (self.spread(t) - math.log(SCALE_MIN)) * (INDEX_UNIT / SCALE_STEP)

    def low_index(self, t: Tensor) -> Tensor:
        """Scale indices of the low band's residuals (B, 3, STAGES), in steps of the grid."""
        return ((self.low_spread(t) - math.log(SCALE_MIN)) / SCALE_STEP).unflatten(1, (COLOURS, -1))

    def coefficients(self, x: Tensor, t: Tensor) -> list[Tensor]:
        """Pixels (B, 3, H, W) in [0, 1] to wavelet coefficients in rounding steps, coarsest first."""
        per_step = 1 / self.step(t)[:, None, None, None]
        parts = wavelet.analysis(x - MIDDLE_GREY, self.levels)
        return [p * (w.to(p) * per_step) for p, w in zip(parts, weights(self.levels), strict=True)]

    def picture(self, symbols: list[Tensor], t: Tensor) -> Tensor:
        """Rounded coefficients to pixels (B, 3, H, W), before the filter."""
        step = self.step(t)[:, None, None, None]
        parts = [p * (step / w.to(p)) for p, w in zip(symbols, weights(self.levels), strict=True)]
        return wavelet.synthesis(parts) + MIDDLE_GREY

    def forward(self, x: Tensor, t: Tensor, quantizer: Quantizer) -> RateDistortion:
        """Rate and distortion of images x (B, 3, H, W) in [0, 1] at qualities t (B,).

        Symbols are what the quantiser gives at test, also in training: nothing before them is trained.
        """
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            parts = [p.contiguous() for p in self.coefficients(x.float().contiguous(), t)]
        low = torch.floor(parts[0] + 0.5)
        residual, kinds = interpolation.residuals(low)
        low_bits = lookup_bits(residual, self.low_index(t)[:, :, kinds], self.table).sum((1, 2, 3))
        coarse, symbols, bits = [magnitudes(residual)], [low], []
        offsets = self.offset(t)[:, :, None, None].split(COLOURS * BANDS, 1)
        for level, part, offset in zip(self.contexts.steps(), parts[1:], offsets, strict=True):
            walk = Walk(part, offset, quantizer, self.table)
            coarse = list(level(coarse, level.offsets(t), walk.step))
            symbols.append(walk.symbols())
            bits.append(walk.bits)
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            linear = self.picture(symbols, t).contiguous(memory_format=torch.channels_last)
        mse = (x - self.filter(linear, t)).square().mean((1, 2, 3)) * 255**2
        pixels = x.shape[2] * x.shape[3]
        return RateDistortion(torch.stack(bits).sum(0) / pixels, low_bits / pixels, mse, self.lmbda(t))


def weights(levels: int) -> list[Tensor]:
    """(C, 1, 1) of every part, coarsest first: what makes the transform's errors count as much as pixels' do."""
    norms = wavelet.NORMS[-levels:]
    return [torch.tensor(wavelet.LOW_NORM), *(torch.tensor(n).repeat(COLOURS)[:, None, None] for n in norms)]


class Walk:
    """Quantises the details of one level, step by step, as its contexts ask, and counts their bits."""

    def __init__(self, y: Tensor, offset: Tensor, quantizer: Quantizer, table: Tensor) -> None:
        self.y, self.offset, self.quantizer, self.table = y, offset, quantizer, table
        self.bits = y.new_zeros(len(y))
        self.found: list[Tensor] = []

    def step(self, channels: slice, index: Tensor, fields: Tensor | None) -> Tensor:
        """See `LevelContext.forward`."""
        y = self.y[:, channels]
        place = clamp_leaky((index.float() + self.offset[:, channels]) / INDEX_UNIT, 0, SCALES - 1)
        fixed: Bits = partial(lookup_bits, place=place.detach(), table=self.table)
        symbols = self.quantizer.test(y, torch.zeros_like(y), fixed).symbols
        bits = lookup_bits(symbols, place, self.table)
        if fields is not None:
            bits, symbols = bits * fields, symbols * fields
        self.bits = self.bits + bits.sum((1, 2, 3))
        self.found.append(symbols)
        return symbols

    def symbols(self) -> Tensor:
        """The quantised details (B, 9, h, w)."""
        white, black, colours = self.found
        return torch.cat([white + black, colours], 1)
