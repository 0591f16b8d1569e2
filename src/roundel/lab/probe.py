"""Measuring the gaps on a trained model: a quantiser is a model's argument, so a probe is a quantiser."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.lab import gaps
from roundel.training.entropy.scales import RateDistortion
from roundel.training.quantizers import Bits, Quantizer, Tested, Trained
from roundel.training.quantizers.rounding import centred

BATCH = 8


class Seen(NamedTuple):
    """What a model hands to its quantiser."""

    y: Tensor
    loc: Tensor
    bits: Bits

    @property
    def scale(self) -> Tensor:
        """σ of each latent.

        Raises:
            ModelError: the model's density is not a Gaussian.
        """
        if not isinstance(self.bits, partial) or "scale" not in self.bits.keywords:
            raise ModelError("this model predicts no scales; the gaps are of models with a hyperprior")
        return self.bits.keywords["scale"].expand_as(self.y)


class Spy:
    """Centred rounding that remembers what it was given."""

    seen: Seen

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        tested = self.test(y, loc, bits)
        return Trained(tested.y_hat, tested.y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        self.seen = Seen(y, loc, bits)
        return centred(y, loc)


@dataclass(frozen=True)
class Place:
    """These latents for decoder and rate, whatever the analysis says."""

    y_hat: Tensor

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        return Trained(self.y_hat, self.y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`; nothing is coded."""
        return Tested(self.y_hat, self.y_hat)


@dataclass(frozen=True)
class Report:
    """The gaps of one model under one quantiser. Latents and gaps are in quantisation steps."""

    quantizer: str
    pictures: int
    latents: int
    decoder_gap: gaps.Distance
    rate_gap: gaps.Distance
    g_ee_paper: float
    """Its floor for a perfect model is 0.25."""
    entropy_gap: gaps.EntropyGap
    hard_smoothness: tuple[gaps.Smoothness, ...]
    """Around the latents of files."""
    surrogate_smoothness: tuple[gaps.Smoothness, ...]
    """Around the latents of training; distortion around the decoder's, rate around the rate's."""
    train_bpp: float
    test_bpp: float
    train_psnr_db: float
    test_psnr_db: float
    y_histogram: gaps.Histogram
    residual_histogram: gaps.Histogram
    """Of y − μ."""

    @property
    def rate_difference_bpp(self) -> float:
        """How much more training estimates than files need."""
        return self.train_bpp - self.test_bpp

    @property
    def psnr_difference_db(self) -> float:
        """How much better files decode than training thinks."""
        return self.test_psnr_db - self.train_psnr_db


def measure(
    model: nn.Module, pictures: Tensor, name: str, quantizer: Quantizer, *, quality: float = 0.5,
    pairs: int = 8, seed: int = 0,
) -> Report:  # fmt: skip
    """All gaps of a model over pictures.

    Hyper-latents are rounded, except for the training rate and PSNR, where the model is as in training.

    Args:
        model: its forward takes (x, t, quantizer). pictures: uint8 (N, 3, H, W), sides multiples of 64.
        quality: t of models of many rates. pairs: draws for the smoothness score.

    Raises:
        ModelError: the model predicts no scales.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    seen: list[tuple[Tensor, ...]] = []
    results: list[tuple[RateDistortion, RateDistortion]] = []
    hard: list[list[gaps.Smoothness]] = []
    surrogate: list[list[gaps.Smoothness]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for index, batch in enumerate(pictures.split(BATCH)):
            x, t = batch.to(device).float() / 255, torch.full((len(batch),), quality, device=device)
            spy = Spy()
            with torch.no_grad():
                model.eval()
                model(x, t, spy)
                y, loc, bits = spy.seen
                trained, tested = quantizer.train(y, loc, bits), quantizer.test(y, loc, bits)
                seen.append((y, loc, spy.seen.scale, *trained, tested.y_hat))
                test = model(x, t, quantizer)
                train = model.train()(x, t, quantizer)
                model.eval()
            results.append((train, test))
            for into, places in ((hard, (tested.y_hat, tested.y_hat)), (surrogate, trained)):
                loss_of = partial(_loss, model, x, t, *places)
                generator.manual_seed(seed + index)  # the same draws around both
                into.append([s for r in gaps.RADII for s in gaps.smoothness(loss_of, y, r, generator, pairs=pairs)])
    y, loc, scale, for_decoder, for_rate, y_hat = (torch.cat([s[i].flatten() for s in seen]).cpu() for i in range(6))
    train, test = (RateDistortion(*map(torch.cat, zip(*(r[i] for r in results), strict=True))) for i in (0, 1))
    sizes = [len(batch) for batch in pictures.split(BATCH)]
    return Report(
        quantizer=name,
        pictures=len(pictures),
        latents=y.numel(),
        decoder_gap=gaps.discrete_gap(for_decoder, y_hat),
        rate_gap=gaps.discrete_gap(for_rate, y_hat),
        g_ee_paper=gaps.g_ee_paper(y_hat - loc, scale, generator),
        entropy_gap=gaps.entropy_gap(y - loc, scale),
        hard_smoothness=_mean(hard, sizes),
        surrogate_smoothness=_mean(surrogate, sizes),
        train_bpp=(train.y_bpp + train.z_bpp).mean().item(),
        test_bpp=(test.y_bpp + test.z_bpp).mean().item(),
        train_psnr_db=_psnr_db(train.mse),
        test_psnr_db=_psnr_db(test.mse),
        y_histogram=gaps.histogram(y),
        residual_histogram=gaps.histogram(y - loc),
    )


def _loss(
    model: nn.Module, x: Tensor, t: Tensor, for_decoder: Tensor, for_rate: Tensor, perturbation: Tensor
) -> gaps.Loss:
    decoded: RateDistortion = model(x, t, Place(for_decoder + perturbation))
    priced: RateDistortion = decoded if for_rate is for_decoder else model(x, t, Place(for_rate + perturbation))
    rate = priced.y_bpp + priced.z_bpp
    return gaps.Loss(decoded.mse, rate, rate + decoded.lmbda * decoded.mse)


def _mean(batches: list[list[gaps.Smoothness]], sizes: list[int]) -> tuple[gaps.Smoothness, ...]:
    """Over pictures, of each radius and direction."""
    out = []
    for same in zip(*batches, strict=True):
        values = torch.tensor([s[2:] for s in same], dtype=torch.float64)
        weights = torch.tensor(sizes, dtype=torch.float64)[:, None] / sum(sizes)
        out.append(gaps.Smoothness(same[0].radius, same[0].direction, *(values * weights).sum(0).tolist()))
    return tuple(out)


def _psnr_db(mse: Tensor) -> float:
    return (-10 * torch.log10(mse / 255**2)).mean().item()
