"""Training of the wavelet model: bits by its contexts, fidelity by its filters, all qualities and tunings at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.weights import read as read_weights
from roundel.training import data
from roundel.training.wavelet.lessons import USUAL_STEP, Batches, LessonTask, lessons
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from roundel.training.wavelet.pictures import Mixed
from roundel.training.wavelet.tunings import TUNINGS

VALIDATION_QUALITIES = (0.1, 0.3, 0.5, 0.7, 0.9)


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
    teacher: str = ""
    """A weights file whose encoder is learned from, see `lessons`; else nets learn from their own choices, and the
    pre-filter is not trained."""
    lessons: int = 6000
    """So many crops of `lesson_px` are encoded by the teacher before training begins."""
    lesson_px: int = 192


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
        coded = model(x, t, tuning)
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
                        coded = model(pixels, t, tunings)
                    parts.append(coded.bpp + coded.low_bpp)
                bpp = torch.cat(parts).mean().item()
                total += float(np.log(bpp)) / len(VALIDATION_QUALITIES) / len(TUNINGS)
                values[f"{tuning.name}_{quality}"] = bpp
        return total, values


def build(shape: WaveletShape, settings: Data, folders: Sequence[Path], seed: int) -> WaveletTask | LessonTask:
    """The task on the pictures in folders, and a model that starts with their spreads.

    Raises:
        ImageError: a folder holds no pictures, or none large enough.
        ModelError: the teacher's weights are missing or damaged.
    """
    training, validating = data.split(data.find_images(folders))
    images = data.load(training, settings.scales)
    crops = data.Crops(images)
    model = WaveletNet(shape)
    model.initialise(crops.batch(64, settings.validation_px, np.random.default_rng(seed)).float().div(255))
    mixed = Mixed(crops, settings.drawn, settings.patched)
    if not settings.teacher:
        validation = data.centre_crops(data.load(validating), settings.validation_px)
        return WaveletTask(model, mixed, validation, settings.filters)
    teacher = WaveletModel.load(read_weights(Path(settings.teacher)), name="", model_id=0)
    model.t_of_quality.copy_(torch.from_numpy(teacher.stored.weights.tensor("t_of_quality")))
    held = data.Crops(data.load(validating, settings.scales))
    sets = [
        lessons(teacher, source, count, settings.lesson_px, np.random.default_rng([seed, count]))
        for source, count in ((mixed, settings.lessons), (held, settings.lessons // 10))
    ]
    return LessonTask(model, *sets)
