"""The mean-scale hyperprior behind `photo-lossy`: one network for all rates, coded by `models.lossy`."""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from roundel.entropy.densities import gaussian_bits, logistic_bits
from roundel.errors import ModelError
from roundel.exact import clamp_leaky, round_ste
from roundel.nets.context import Contexts
from roundel.nets.hyper import MAX_SYMBOL, HyperAnalysis, MeanNet, ScaleNet
from roundel.nets.quality import QualityTable
from roundel.nets.transforms import Analysis, Synthesis
from roundel.quantizers import Bits, Quantizer

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.11, 256.0
SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
"""The grid of scales: SCALE_MIN · exp(SCALE_STEP · index), index 0 … 63."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network. Source of the layout: reference of the residual hyperprior family (Minnen et al. 2018)."""

    c8: int = 128
    c16: int = 192
    latents: int = 256
    hyper: int = 96
    hyper_width: int = 192
    scale_width: int = 96
    blocks8: int = 3
    blocks16: int = 2
    anchors: int = 9
    groups: tuple[int, ...] = (16, 48, 96, 160, 256)
    """Latent channels before the end of each pass; they are in order of energy, so early passes matter most."""
    context_width: int = 0
    """Hidden channels of the nets by which a pass refines the scales of the next; 0 for none."""
    lmbda_min: float = 0.0008
    lmbda_max: float = 0.5


class RateDistortion(NamedTuple):
    """Per image of a batch (B,)."""

    y_bpp: Tensor
    z_bpp: Tensor
    mse: Tensor
    """Mean squared error with pixels in [0, 255]."""
    lmbda: Tensor

    @property
    def loss(self) -> Tensor:
        """R + λ·D in bits per pixel."""
        return self.y_bpp + self.z_bpp + self.lmbda * self.mse


def quantize(quantizer: Quantizer, y: Tensor, loc: Tensor, bits: Bits, training: bool) -> tuple[Tensor, Tensor]:
    """What the decoder and the rate see of latents y."""
    if training:
        return quantizer.train(y, loc, bits)
    y_hat = quantizer.test(y, loc, bits).y_hat
    return y_hat, y_hat


def scale_of(index: Tensor) -> Tensor:
    """Standard deviation of a (possibly straight-through) scale index."""
    return SCALE_MIN * torch.exp(SCALE_STEP * index)


