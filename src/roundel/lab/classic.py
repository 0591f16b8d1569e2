"""The lossy models of the literature, for research: factorized prior, scale hyperprior, mean-scale hyperprior.

They train at one λ each; `lab.classic_coder` makes bytes of them. The model that makes files is the wavelet codec.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.lab.gdn import GDN
from roundel.lab.spectral import ChannelGain, bound
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.entropy.factorized import Factorized
from roundel.training.entropy.scales import SCALE_MIN, RateDistortion, quantize
from roundel.training.quantizers import Bits, Quantizer
from roundel.training.quantizers.learned_steps import Divide, LearnedSteps, Multiply


@dataclass(frozen=True)
class Size:
    """Channels of the hidden layers and of the latents, and the λ that the model is trained for."""

    n: int = 128
    m: int = 192
    lmbda: float = 0.013
    spectral: tuple[str, ...] = ()
    """Which of "analysis" and "synthesis" have convolutions of bounded spectral norm, and gains for latents."""
    spectral_limit: float = 1.0


def conv(c_in: int, c_out: int, kernel: int = 5, stride: int = 2) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2)


def up(c_in: int, c_out: int, kernel: int = 5, stride: int = 2) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(c_in, c_out, kernel, stride, kernel // 2, output_padding=stride - 1)


def analysis(n: int, m: int) -> nn.Sequential:
    """Pixels (B, 3, H, W) to latents (B, m, H/16, W/16)."""
    return nn.Sequential(conv(3, n), GDN(n), conv(n, n), GDN(n), conv(n, n), GDN(n), conv(n, m))


def synthesis(n: int, m: int) -> nn.Sequential:
    """The mirror of `analysis`."""
    gdn = [GDN(n, inverse=True) for _ in range(3)]
    return nn.Sequential(up(m, n), gdn[0], up(n, n), gdn[1], up(n, n), gdn[2], up(n, 3))


def transforms(size: Size) -> tuple[nn.Sequential, nn.Sequential]:
    """Analysis and synthesis, bounded where the size says so.

    Source of the bounds: three-gaps paper, section 4 (analysis) and figure 4 (all convolutions). A hard norm of 1
    leaves latents of pixels in [0, 1] no room at high rates, hence the learned gains between the two.
    """
    if unknown := set(size.spectral) - {"analysis", "synthesis"}:
        raise ModelError(f"spectral: unknown net {sorted(unknown)[0]!r}; known: analysis, synthesis")
    forward, back = analysis(size.n, size.m), synthesis(size.n, size.m)
    if "analysis" in size.spectral:
        bound(forward, size.spectral_limit)
        forward.append(ChannelGain(size.m))
    if "synthesis" in size.spectral:
        bound(back, size.spectral_limit)
        back.insert(0, ChannelGain(size.m))
    return forward, back


class Priced(NamedTuple):
    """Latents as the decoder sees them, (B, m, h, w), and the bits of each and of each hyper-latent."""

    decoder: Tensor
    y_bits: Tensor
    z_bits: Tensor


class Model(nn.Module):
    """Transforms around an entropy model, which subclasses are: `price`."""

    def __init__(self, size: Size, nets: tuple[nn.Sequential, nn.Sequential]) -> None:
        super().__init__()
        self.lmbda = size.lmbda
        self.analysis, self.synthesis = nets

    def price(self, y: Tensor, quantizer: Quantizer) -> Priced:
        """What latents (B, m, h, w) cost, h and w multiples of 4, in training or as files hold them."""
        raise NotImplementedError

    def forward(self, x: Tensor, t: Tensor, quantizer: Quantizer) -> RateDistortion:
        """Rates and distortion of x (B, 3, H, W) in [0, 1], sides multiples of 64; t is not used: λ is fixed."""
        decoder, y_bits, z_bits = self.price(self.analysis(x).float(), quantizer)
        mse = (x - self.synthesis(decoder).float()).square().mean((1, 2, 3)) * 255**2
        y_bpp, z_bpp = (bits.sum((1, 2, 3)) / (x.shape[2] * x.shape[3]) for bits in (y_bits, z_bits))
        return RateDistortion(y_bpp, z_bpp, mse, torch.full_like(mse, self.lmbda))


class FactorizedPrior(Model):
    """Latents coded under one learned density per channel. Source: Ballé et al. 2017, the density of 2018."""

    def __init__(self, size: Size) -> None:
        super().__init__(size, transforms(size))
        self.density = Factorized(size.m)

    def bits(self, v: Tensor) -> Tensor:
        """Of symbols, or of latents with noise, (B, m, h, w)."""
        return self.density.bits(v)

    def price(self, y: Tensor, quantizer: Quantizer) -> Priced:
        """See `Model.price`; there are no hyper-latents."""
        decoder, rate = quantize(quantizer, y, torch.zeros_like(y), self.bits, self.training)
        return Priced(decoder, self.bits(rate), torch.zeros_like(y[:, :1]))


class SteppedPrior(FactorizedPrior):
    """A factorized prior with a learned step for each channel of latents: one training, files of many rates.

    Source: Dumas et al. 2018, who scale the steps of a trained network; with the density of Ballé et al. 2018.
    """

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.steps = LearnedSteps((size.m, 1, 1))
        self.analysis.append(Divide(self.steps))
        self.synthesis.insert(0, Multiply(self.steps))

    def bits(self, v: Tensor) -> Tensor:
        """See `FactorizedPrior.bits`: the density is that of latents, in steps as wide as they were in training."""
        return self.density.bits(v * self.steps.factor, self.steps.factor)


class Hyperprior(Model):
    """Latents coded as Gaussians whose scales, and means if `means`, come from a hyper-latent.

    Source: Ballé et al. 2018 (scales, from |y|), Minnen et al. 2018 without its context model (means too).
    """

    def __init__(self, size: Size, *, means: bool) -> None:
        super().__init__(size, transforms(size))
        n, m = size.n, size.m
        self.means = means
        self.density = Factorized(n)
        relu = nn.ReLU()
        self.hyper_analysis = nn.Sequential(conv(m, n, 3, 1), relu, conv(n, n), relu, conv(n, n))
        wide, out = (m * 3 // 2, 2 * m) if means else (n, m)
        self.hyper_synthesis = nn.Sequential(up(n, n), relu, up(n, wide), relu, conv(wide, out, 3, 1))

    def side(self, y: Tensor) -> Tensor:
        """Hyper-latents (B, n, h/4, w/4), not rounded, of latents (B, m, h, w)."""
        return self.hyper_analysis(y if self.means else y.abs()).float()

    def predict(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the latents."""
        hyper = self.hyper_synthesis(z_hat).float()
        scale, mean = hyper.chunk(2, 1) if self.means else (hyper, torch.zeros_like(hyper))
        return mean, SCALE_MIN + F.softplus(scale)

    def distribution(self, z_hat: Tensor) -> tuple[Tensor, Bits]:
        """Means of the latents, and what residuals cost."""
        mean, scale = self.predict(z_hat)
        return mean, partial(gaussian_bits, scale=scale)

    def price(self, y: Tensor, quantizer: Quantizer) -> Priced:
        """See `Model.price`."""
        z = self.side(y)
        # The side information is always trained with noise and coded by rounding.
        z_hat = z + torch.rand_like(z) - 0.5 if self.training else torch.floor(z + 0.5)
        mean, bits = self.distribution(z_hat)
        decoder, rate = quantize(quantizer, y, mean, bits, self.training)
        return Priced(decoder, bits(rate - mean), self.density.bits(z_hat))
