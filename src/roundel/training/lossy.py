"""Training of the lossy models: all rates at once, each image of a batch at its own quality."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from roundel.training.data import Crops
from roundel.training.quantizers import Thrifty, at
from roundel.training.wavelet.net import WaveletNet

VALIDATION_QUALITIES = (0.1, 0.3, 0.5, 0.7, 0.9)


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
        return loss, {"loss": loss.item(), "y_bpp": rd.y_bpp.mean().item(), "z_bpp": rd.z_bpp.mean().item()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        device = next(model.parameters()).device
        total = 0.0
        values: dict[str, float] = {}
        fixed_rate = not isinstance(model, WaveletNet)
        qualities = VALIDATION_QUALITIES[:1] if fixed_rate else VALIDATION_QUALITIES
        for quality in qualities:
            parts = []
            for x in self.validation.split(8):
                pixels = x.to(device).float().div(255).contiguous(memory_format=torch.channels_last)
                with torch.autocast(device.type, torch.bfloat16):
                    rd = model(pixels, torch.full((len(x),), quality, device=device), Thrifty())
                parts.append(torch.stack([rd.loss, rd.y_bpp + rd.z_bpp, rd.z_bpp, -10 * torch.log10(rd.mse / 255**2)]))
            loss, bpp, z_bpp, psnr = torch.cat(parts, 1).mean(1).tolist()
            total += np.log(loss) / len(qualities)
            values |= {f"bpp_{quality}": bpp, f"psnr_{quality}": psnr, f"z_{quality}": z_bpp}
        return total, values
