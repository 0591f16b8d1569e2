"""Training of the contexts: the bits of the symbols that the encoder chooses, at all qualities and tunings at once."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from roundel.training.wavelet.tunings import TUNINGS

VALIDATION_QUALITIES = (0.1, 0.3, 0.5, 0.7, 0.9)


class Batches(Protocol):
    """Where crops come from."""

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """uint8 (count, 3, side, side)."""
        ...


def drawn(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Qualities (count,), stratified, so that every batch sees the whole range, and a tuning for each."""
    t = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    return t, torch.randint(len(TUNINGS), (count,), device=device)


@dataclass
class ContextTask:
    """Bits of the details and of the low band, relative to what pictures cost at their quality."""

    model: nn.Module
    crops: Batches
    validation: Tensor
    """uint8 (N, 3, H, W), sides multiples of 32."""

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        return self.crops.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        t, tuning = drawn(len(x), x.device)
        coded = model(x, t, tuning)
        # Bits fall about as the rounding step does: all qualities weigh the same so.
        weight = self.model.step(t) * 255 / 30
        bpp = coded.bpp + coded.low_bpp
        loss = (bpp * weight).mean()
        return loss, {"loss": loss.item(), "bpp": bpp.mean().item()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        total, values = 0.0, {}
        for number, tuning in enumerate(TUNINGS):
            for quality in VALIDATION_QUALITIES:
                parts = []
                for x in self.validation.split(8):
                    pixels = x.float().div(255).contiguous(memory_format=torch.channels_last)
                    t, kind = torch.full((len(x),), quality), torch.full((len(x),), number)
                    with torch.autocast("cpu", torch.bfloat16):
                        coded = model(pixels, t, kind)
                    parts.append(coded.bpp + coded.low_bpp)
                bpp = torch.cat(parts).mean().item()
                total += np.log(bpp) / len(VALIDATION_QUALITIES) / len(TUNINGS)
                values[f"{tuning.name}_{quality}"] = bpp
        return total, values