class MeanScaleHyperprior(nn.Module):
    """Analysis, synthesis and hyper nets with their quality tables.

    Qualities are t in [0, 1]: λ(t) is geometric between `lmbda_min` and `lmbda_max` (R in bits per pixel, D the mean
    squared error in [0, 255], as in CompressAI). Latents are multiplied by `gain(t)` before they are rounded.

    Source: Minnen et al. 2018 (mean-scale hyperprior), Cui et al. 2021 (gains); scales from ẑ alone by integers.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = s = shape
        # High-rate theory: the step of λ is Δ² = 26/λ in 8-bit units.
        log_steps = 0.5 * torch.log(26 / self.lmbda(torch.linspace(0, 1, s.anchors))) - math.log(255)
        self.analysis = Analysis(s.c8, s.c16, s.latents, blocks8=s.blocks8, blocks16=s.blocks16, log_steps=log_steps)
        self.synthesis = Synthesis(
            s.c8, s.c16, s.latents, blocks8=s.blocks8 + 1, blocks16=s.blocks16, log_steps=log_steps
        )
        self.hyper_analysis = HyperAnalysis(s.latents, s.hyper_width, s.hyper, anchors=s.anchors)
        self.mean_net = MeanNet(s.hyper, s.hyper_width, s.latents, anchors=s.anchors)
        self.scale_net = ScaleNet(s.hyper, s.scale_width, s.latents, anchors=s.anchors)
        if tuple(sorted(set(s.groups))) != tuple(s.groups) or s.groups[-1] != s.latents:
            raise ModelError(f"groups {s.groups} do not rise to the {s.latents} latent channels")
        self.contexts = Contexts(s.groups, s.context_width)
        self.log_gain = QualityTable(s.latents, s.anchors, -log_steps[:, None])
        self.log_spread = QualityTable(s.latents, s.anchors)
        self.z_loc = QualityTable(s.hyper, s.anchors)
        self.z_log_scale = QualityTable(s.hyper, s.anchors)

    def lmbda(self, t: Tensor) -> Tensor:
        return self.shape.lmbda_min * (self.shape.lmbda_max / self.shape.lmbda_min) ** t

    @torch.no_grad()
    def initialise(self, blocks: Tensor) -> None:
        """Start as the best block transform codec of the data.

        Args:
            blocks: (N, 768) float64, pixels of 16 × 16 blocks less ½, in `pixel_unshuffle` order.
        """
        mean = blocks.mean(0)
        energy, basis = torch.linalg.eigh(torch.cov(blocks.T))
        m = self.shape.latents
        energy, basis = energy.flip(0)[:m], basis.flip(1)[:, :m].T
        self.analysis.set_basis(basis.float(), mean.float())
        self.synthesis.set_basis(basis.float(), mean.float())
        # log σ of the unit-gain latents; Laplacian-like latents are mostly smaller than their deviation says.
        # Large latents, the means of blocks above all, must not drown the others in the branches.
        steps = energy.clamp_min(0).sqrt().float() * torch.exp(self.log_gain(torch.tensor([0.5]))[0])
        for enter in (self.synthesis.enter, self.hyper_analysis.enter):
            enter.weight.mul_(1 / torch.sqrt(1 + steps)[:, None, None])
        self.log_spread.knots.copy_(torch.log(energy.clamp_min(1e-10).sqrt().float() * 0.5 / SCALE_MIN))

    def gain_offset(self, t: Tensor) -> Tensor:
        """What the quality adds to the scale indices (B, M): log gain and spread of a channel, in grid steps."""
        return (self.log_gain(t) + self.log_spread(t)) / SCALE_STEP

    def mean(self, z_hat: Tensor, t: Tensor) -> Tensor:
        """Means (B, M, h, w) in rounding steps; the net counts in a channel's usual scale, since some are hundreds."""
        usual = SCALE_MIN * torch.exp(self.log_gain(t) + self.log_spread(t))
        return self.mean_net(z_hat, t) * usual[:, :, None, None]

    def scale_index(self, z_hat: Tensor, t: Tensor) -> Tensor:
        """Scale indices (B, M, h, w) in 0 … 63 from hyper-latent symbols."""
        raw = self.scale_net(z_hat, self.scale_net.offsets(t))
        return clamp_leaky(raw + round_ste(self.gain_offset(t))[:, :, None, None], 0, SCALES - 1)

    def forward(self, x: Tensor, t: Tensor, quantizer: Quantizer) -> RateDistortion:
        """Rate and distortion of images x (B, 3, H, W) in [0, 1], sides multiples of 64, at qualities t (B,)."""
        y = self.analysis(x, t)
        gain = torch.exp(self.log_gain(t))[:, :, None, None]
        y = y.float() * gain
        z = self.hyper_analysis(y, t).float().clamp(-MAX_SYMBOL, MAX_SYMBOL)
        z_loc, z_scale = self.z_loc(t)[:, :, None, None], torch.exp(self.z_log_scale(t))[:, :, None, None]
        z_hat = round_ste(z)
        z_noisy = z + torch.rand_like(z) - 0.5 if self.training else z_hat
        mean = self.mean(z_hat, t)
        index = self.scale_index(z_hat, t)
        y_hat, for_rate = quantize(quantizer, y, mean, partial(gaussian_bits, scale=scale_of(index)), self.training)
        symbols = torch.floor(y_hat - mean + 0.5).detach()
        scale = scale_of(clamp_leaky(self.contexts(symbols, index), 0, SCALES - 1))
        x_hat = self.synthesis(y_hat, 1 / gain, t).float()
        pixels = x.shape[2] * x.shape[3]
        return RateDistortion(
            gaussian_bits(for_rate - mean, scale).sum((1, 2, 3)) / pixels,
            logistic_bits(z_noisy - z_loc, z_scale).sum((1, 2, 3)) / pixels,
            (x - x_hat).square().mean((1, 2, 3)) * 255**2,
            self.lmbda(t),
        )
