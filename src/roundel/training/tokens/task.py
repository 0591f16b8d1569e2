"""Training discrete autoencoders: a distortion and, if wanted, the rate of the codes under a learned prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.image import cifar
from roundel.training.entropy.categorical import CategoricalPrior
from roundel.training.pyramid import task as lossless
from roundel.training.pyramid.task import Data, Source
from roundel.training.quantizers.annealing import temperature
from roundel.training.quantizers.usage import histogram, of_histogram
from roundel.training.tokens.integer_net import IntegerGrid
from roundel.training.tokens.model import AutoencoderShape, DiscreteAutoencoder
from roundel.training.tokens.net import GridAutoencoder

VALIDATION_BATCH = 50
START_PX, START_BLOCKS = 128, 51200
START_SPREAD = 0.7
"""Standard deviation of latents before the bound: most of its range is used, little is cut off."""


@dataclass(frozen=True)
class Objective:
    """`[objective]` of a configuration: D + λ·R + β·E − γ·H and the bottleneck's own loss.

    Source: FSQ paper, eq. 11, made well-posed: its two errors as one, its rate as a cost, its diversity as a knob.
    """

    distortion: str = "bce"
    """D: "bce", binary cross-entropy in nats per subpixel, as in the paper, or "mse", of pixels in [0, 1]."""
    lmbda: float = 0.0
    """What a bit of R, the rate per subpixel under the prior, is worth; ln 2 makes BCE a likelihood bound."""
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
        distortion = self._distortion(found.raw.float(), x)
        loss = distortion + found.codes.loss + found.bits.sum() / x.numel()
        if self.objective.lmbda:
            loss = loss + self.objective.lmbda * found.rate.sum() / x.numel()
        position = found.codes.position
        if self.objective.beta:
            loss = loss + self.objective.beta * F.mse_loss(position, found.codes.codes.float())
        if self.objective.gamma:
            assert isinstance(self.model, DiscreteAutoencoder)
            assert isinstance(self.model.prior, CategoricalPrior)
            loss = loss - self.objective.gamma * self.model.prior.diversity_bits(position).mean()
        seen = {"loss": loss, "distortion": distortion, "bits": found.bits.mean()}
        return loss, {**{k: float(v.detach()) for k, v in seen.items()}, "temperature": softness}

    def _distortion(self, raw: Tensor, x: Tensor) -> Tensor:
        assert isinstance(self.model, DiscreteAutoencoder)
        if self.objective.distortion == "bce":
            return F.binary_cross_entropy_with_logits(raw, x)
        return F.mse_loss(self.model.net.picture(raw), x)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """D + λ·bits with hard rounding. Logs, per picture, bits under the prior and in one real stream of all."""
        assert isinstance(model, DiscreteAutoencoder)
        device = next(model.parameters()).device
        distortion = squared = bits = 0.0
        parts = []
        for pixels in self.validation.split(VALIDATION_BATCH):
            x = pixels.to(device).float() / 255
            found = model(x)
            distortion += float(self._distortion(found.raw, x)) * x.numel()
            # The decoder's picture, from codes alone and in whole levels.
            x_hat = torch.round(model.decode(found.codes.codes, x.shape[2], x.shape[3]) * 255) / 255
            squared += float((x - x_hat).square().sum())
            bits += float(found.bits.sum())
            parts.append(found.codes.codes.cpu())
        codes, levels, subpixels = torch.cat(parts), model.bottleneck.levels, self.validation.numel()
        used = of_histogram(histogram(codes, levels))
        pictures = len(self.validation)
        score = (distortion + self.objective.lmbda * bits) / subpixels
        return score, {
            "val_distortion": distortion / subpixels,
            "val_psnr": -10 * float(np.log10(max(squared / subpixels, 1e-10))),
            "val_bits": bits / pictures,
            "val_bpp": bits / (subpixels / 3),
            "levels_used": float(used.used.mean()),
            "perplexity": float(used.perplexity.mean()),
        }


def build(shape: AutoencoderShape, objective: Objective, settings: Data, folders: Sequence[Path], seed: int) -> FSQTask:
    """The task that a configuration and its folders make. Raises: ModelError, ImageError."""
    if objective.distortion not in ("bce", "mse") or (objective.distortion == "bce" and shape.net != "vector"):
        raise ModelError(f'distortion = {objective.distortion!r}: known are "mse" and, for net = "vector", "bce"')
    torch.manual_seed(seed)
    source, validation = lossless.sources(settings, folders)
    model = DiscreteAutoencoder(shape)
    if isinstance(model.net, GridAutoencoder | IntegerGrid):
        side = cifar.SIDE if settings.cifar else START_PX
        count = START_BLOCKS * model.net.token_px**2 // side**2
        start_linear(model, source.batch(count, side, np.random.default_rng(seed)))
    return FSQTask(model, source, validation, objective)


@torch.no_grad()
def start_linear(model: DiscreteAutoencoder, pictures: Tensor) -> None:
    """Start a grid autoencoder as the PCA of blocks and the best linear way back from 3 × 3 tokens.

    Args:
        pictures: uint8 (N, 3, S, S), S a multiple of 8; some 10,000 blocks or more.
    """
    net = model.net
    assert isinstance(net, GridAutoencoder | IntegerGrid)
    blocks = net.blocks(pictures.float() / 255)
    rows = blocks.movedim(1, -1).flatten(0, -2)
    _, deviation, basis = torch.pca_lowrank(rows - rows.mean(0), net.dims, niter=8)
    scale = START_SPREAD * len(rows) ** 0.5 / deviation
    centre = torch.zeros(net.dims, rows.shape[1], 9)
    centre[..., 4] = basis.T * scale[:, None]
    analysis = centre, -(rows.mean(0) @ basis) * scale
    net.start(analysis)
    values = model.bottleneck(net.analysis(pictures.float() / 255)).values
    around = F.unfold(net.seen(values), 3, padding=1).movedim(1, -1).flatten(0, 1)
    around = torch.cat([around, torch.ones_like(around[:, :1])], 1).double()
    gram = around.T @ around
    gram.diagonal().add_(1e-4 * len(rows))
    found = torch.linalg.solve(gram, around.T @ rows.double()).float()
    net.start(analysis, (found[:-1].T, found[-1]))
