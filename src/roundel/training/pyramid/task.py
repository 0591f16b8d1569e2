"""Training the lossless pyramid: bits of all levels of random crops, or of whole small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from roundel.codecs.pyramid.distribution import LOG_SCALE_RANGE, LOG_UNIT, TAIL_RANGE
from roundel.errors import ImageError
from roundel.image import cifar
from roundel.training import data
from roundel.training.entropy.mixture import mixture_bits
from roundel.training.pyramid.net import Pyramid, to_ycocg
from roundel.training.pyramid.rounding import Rounding, set_rounding
from roundel.training.pyramid.step import MEAN_UNIT

VALIDATION_BATCH = 50
CIFAR_HELD = 1000


class Source(Protocol):
    """Where training pictures come from."""

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Pictures, uint8 (count, 3, side, side), drawn with this generator only."""
        ...


@dataclass
class Flips:
    """Whole small pictures, half of them mirrored. Args: images uint8 (N, 3, S, S)."""

    images: Tensor

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """`count` pictures, uint8 (count, 3, S, S); `side` must be S."""
        if side != self.images.shape[3]:
            raise ImageError(f"pictures have side {self.images.shape[3]}, the configuration asks for {side}")
        x = self.images[torch.from_numpy(generator.integers(len(self.images), size=count))]
        mirrored = torch.from_numpy(generator.random(count) < 0.5)[:, None, None, None]
        return torch.where(mirrored, x.flip(3), x)


@dataclass
class PyramidTask:
    """Minimises bits per subpixel.

    Args:
        deep_every: levels beyond the third, small and slow, are trained at one step in so many.
    """

    model: nn.Module
    source: Source
    validation: Tensor
    deep_every: int = 4
    rounding: Rounding = field(default_factory=Rounding)

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Training pictures, uint8 (count, 3, side, side)."""
        return self.source.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Bits per subpixel of a batch in [0, 1]; without the coarsest levels, it misses 2 %."""
        levels = 99 if int(torch.randint(self.deep_every, ())) == 0 else 3
        bits = pyramid_bits(model, x, levels)
        loss = sum(bits[1:], bits[0]) / x.numel()
        return loss, {"loss": float(loss.detach()), "finest": float(bits[0].detach()) / x.numel()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """Bits per subpixel of the validation pictures, all levels."""
        total = 0.0
        for x in self.validation.split(VALIDATION_BATCH):
            with torch.autocast("cpu", torch.bfloat16):
                total += float(sum(pyramid_bits(model, x.float() / 255, 99)))
        return total / self.validation.numel(), {}


def pyramid_bits(model: nn.Module, x: Tensor, levels: int) -> list[Tensor]:
    """Bits of each level, finest first, of pictures (B, 3, S, S) in [0, 1], S a power of two; `levels` at most."""
    x = to_ycocg(torch.floor(x * 255 + 0.5))
    bits: list[Tensor] = []
    while x.shape[3] > 1 and len(bits) < levels:
        samples, predicted = model(x, len(bits))
        log_scale = (predicted.log_scale / LOG_UNIT).clamp(*LOG_SCALE_RANGE)
        tail = (predicted.tail / LOG_UNIT).clamp(*TAIL_RANGE)
        bits.append(mixture_bits(samples - predicted.mean / MEAN_UNIT, log_scale, tail).sum())
        x = x[:, :, ::2, ::2]
    return bits


def load_pictures(paths: Sequence[Path]) -> list[np.ndarray]:
    """Pictures, uint8 (H, W, 3); those stored as JPEG are halved by averaging, which removes most of its traces."""
    images = []
    for path in paths:
        with Image.open(path) as file:
            picture = file.convert("RGB")
            if file.format == "JPEG":
                picture = picture.reduce(2)
        images.append(np.asarray(picture))
    return images


@dataclass(frozen=True)
class Data:
    """The [data] table of a configuration."""

    cifar: bool = False
    """The folder holds CIFAR-10 binary batches: train on the training ones but for the last 1,000 pictures."""
    hold_out: int = 0
    """Keep the last so many pictures, by name, out of training, instead of every tenth."""
    validation_px: int = 128
    """Validation uses the middle of each held-out picture, with this side."""


def build(model: Pyramid, settings: Data, folders: Sequence[Path], rounding: Rounding | None = None) -> PyramidTask:
    """The task that a configuration and its folders make. Raises: ImageError, see `sources`."""
    rounding = rounding or Rounding()
    set_rounding(model, on=rounding.in_loop)
    source, validation = sources(settings, folders)
    return PyramidTask(model, source, validation, rounding=rounding)


def sources(settings: Data, folders: Sequence[Path]) -> tuple[Source, Tensor]:
    """Where training pictures come from, and the validation pictures, uint8 (N, 3, S, S).

    Raises:
        ImageError: a folder does not hold what the configuration says.
    """
    if settings.cifar:
        batches = sorted(folders[0].glob("data_batch_*.bin"))
        if not batches:
            raise ImageError(f"{folders[0]}: no CIFAR-10 training batches (data_batch_*.bin)")
        images = torch.from_numpy(cifar.read(batches)[0]).permute(0, 3, 1, 2).contiguous()
        return Flips(images[:-CIFAR_HELD]), images[-CIFAR_HELD:]
    paths = data.find_images(folders)
    held = settings.hold_out
    training, validating = (paths[:-held], paths[-held:]) if held else data.split(paths)
    return data.Crops(load_pictures(training)), data.centre_crops(load_pictures(validating), settings.validation_px)
