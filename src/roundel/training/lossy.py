"""Rate–distortion training of the lossy models of the literature."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from roundel.training.data import Crops
from roundel.training.quantizers import Thrifty, at

VALIDATION_QUALITY = 0.1
"""No matter to models of one rate, of which all are."""


@dataclass(frozen=True)
class Data:
    """How the pictures are used: `[data]` of a configuration."""

    scales: tuple[float, ...] = (1.0,)
    """Each picture is used at each of these sizes."""
    validation_px: int = 256
    balance: float = 0.25
    """See `LossyTask`."""
    quantizers: tuple[tuple[float, str], ...] = ((0.0, "mixed"),)
    """(fraction of training from which it holds, name or name=setting): see `roundel.quantizers.make`."""


@dataclass
class LossyTask:
    """Rate–distortion training of a model whose forward takes (x, t, quantizer) and gives a `RateDistortion`.

    Each image's loss is divided by λ^balance: at 0 the high rates own the gradient, at ½ all weigh about the same.
    """

    model: nn.Module
    crops: Crops
    validation: Tensor
    """uint8 (N, 3, H, W), sides multiples of 64."""
    balance: float = 0.25
    quantizers: tuple[tuple[float, str], ...] = ((0.0, "mixed"),)

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        return self.crops.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        # Stratified qualities: every batch sees the whole range.
        t = (torch.arange(len(x), device=x.device) + torch.rand(len(x), device=x.device)) / len(x)
        rd = model(x, t, at(self.quantizers, progress))
        weight = (rd.lmbda / 0.02) ** -self.balance
        loss = (rd.loss * weight).mean()
        seen = {"loss": loss, "bpp": (rd.y_bpp + rd.z_bpp).mean(), "psnr_db": -10 * torch.log10(rd.mse / 255**2).mean()}
        return loss, {name: value.item() for name, value in seen.items()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        device = next(model.parameters()).device
        parts = []
        for x in self.validation.split(8):
            pixels = x.to(device).float().div(255).contiguous(memory_format=torch.channels_last)
            t = torch.full((len(x),), VALIDATION_QUALITY, device=device)
            with torch.autocast(device.type, torch.bfloat16):
                rd = model(pixels, t, Thrifty())
            parts.append(torch.stack([rd.loss, rd.y_bpp + rd.z_bpp, rd.z_bpp, -10 * torch.log10(rd.mse / 255**2)]))
        loss, bpp, z_bpp, psnr = torch.cat(parts, 1).mean(1).tolist()
        return float(np.log(loss)), {"bpp": bpp, "psnr": psnr, "z_bpp": z_bpp}
