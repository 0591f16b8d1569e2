"""Joint autoregressive and hierarchical priors: latents predicted from a hyper-latent and from those decoded before.

They differ in the order of decoding (`context`), in what is predicted (`heads`) and in the transforms (`classic`,
`attention`). The two papers round on the integers; here any quantiser may, around the predicted means too.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.lab import attention
from roundel.lab.classic import Model, Priced, Size, conv, transforms, up
from roundel.lab.context import MARGIN, Checkerboard, Context, Order, Raster, Step
from roundel.lab.heads import GaussianHead, Head, MixtureHead, Prediction
from roundel.training.entropy.factorized import Factorized
from roundel.training.quantizers import Quantizer

Act = Callable[[Step, Prediction], Tensor]
"""What to make of a step's latents: their decoded values (B, m, P, 1)."""


class ContextPrior(Model):
    """A hyperprior whose predictions also look at a window of decoded latents.

    Source: Minnen et al. 2018; for other heads and transforms Cheng et al. 2020, for the other order He et al. 2021.
    """

    def __init__(self, size: Size, order: Order, head: Head, nets: tuple[nn.Sequential, nn.Sequential]) -> None:
        super().__init__(size, nets)
        n, m = size.n, size.m
        self.order, self.head = order, head
        self.density = Factorized(n)
        relu = nn.LeakyReLU()
        self.hyper_analysis = nn.Sequential(conv(m, n, 3, 1), relu, conv(n, n), relu, conv(n, n))
        self.hyper_synthesis = nn.Sequential(up(n, n), relu, up(n, m * 3 // 2), relu, conv(m * 3 // 2, 2 * m, 3, 1))
        self.context = Context(m, 2 * m, order)
        widths = (4 * m, 3 * m, 3 * m, head.outputs * m)
        first, second, last = (nn.Conv2d(a, b, 1) for a, b in pairwise(widths))
        self.joined = nn.Sequential(first, relu, second, relu, last)

    def side(self, y: Tensor) -> Tensor:
        """Hyper-latents (B, n, h/4, w/4), not rounded, of latents (B, m, h, w)."""
        z: Tensor = self.hyper_analysis(y).float()
        return z

    def price(self, y: Tensor, quantizer: Quantizer) -> Priced:
        """See `Model.price`.

        At test latents are rounded step by step, as the coder does, each knowing what its forerunners decode to. In
        training all at once, and they know of them what the quantiser shows a rate that expects 0 everywhere.
        """
        z = self.side(y)
        if self.training:
            z_hat = z + torch.rand_like(z) - 0.5
            known = quantizer.train(y, torch.zeros_like(y), torch.zeros_like).for_rate
            predicted = self._predict(self.hyper_synthesis(z_hat).float(), self.context(known))
            decoder, rate = quantizer.train(y, predicted.loc, predicted.bits)
            return Priced(decoder, predicted.bits(rate - predicted.loc), self.density.bits(z_hat))
        z_hat, y_bits = torch.floor(z + 0.5), torch.zeros_like(y)

        def act(step: Step, predicted: Prediction) -> Tensor:
            part = y[:, :, step.rows, step.columns][..., None]
            y_hat = quantizer.test(part, predicted.loc, predicted.bits).y_hat
            y_bits[:, :, step.rows, step.columns] = predicted.bits(y_hat - predicted.loc)[..., 0]
            return y_hat

        return Priced(self.walk(z_hat, act), y_bits, self.density.bits(z_hat))

    def walk(self, z_hat: Tensor, act: Act) -> Tensor:
        """Latents (B, m, h, w), step by step, of rounded hyper-latents; `act` says what each step's are."""
        hyper = self.hyper_synthesis(z_hat).float()
        padded = F.pad(torch.zeros_like(hyper[:, : hyper.shape[1] // 2]), (MARGIN,) * 4)
        for step in self.order.steps(*hyper.shape[2:]):
            seen = self.context.at(padded, step)
            predicted = self._predict(hyper[:, :, step.rows, step.columns][..., None], seen)
            padded[:, :, step.rows + MARGIN, step.columns + MARGIN] = act(step, predicted)[..., 0]
        return padded[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]

    def _predict(self, hyper: Tensor, seen: Tensor) -> Prediction:
        return self.head(self.joined(torch.cat([hyper, seen.to(hyper)], 1)))


def joint_raster(size: Size) -> ContextPrior:
    """Gaussians, raster order. Source: Minnen et al. 2018."""
    return ContextPrior(size, Raster(), GaussianHead(), transforms(size))


def joint_checkerboard(size: Size) -> ContextPrior:
    """Gaussians, two steps. Source: He et al. 2021."""
    return ContextPrior(size, Checkerboard(), GaussianHead(), transforms(size))


def mixture_raster(size: Size) -> ContextPrior:
    """Mixtures of three Gaussians over the plain transforms: what the mixture does by itself."""
    return ContextPrior(size, Raster(), MixtureHead(), transforms(size))


def attention_raster(size: Size) -> ContextPrior:
    """Mixtures of three Gaussians, transforms with attention, raster order. Source: Cheng et al. 2020."""
    return ContextPrior(size, Raster(), MixtureHead(), _attentive(size))


def attention_checkerboard(size: Size) -> ContextPrior:
    """The same in two steps. Source: He et al. 2021, of Cheng et al. 2020."""
    return ContextPrior(size, Checkerboard(), MixtureHead(), _attentive(size))


def _attentive(size: Size) -> tuple[nn.Sequential, nn.Sequential]:
    if size.spectral:
        raise ModelError(f"spectral = {list(size.spectral)}: transforms with attention have no bounded norms; leave it")
    return attention.analysis(size.n, size.m), attention.synthesis(size.n, size.m)
