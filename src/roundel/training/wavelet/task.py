"""Training of the wavelet model: bits by its contexts, fidelity by its filters, all qualities and tunings at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from roundel.codecs.wavelet.stored import Stored
from roundel.codecs.wavelet.stored import read as read_stored
from roundel.codecs.weights import read as read_weights
from roundel.errors import ImageError
from roundel.training import data
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from roundel.training.wavelet.pictures import Mixed
from roundel.training.wavelet.tunings import TUNINGS

VALIDATION_QUALITIES = (0.1, 0.3, 0.5, 0.7, 0.9)
USUAL_STEP = 30.0
"""Rounding step, in pixel values, at which a bit per pixel counts as it is."""


@dataclass(frozen=True)
class Data:
    """How the pictures are used: `[data]` of a configuration."""

    scales: tuple[float, ...] = (1.0,)
    """Each picture is used at each of these sizes."""
    validation_px: int = 256
    drawn: float = 0.05
    """Share of the crops that are drawn, not photographed: checkers, text, screens."""
    patched: float = 0.04
    """Share with a drawn patch in it."""
    filters: bool = True
    """Whether filters are trained along, by squared error; else bits alone are."""
    prepared: str = ""
    """A weights file whose encoder prepares the pictures, as it does before it codes them; filters must be off."""


class Batches(Protocol):
    """Where crops come from."""

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """uint8 (count, 3, side, side)."""
        ...


@dataclass
class WaveletTask:
    """Bits relative to what pictures cost at their quality, and squared errors after the filter in steps².

    The two share no parameter: symbols are the encoder's, so that nothing before them is trained.
    """

    model: nn.Module
    crops: Batches
    validation: Tensor
    """uint8 (N, 3, H, W), sides multiples of 32."""
    filters: bool = True
    encoder: Stored | None = None
    """What prepares pictures for a tuning."""

    @property
    def net(self) -> WaveletNet:
        """The model by its type."""
        assert isinstance(self.model, WaveletNet)
        return self.model

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """See `Task.batch`."""
        return self.crops.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `Task.loss`. Qualities are stratified: every batch sees the whole range."""
        t = (torch.arange(len(x), device=x.device) + torch.rand(len(x), device=x.device)) / len(x)
        tuning = torch.randint(len(TUNINGS), (len(x),), device=x.device)
        coded = model(x, t, tuning, self._prepared(x, t, tuning))
        step = self.net.step(t)
        # Bits fall about as the rounding step grows: all qualities weigh the same so.
        bpp = coded.bpp + coded.low_bpp
        loss = (bpp * step * 255 / USUAL_STEP).mean()
        values = {"loss": loss.item(), "bpp": bpp.mean().item()}
        if self.filters:
            with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
                linear = self.net.picture([s.float() for s in coded.symbols], t, tuning)
            filtered = self.net.filter(linear.contiguous(memory_format=torch.channels_last), t, tuning)
            mse = (filtered - x).square().mean((1, 2, 3))
            error = (mse / step**2).mean()
            loss = loss + error
            psnr_db = -10 * torch.log10(mse.detach()).mean()
            values |= {"error": error.item(), "loss": loss.item(), "psnr_db": psnr_db.item()}
        return loss, values

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """See `Task.validate`: the mean logarithm of the bits a pixel."""
        device = next(model.parameters()).device
        total, values = 0.0, {}
        for number, tuning in enumerate(TUNINGS):
            for quality in VALIDATION_QUALITIES:
                parts = []
                for x in self.validation.split(8):
                    pixels = x.to(device).float().div(255).contiguous(memory_format=torch.channels_last)
                    t = torch.full((len(x),), quality, device=device)
                    tunings = torch.full((len(x),), number, device=device)
                    with torch.autocast(device.type, torch.bfloat16):
                        coded = model(pixels, t, tunings, self._prepared(pixels, t, tunings))
                    parts.append(coded.bpp + coded.low_bpp)
                bpp = torch.cat(parts).mean().item()
                total += float(np.log(bpp)) / len(VALIDATION_QUALITIES) / len(TUNINGS)
                values[f"{tuning.name}_{quality}"] = bpp
        return total, values

    def _prepared(self, x: Tensor, t: Tensor, tuning: Tensor) -> Tensor | None:
        """Pictures (B, 3, H, W) in [0, 1] as they are coded, if the encoder does something to them first."""
        if self.encoder is None:
            return None
        known = torch.from_numpy(self.encoder.weights.tensor("t_of_quality"))
        out = x.clone()
        for at, (own, number) in enumerate(zip(t.tolist(), tuning.tolist(), strict=True)):
            preparation = self.encoder.preparation(number, int((known - own).abs().argmin()))
            if preparation is not None:
                pixels = np.ascontiguousarray(x[at].float().mul(255).permute(1, 2, 0).cpu().numpy())
                found = torch.from_numpy(preparation.prepared(pixels)).permute(2, 0, 1)
                out[at] = found.div(255).to(x)
        return out


def build(shape: WaveletShape, settings: Data, folders: Sequence[Path], seed: int) -> WaveletTask:
    """The task on the pictures in folders, and a model that starts with their spreads.

    Raises:
        ImageError: a folder holds no pictures, or none large enough; filters are to be trained on prepared pictures.
        ModelError: the weights that prepare them are missing or damaged.
    """
    training, validating = data.split(data.find_images(folders))
    images = data.load(training, settings.scales)
    crops = data.Crops(images)
    model = WaveletNet(shape)
    model.initialise(crops.batch(64, settings.validation_px, np.random.default_rng(seed)).float().div(255))
    validation = data.centre_crops(data.load(validating), settings.validation_px)
    encoder = read_stored(read_weights(Path(settings.prepared))) if settings.prepared else None
    if encoder and settings.filters:
        raise ImageError("pictures that are prepared are not what filters are to restore: set filters = false")
    mixed = Mixed(crops, settings.drawn, settings.patched)
    return WaveletTask(model, mixed, validation, settings.filters, encoder)
