"""Training discrete autoencoders: binary cross-entropy and, if wanted, the rate of the codes under a learned prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.coding import encode
from roundel.entropy.categorical import to_symbols
from roundel.lab import lossless
from roundel.lab.lossless import Data, Source
from roundel.lab.train import Task
from roundel.models import autoencoder_weights
from roundel.models.autoencoder import AutoencoderShape, DiscreteAutoencoder
from roundel.quantizers.annealing import temperature
from roundel.quantizers.usage import histogram, of_histogram

VALIDATION_BATCH = 100


@dataclass(frozen=True)
class Objective:
    """`[objective]` of a configuration: BCE + λ·R + β·E − γ·H and the bottleneck's own loss; BCE in nats per subpixel.

    Source: FSQ paper, eq. 11, made well-posed: its two errors as one, its rate as a cost, its diversity as a knob.
    """

    lmbda: float = 0.0
    """Nats that a bit of R, the rate per subpixel under the prior, is worth; ln 2 makes a likelihood bound."""
    beta: float = 0.0
    """E: mean squared distance of latents from their code, in steps, with the code fixed."""
    gamma: float = 0.0
    """H: mean entropy of the batch's mean soft assignment, in bits per code channel."""
    anneal: bool = True
    """Soft rounding from T = 1 to 0.1 over the first 90 % of training; off, straight-through from the start."""


@dataclass
class FSQTask:
    """Trains a `DiscreteAutoencoder`. The prior learns from the codes as they are, whatever λ is.

    Args:
        validation: uint8 (N, 3, H, W).
    """

    model: nn.Module
    source: Source
    validation: Tensor
    objective: Objective

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Training pictures, uint8 (count, 3, side, side)."""
        return self.source.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The objective of pictures in [0, 1]; logs the hard bits of a picture and the softness."""
        softness = temperature(progress) if self.objective.anneal else 0.0
        found = model(x, softness)
        bce = F.binary_cross_entropy_with_logits(found.logits.float(), x)
        loss = bce + found.codes.loss + found.bits.sum() / x.numel()
        if self.objective.lmbda:
            loss = loss + self.objective.lmbda * found.rate.sum() / x.numel()
        position = found.codes.position
        if self.objective.beta:
            loss = loss + self.objective.beta * F.mse_loss(position, found.codes.codes.float())
        if self.objective.gamma:
            assert isinstance(self.model, DiscreteAutoencoder)
            loss = loss - self.objective.gamma * self.model.prior.diversity_bits(position).mean()
        bits = float(found.bits.detach().mean())
        values = {"loss": float(loss.detach()), "bce": float(bce.detach()), "bits": bits, "temperature": softness}
        return loss, values

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """BCE + λ·bits with hard rounding. Logs, per picture, bits under the prior and in one real stream of all."""
        assert isinstance(model, DiscreteAutoencoder)
        device = next(model.parameters()).device
        bce = squared = bits = 0.0
        parts = []
        for pixels in self.validation.split(VALIDATION_BATCH):
            x = pixels.to(device).float() / 255
            found = model(x)
            bce += float(F.binary_cross_entropy_with_logits(found.logits, x, reduction="sum"))
            # The decoder's picture, from codes alone and in whole levels.
            x_hat = torch.floor(model.decode(found.codes.codes, x.shape[2], x.shape[3]) * 255 + 0.5) / 255
            squared += float((x - x_hat).square().sum())
            bits += float(found.bits.sum())
            parts.append(found.codes.codes.cpu())
        codes, levels, subpixels = torch.cat(parts), model.bottleneck.levels, self.validation.numel()
        coded = encode(*to_symbols(codes, levels), model.prior.tables())
        used = of_histogram(histogram(codes, levels))
        pictures = len(self.validation)
        score = (bce + self.objective.lmbda * bits) / subpixels
        return score, {
            "val_bce": bce / subpixels,
            "val_psnr": -10 * float(np.log10(max(squared / subpixels, 1e-10))),
            "val_bits": bits / pictures,
            "val_coded_bits": 8 * len(coded) / pictures,
            "levels_used": float(used.used.mean()),
            "perplexity": float(used.perplexity.mean()),
        }


def build(shape: AutoencoderShape, objective: Objective, settings: Data, folders: Sequence[Path], seed: int) -> FSQTask:
    """The task that a configuration and its folders make. Raises: ModelError, ImageError."""
    torch.manual_seed(seed)
    source, validation = lossless.sources(settings, folders)
    return FSQTask(DiscreteAutoencoder(shape), source, validation, objective)


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write weights, the prior as integer tables, and the shape; see `autoencoder_weights`."""
    assert isinstance(model, DiscreteAutoencoder)
    autoencoder_weights.save(model, path, notes)
