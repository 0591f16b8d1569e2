"""The wavelet codec's network: a fixed linear transform, learned contexts for its bits and a learned filter after it."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from roundel.entropy.lookup import lookup_bits, mixture_table
from roundel.exact import clamp_leaky, round_ste
from roundel.models.hyperprior import SCALE_MIN, SCALE_STEP, SCALES, RateDistortion, quantize, scale_of
from roundel.nets import interpolation, wavelet
from roundel.nets.postfilter import PostFilter
from roundel.nets.quality import QualityTable
from roundel.nets.subbands import INDEX_UNIT, SubbandContexts, SubbandShape, magnitudes
from roundel.nets.wavelet import BANDS
from roundel.quantizers import Bits, Quantizer

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
    lmbda_min: float = 0.0004
    lmbda_max: float = 0.3


class WaveletNet(nn.Module):
    """Rates of wavelet coefficients and the picture that they decode to.

    Qualities are t in [0, 1]: λ(t) is geometric between `lmbda_min` and `lmbda_max` (R in bits per pixel, D the mean
    squared error in [0, 255]). Coefficients are multiplied by a gain per band and quality before they are rounded.
    """

    def __init__(self, shape: WaveletShape) -> None:
        super().__init__()
        self.shape = s = shape
        self.levels = len(s.widths)
        # High-rate theory: the step of λ is Δ² = 26/λ in 8-bit units.
        log_steps = 0.5 * torch.log(26 / self.lmbda(torch.linspace(0, 1, s.anchors))) - math.log(255)
        bands = COLOURS + self.levels * COLOURS * BANDS
        self.log_gain = QualityTable(bands, s.anchors, -log_steps[:, None])
        self.spread = QualityTable(bands - COLOURS, s.anchors)
        """log σ of a band in steps, where contexts say nothing."""
        self.low_spread = QualityTable(COLOURS * interpolation.STAGES, s.anchors, 1.0)
        self.register_buffer("table", mixture_table(scale_of(torch.arange(SCALES))), persistent=False)
        self.contexts = SubbandContexts(SubbandShape(s.widths), s.anchors)
        self.filter = PostFilter(s.c4, s.c8, blocks4=s.blocks4, blocks8=s.blocks8, log_steps=log_steps)

    def lmbda(self, t: Tensor) -> Tensor:
        return self.shape.lmbda_min * (self.shape.lmbda_max / self.shape.lmbda_min) ** t

    @torch.no_grad()
    def initialise(self, pixels: Tensor) -> None:
        """Start with the spreads of real pictures (N, 3, H, W) in [0, 1]."""
        parts = wavelet.analysis(pixels, self.levels)
        sigma = torch.cat([p.std((0, 2, 3)) for p in parts]).clamp_min(1e-4)
        log_sigma = torch.log(sigma * 0.5) + self.log_gain.knots
        self.spread.knots.copy_(log_sigma[:, COLOURS:].clamp(math.log(0.15), 5))
        low = log_sigma[:, :COLOURS].clamp(-1, 5)
        self.low_spread.knots.copy_(low.repeat_interleave(interpolation.STAGES, 1))

    def gains(self, t: Tensor) -> list[Tensor]:
        """Of every part, (B, C, 1, 1): rounding steps per unit."""
        sizes = [COLOURS] + [COLOURS * BANDS] * self.levels
        return [g[:, :, None, None] for g in torch.exp(self.log_gain(t)).split(sizes, 1)]

    def offset(self, t: Tensor) -> Tensor:
        """What each band adds to its scale indices (B, levels · 9), in eighths of a step of the grid."""
        return (self.spread(t) - math.log(SCALE_MIN)) * (INDEX_UNIT / SCALE_STEP)

    def low_index(self, t: Tensor) -> Tensor:
        """Scale indices of the low band's residuals (B, 3, STAGES), in steps of the grid."""
        return ((self.low_spread(t) - math.log(SCALE_MIN)) / SCALE_STEP).unflatten(1, (COLOURS, -1))

    def _low(self, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rounded low band, its bits (B,) and the magnitudes of its residuals."""
        y_hat = round_ste(y)
        guess = y_hat.detach()
        residual, kinds = interpolation.residuals(guess)
        index = self.low_index(t)[:, :, kinds]
        bits = lookup_bits(residual + (y_hat - guess), index, self.table)
        return y_hat, bits.sum((1, 2, 3)), magnitudes(residual)

    def forward(self, x: Tensor, t: Tensor, quantizer: Quantizer) -> RateDistortion:
        """Rate and distortion of images x (B, 3, H, W) in [0, 1] at qualities t (B,)."""
        with torch.autocast(x.device.type, enabled=False):
            parts = [p.contiguous() for p in wavelet.analysis(x.float().contiguous(), self.levels)]
        gains = self.gains(t)
        low, low_bits, found = self._low(parts[0] * gains[0], t)
        offsets = self.offset(t)[:, :, None, None].split(COLOURS * BANDS, 1)
        coarse = [found]
        decoded, bits = [low / gains[0]], []
        for level, part, gain, offset in zip(self.contexts.levels, parts[1:], gains[1:], offsets, strict=True):
            walk = Walk(part * gain, offset, quantizer, self.table, self.training)
            coarse = list(level(coarse, level.offsets(t), walk.step))
            decoded.append(walk.y_hat() / gain)
            bits.append(walk.bits)
        with torch.autocast(x.device.type, enabled=False):
            linear = wavelet.synthesis(decoded)
        x_hat = self.filter(linear.contiguous(memory_format=torch.channels_last), t)
        pixels = x.shape[2] * x.shape[3]
        return RateDistortion(
            torch.stack(bits).sum(0) / pixels, low_bits / pixels, (x - x_hat).square().mean((1, 2, 3)) * 255**2, self.lmbda(t)
        )


class Walk:
    """Quantises the details of one level, step by step, as its contexts ask."""

    def __init__(self, y: Tensor, offset: Tensor, quantizer: Quantizer, table: Tensor, training: bool) -> None:
        self.y, self.offset, self.quantizer, self.table, self.training = y, offset, quantizer, table, training
        self.bits = y.new_zeros(len(y))
        self.found: list[tuple[slice, Tensor]] = []

    def step(self, channels: slice, index: Tensor, fields: Tensor | None) -> Tensor:
        """See `LevelContext.forward`."""
        y = self.y[:, channels]
        eighths = index.float() + self.offset[:, channels]
        place = clamp_leaky(eighths / INDEX_UNIT, 0, SCALES - 1)
        cost: Bits = partial(lookup_bits, place=place, table=self.table)
        y_hat, for_rate = quantize(self.quantizer, y, torch.zeros_like(y), cost, self.training)
        bits = cost(for_rate)
        if fields is not None:
            bits, y_hat = bits * fields, y_hat * fields
        self.bits = self.bits + bits.sum((1, 2, 3))
        self.found.append((channels, y_hat))
        return torch.floor(y_hat.detach() + 0.5)

    def y_hat(self) -> Tensor:
        """The quantised details (B, 9, h, w)."""
        (_, white), (_, black), (_, colours) = self.found
        return torch.cat([white + black, colours], 1)

