"""Training one quantiser of the bench: what the gaps are while it goes on."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from roundel.lab.probe import Report, measure
from roundel.training.data import Crops
from roundel.training.quantizers import Quantizer, at

WATCHED = 8
"""Validation pictures that the gaps are measured on: enough for curves, quick enough to draw many points."""
PAIRS = 2


@dataclass
class BenchTask:
    """Training of a model with Gaussian latents at one λ, validated as its surrogate rounds at test.

    The log has the gaps of the surrogate that training uses at the moment, on the averaged weights: see `watched`.
    """

    model: nn.Module
    crops: Crops
    validation: Tensor
    """uint8 (N, 3, H, W), sides multiples of 64."""
    quantizers: tuple[tuple[float, str], ...]
    """(fraction of training from which it holds, name or name=setting)."""
    surrogate: Quantizer = field(init=False)
    """Of the latest step."""

    def __post_init__(self) -> None:
        self.surrogate = at(self.quantizers, 0.0)

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """See `Task.batch`."""
        return self.crops.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `Task.loss`."""
        self.surrogate = at(self.quantizers, progress)
        rd = model(x, torch.zeros(len(x), device=x.device), self.surrogate)
        loss = rd.loss.mean()
        seen = {"loss": loss, "bpp": (rd.y_bpp + rd.z_bpp).mean(), "psnr_db": -10 * torch.log10(rd.mse / 255**2).mean()}
        return loss, {name: value.item() for name, value in seen.items()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """See `Task.validate`; the score is R + λD at test."""
        device = next(model.parameters()).device
        parts = []
        for batch in self.validation.split(8):
            x = batch.to(device).float().div(255)
            rd = model(x, torch.zeros(len(x), device=device), self.surrogate)
            parts.append(torch.stack([rd.loss, rd.y_bpp + rd.z_bpp, rd.z_bpp, -10 * torch.log10(rd.mse / 255**2)]))
        score, bpp, z_bpp, psnr_db = torch.cat(parts, 1).mean(1).tolist()
        report = measure(model, self.validation[:WATCHED], "", self.surrogate, pairs=PAIRS)
        model.eval()
        values = {"bpp": bpp, "z_bpp": z_bpp, "psnr_db": psnr_db, **watched(report)}
        return score, {k: v for k, v in values.items() if np.isfinite(v)}


def watched(report: Report) -> dict[str, float]:
    """The gaps as numbers of a log: discrete (`gd_`, mean |·| in steps), entropy (`gee_`), smoothness (`lss_`)."""
    found = {
        "gd_decoder": report.decoder_gap.mean_abs,
        "gd_rate": report.rate_gap.mean_abs,
        "gee_paper": report.g_ee_paper,
        "gee_kl_bits": report.entropy_gap.kl_bits,
        "gee_w1": report.entropy_gap.w1,
        "train_minus_test_bpp": report.rate_difference_bpp,
        "test_minus_train_psnr_db": report.psnr_difference_db,
    }
    for where, scores in (("hard", report.hard_smoothness), ("train", report.surrogate_smoothness)):
        for score in scores:
            if score.direction == "random":
                found[f"lss_{where}_{score.radius:g}"] = score.total
    return found
