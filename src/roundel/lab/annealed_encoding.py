"""Encoding a picture harder: its latents and hyper-latents are optimised under relaxed rounding, decoders unchanged.

Source: Yang, Bamler & Mandt 2020: stochastic Gumbel annealing of a trained mean-scale hyperprior; 15 % of rate on Kodak
after 2,000 steps a picture, they say.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from roundel.lab.classic import Hyperprior
from roundel.lab.classic_coder import HyperpriorCoder
from roundel.training.quantizers import Quantizer
from roundel.training.quantizers.gumbel import AnnealedGumbel


@dataclass(frozen=True)
class Annealing:
    """How long and how fast."""

    steps: int = 300
    lr: float = 0.03
    """Of Adam, in steps of quantisation."""
    held: float = 0.35
    """Part of the steps at the first temperature."""
    last: float = 0.1
    """Temperature at the end."""
    seed: int = 0


def anneal(model: Hyperprior, x: Tensor, annealing: Annealing) -> tuple[Tensor, Tensor]:
    """Latents y and hyper-latents z, not rounded, that cost least in R + λD of pictures x (B, 3, H, W) in [0, 1]."""
    with torch.no_grad():
        y = model.analysis(x).float()
        z = model.side(y)
    y, z = y.requires_grad_(), z.requires_grad_()
    optimizer = torch.optim.Adam([y, z], annealing.lr)
    surrogate = AnnealedGumbel(annealing.last)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(annealing.seed)
        for step in range(annealing.steps):
            progress = max(0.0, step / annealing.steps - annealing.held) / (1 - annealing.held)
            z_hat, y_hat, bits = _relaxed(model, y, z, surrogate.at(progress))
            mse = (x - model.synthesis(y_hat)).square().mean() * 255**2
            loss = (bits.sum() + model.density.bits(z_hat).sum()) / x[:, 0].numel() + model.lmbda * mse
            y.grad, z.grad = torch.autograd.grad(loss, (y, z))
            optimizer.step()
    return y.detach(), z.detach()


def _relaxed(model: Hyperprior, y: Tensor, z: Tensor, surrogate: Quantizer) -> tuple[Tensor, Tensor, Tensor]:
    """Hyper-latents, latents and the latents' bits, all as if rounded."""
    z_hat = surrogate.train(z, torch.zeros_like(z), model.density.bits).for_decoder
    loc, bits = model.distribution(z_hat)
    decoder, rate = surrogate.train(y, loc, bits)
    return z_hat, decoder, bits(rate - loc)


class AnnealedCoder(HyperpriorCoder):
    """A hyperprior's codec whose encoder anneals."""

    def __init__(self, model: Hyperprior, quantizer: Quantizer, annealing: Annealing | None = None) -> None:
        super().__init__(model, quantizer)
        self.annealing = annealing or Annealing()

    def latents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `HyperpriorCoder.latents`."""
        return anneal(self.model, x, self.annealing)
