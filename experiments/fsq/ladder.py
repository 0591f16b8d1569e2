"""Levels chosen for each picture: one net for all rungs of the ladder, the encoder picks by rate and distortion."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel import coding
from roundel.coding import Tables
from roundel.training.entropy.categorical import ESCAPE_MASS, CategoricalPrior
from roundel.training.pyramid import task as lossless
from roundel.training.pyramid.task import Data, Source
from roundel.training.quantizers.ladder import LADDER, LadderFSQ, choose, complexity, rung_of_complexity
from roundel.training.tokens.net import VectorAutoencoder
from roundel.training.trainer import Schedule, train

BATCH = 500
PRICES = (0.025, 0.05, 0.1, 0.2)
"""Squared error of a picture, summed over its subpixels, that a bit is worth; 0.1 as for adaptive dimensions."""


class LadderAutoencoder(nn.Module):
    """The paper's autoencoder around a `LadderFSQ`, with a factorised prior for each rung."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.net, self.bottleneck = VectorAutoencoder(dims), LadderFSQ(dims)
        self.priors = nn.ModuleList(CategoricalPrior((n,) * dims) for n in LADDER)

    def forward(self, x: Tensor, rung: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, codes (B, D) and their bits (B,) of pictures in [0, 1] on their rungs (B,)."""
        codes = self.bottleneck(self.net.analysis(x), rung)
        bits = torch.stack([
            prior.bits(codes.codes.clamp_max(n - 1)).sum(1) for prior, n in zip(self.priors, LADDER, strict=True)
        ], 1)  # fmt: skip
        return self.net.synthesis(codes.values), codes.codes, bits.gather(1, rung[:, None])[:, 0]

    def tables(self) -> Tables:
        """The tables of all rungs, then the rung's own."""
        pmfs = [pmf for prior in self.priors for pmf in prior.pmfs()] + [np.full(len(LADDER), 1 / len(LADDER))]
        return Tables.from_pmfs(pmfs, [0] * len(pmfs), ESCAPE_MASS)


@dataclass
class LadderTask:
    """Trains it on rungs drawn at random, by binary cross-entropy; the priors learn from the codes."""

    model: nn.Module
    source: Source

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Training pictures, uint8 (count, 3, side, side)."""
        return self.source.batch(count, side, generator)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `lab.train.Task.loss`."""
        raw, _, bits = model(x, torch.randint(len(LADDER), (len(x),)))
        distortion = F.binary_cross_entropy_with_logits(raw.float(), x)
        loss = distortion + bits.sum() / x.numel()
        return loss, {"loss": float(loss.detach()), "distortion": float(distortion.detach())}

    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """Nothing: the experiment measures."""
        return 0.0, {}


def run(schedule: Schedule, dims: int, folder: Path, pictures: Tensor, place: Path) -> dict[str, Any]:
    """Train and measure, unless that was done before: {"cpu_s", "fixed", "chosen", "by_complexity"}.

    Args:
        pictures: of the test, uint8 (N, 3, 32, 32).
    """
    torch.set_num_threads(1)
    result = place / "result.json"
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    begun = time.process_time()
    torch.manual_seed(schedule.seed)
    source, validation = lossless.sources(Data(cifar=True), [folder])
    model = train(LadderTask(LadderAutoencoder(dims), source), schedule, place, resume=True, progress=False)
    assert isinstance(model, LadderAutoencoder)
    codes, squared, bits = on_all_rungs(model, pictures)
    rungs = [torch.full((len(pictures),), r) for r in range(len(LADDER))]
    thresholds = torch.quantile(complexity(validation.float() / 255), torch.tensor([0.25, 0.5, 0.75]))
    found = {
        "fixed": [{"levels": n, **row(model, codes, squared, r)} for n, r in zip(LADDER, rungs, strict=True)],
        "chosen": [{"price": p, **row(model, codes, squared, choose(squared, bits, p)[0])} for p in PRICES],
        "by_complexity": row(model, codes, squared, rung_of_complexity(pictures.float() / 255, thresholds)),
        "cpu_s": round(time.process_time() - begun),
    }
    result.write_text(json.dumps(found), encoding="utf-8")
    return found


@torch.no_grad()
def on_all_rungs(model: LadderAutoencoder, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Codes (N, 4, D), squared errors of whole levels and bits (N, 4) of each picture on each rung."""
    parts = []
    for part in pictures.split(BATCH):
        x = part.float() / 255
        for r in range(len(LADDER)):
            rung = torch.full((len(x),), r)
            _, codes, bits = model(x, rung)
            x_hat = torch.sigmoid(model.net.synthesis(model.bottleneck.values(codes, rung)))
            error = (torch.floor(x_hat * 255 + 0.5) / 255 - x).square().flatten(1).sum(1)
            parts.append((codes, error, bits))
    of_rungs = [parts[r :: len(LADDER)] for r in range(len(LADDER))]
    codes, squared, bits = (
        torch.stack([torch.cat([p[k] for p in rung]) for rung in of_rungs], 1) for k in range(3)
    )  # fmt: skip
    return codes, squared, bits


def row(model: LadderAutoencoder, codes: Tensor, squared: Tensor, rung: Tensor) -> dict[str, Any]:
    """Bits of one stream of all pictures with their rungs, its PSNR, and how many pictures are on each rung."""
    count, dims = len(rung), codes.shape[2]
    chosen = codes[torch.arange(count), rung]
    symbols = torch.cat([rung[:, None], chosen], 1).numpy().astype(np.int32).ravel()
    index = torch.cat(
        [torch.full((count, 1), len(LADDER) * dims), rung[:, None] * dims + torch.arange(dims)], 1
    ).numpy().astype(np.int32).ravel()  # fmt: skip
    tables = model.tables()
    data = coding.encode(symbols, index, tables)
    assert np.array_equal(coding.decode(data, index, tables), symbols)
    mse = float(squared[torch.arange(count), rung].mean()) / (3 * 32 * 32)
    return {
        "stream_bits": 8 * len(data) / count,
        "psnr_db": -10 * float(np.log10(mse)),
        "pictures": torch.bincount(rung, minlength=len(LADDER)).tolist(),
    }
