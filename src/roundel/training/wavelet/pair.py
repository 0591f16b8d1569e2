"""Training for the eye: the nets before and after the codec together, through it, on metrics of seeing.

What is minimised is the mean logarithm of the rate plus, for each metric, that of its distance times the exchange rate
of the two along the codec's own curve: a picture's loss falls by as much as its BD-rate, whatever its size. Contexts
and tables stay as they are. Butteraugli is kept out of the loss, to judge.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from roundel.training import perceptual
from roundel.training.wavelet.density import SCALES
from roundel.training.wavelet.filters import Filter
from roundel.training.wavelet.lessons import Batches
from roundel.training.wavelet.net import Choosing, WaveletNet
from roundel.training.wavelet.subbands import Said

METRICS = (
    (perceptual.ssimulacra2, 0.55, 0.3),
    (partial(perceptual.ms_ssim_loss, finest=1), 0.25, 3e-4),
    (perceptual.colour_error, 0.2, 1e-5),
)
"""A metric, its share, and what is added to its distance, so that pictures of nothing have no infinite logarithm."""
RATE_FLOOR_BPP = 0.03
QUALITIES = (0.05, 0.89)
PLACES = 6
"""Of the quality, at which exchange rates are kept."""
USUAL_RATES = torch.tensor([0.1, 0.17, 0.13, 0.1]).repeat(PLACES, 1)
ASIDE = 0.05
"""How far apart in quality, on each side, an exchange rate is measured."""
MEASURE_EVERY = 24
VALIDATION = (0.15, 0.35, 0.55)


class Pair(nn.Module):
    """The two nets."""

    def __init__(self, before: Filter, after: Filter) -> None:
        super().__init__()
        self.before, self.after = before, after


class Straight(Choosing):
    """Quantises as the encoder does; gradients go straight through the rounding, and bits have the slope that the
    tables have between whole numbers."""

    def step(self, channels: slice, said: Said, fields: Tensor | None) -> Tensor:
        """See `LevelContext.forward`."""
        y, table = self.y[:, channels], self.net.table
        with torch.no_grad():
            place = (said.scale.float() + self.offset[:, channels]).clamp(0, SCALES - 1)
            chosen = self.chosen(channels, place, said.skew, fields)
            size = ((y.abs() + chosen.odd) / 2).clamp(max=table.shape[1] - 2).floor().long()
            row = (place + 0.5 + SCALES * chosen.odd).long().clamp(max=len(table) - 1)
            slope = (table[row, size + 1] - table[row, size]) * torch.sign(y) / 2
            bits = chosen.bits(place, said.skew, table)
        bits = bits + slope * (y - y.detach())
        straight = y + (chosen.values - y).detach()
        if fields is not None:
            bits, straight = bits * fields, straight * fields
        self.bits = self.bits + bits.sum((1, 2, 3))
        self.found.append(straight)
        return chosen.values


def through(net: WaveletNet, x: Tensor, t: Tensor, tuning: Tensor, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Pictures before the filter, and bits a pixel (B,); with gradients for the pictures x (B, 3, H, W).

    Args:
        maps: factors of a bit's price (B, 1, h, w) for each level, see `codecs.wavelet.masking`.
    """
    parts = net.coefficients(x, t, tuning)
    low = torch.round(parts[0]).detach()
    price = net.get_buffer("price")[tuning][:, None, None, None]
    coded = net.code(low, t, tuning, lambda k, offset: Straight(parts[k + 1], offset, price * maps[k], net))
    symbols = [parts[0] + (low - parts[0]).detach(), *coded.symbols[1:]]
    return net.picture(symbols, t, tuning), coded.bpp + coded.low_bpp


@dataclass
class PairTask:
    """A `Task` for the pair of a tuning. Crops should be of 288 px and more: SSIMULACRA2 weighs coarse scales most."""

    net: WaveletNet
    """With trained contexts, which stay as they are."""
    model: nn.Module
    """A `Pair`, whose second net is the net's filter of the tuning."""
    crops: Batches
    validation: Tensor
    """uint8 (N, 3, H, W), sides multiples of 32."""
    tuning: int = 0
    rates: Tensor = field(default_factory=USUAL_RATES.clone)
    """(PLACES, 1 + metrics): how the logarithms of rate and of each distance change with the quality. Measured again
    and again in training; validation has the usual ones, so that its scores can be compared."""
    calls: int = 0

    def __post_init__(self) -> None:
        self.net.requires_grad_(False)
        self.model.requires_grad_(True)

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """See `Task.batch`."""
        return self.crops.batch(count, side, generator)

    def logs(self, model: nn.Module, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of the rate and of each distance (B, 1 + metrics), and the squared error of what leaves 0 … 1.

        In float32 throughout: small distances are no more than the errors of bfloat16, and have no logarithm then.
        """
        assert isinstance(model, Pair)
        tuning, step = torch.full((len(x),), self.tuning, device=x.device), self.net.step(t)
        maps = self.net.price_maps(x, tuning)
        with torch.autocast(x.device.type, enabled=False):
            linear, bpp = through(self.net, model.before(x, t, step).float().contiguous(), t, tuning, maps)
            shown = model.after(linear.contiguous(memory_format=torch.channels_last), t, step).float()
            clamped = shown.clamp(0, 1).contiguous()
            distances = [metric(x, clamped) + floor for metric, _, floor in METRICS]
            return torch.stack([bpp + RATE_FLOOR_BPP, *distances], 1).log(), (shown - clamped).square().mean()

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `Task.loss`."""
        low, high = QUALITIES
        t = low + (high - low) * (torch.arange(len(x)) + torch.rand(len(x))) / len(x)
        if self.calls % MEASURE_EVERY == 0:
            self._measure(model, x, t)
        self.calls += 1
        found, beyond = self.logs(model, x, t)
        loss = _weighed(found, t, self.rates).mean() + 3 * beyond
        return loss, {"loss": loss.item(), "log_rate": found[:, 0].mean().item(), "log_eye": found[:, 1].mean().item()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """See `Task.validate`: the loss over pictures and qualities."""
        parts = []
        for quality in VALIDATION:
            for x in self.validation.split(4):
                t = torch.full((len(x),), quality)
                parts.append(_weighed(self.logs(model, x.float().div(255), t)[0], t, USUAL_RATES))
        score = torch.cat(parts).mean().item()
        return score, {"validation": score}

    @torch.no_grad()
    def _measure(self, model: nn.Module, x: Tensor, t: Tensor) -> None:
        change = self.logs(model, x, t + ASIDE)[0] - self.logs(model, x, t - ASIDE)[0]
        change[:, 1:] *= -1
        for own, quality in zip(change, t, strict=True):
            near = 0.1 * torch.exp(-0.5 * ((torch.linspace(0, 1, PLACES) - quality) / 0.15) ** 2)[:, None]
            self.rates = self.rates * (1 - near) + near * own


def _weighed(logs: Tensor, t: Tensor, rates: Tensor) -> Tensor:
    """(B,) log-rate and log-distances at the exchange rates of the qualities t."""
    place = t * (PLACES - 1)
    low = place.floor().long().clamp(max=PLACES - 2)
    part = (place - low)[:, None]
    slopes = rates[low] * (1 - part) + rates[low + 1] * part
    shares = torch.tensor([share for _, share, _ in METRICS])
    return logs[:, 0] + (shares * slopes[:, :1] / slopes[:, 1:].clamp_min(0.01) * logs[:, 1:]).sum(1)
