"""One prior of the experiment: trained end to end, or alone over transforms that another left; and its real bytes."""

import json
import statistics
import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from roundel.errors import RoundelError
from roundel.lab.classic import Size
from roundel.lab.classic_coder import coder_of
from roundel.lab.literature import MODELS
from roundel.measure import metrics
from roundel.measure.rd_table import record
from roundel.training import data, quantizers
from roundel.training.lossy import LossyTask
from roundel.training.trainer import CHECKPOINT, Schedule, averaged, train

QUANTIZER = ((0.0, "mixed"),)
"""Of all trainings."""
ANCHOR = "mean-scale-hyperprior"
VALIDATED = 4
"""Held-out pictures whose middles validate: a log is all that this is for."""


@dataclass(frozen=True)
class Prior:
    """`[[prior]]` of a configuration."""

    kind: str
    """A name of `literature.MODELS`."""
    rounding: tuple[str, ...]
    """Of files; all of the same weights."""
    shared: bool = False
    """Trained alone, over the transforms of `ANCHOR`: then all have the same latents, and only rates differ."""

    @property
    def name(self) -> str:
        return self.kind + ("-shared" if self.shared else "")


@dataclass(frozen=True)
class Settings:
    """A scale of the experiment."""

    size: Size
    lmbdas: tuple[float, ...]
    base: Schedule
    """End to end at the λ of the size."""
    tune: Schedule
    """From the base, once for each other λ."""
    alone: Schedule
    """Of a prior alone, once for each λ."""
    validation_px: int
    pictures: int
    """Held-out pictures that are coded, at most."""


@dataclass(frozen=True)
class Training:
    """A prior with one seed."""

    prior: Prior
    seed: int
    settings: Settings
    folders: tuple[Path, ...]
    out: Path

    @property
    def folder(self) -> Path:
        return self.out / f"{self.prior.name}-{self.seed}"


class RateTask(LossyTask):
    """Training of an entropy model alone: the transforms stay, the loss is the rate."""

    def loss(self, model: torch.nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        with torch.no_grad():
            y = self.model.analysis(x).float()
        _, y_bits, z_bits = self.model.price(y, quantizers.at(self.quantizers, progress))
        loss = (y_bits.sum() + z_bits.sum()) / x[:, 0].numel()
        return loss, {"loss": loss.item(), "bpp": loss.item()}


def held_out(folders: tuple[Path, ...], count: int) -> list[Path]:
    """Pictures that validate, from all folders alike, at most so many."""
    found = data.split(data.find_images(folders))[1]
    return found[:: max(1, len(found) // count)][:count]


def work(training: Training, lmbda: float) -> dict[str, Any]:
    """Train for a λ and code, or take what an earlier call of the same settings left.

    Raises:
        RoundelError: the folder has results of other settings, or something that this one goes on from is not trained
            yet, or training fails; its checkpoint stays then.
    """
    settings, place = training.settings, training.folder / f"{lmbda:g}"
    of = json.loads(json.dumps({"prior": record(training.prior), "settings": record(asdict(settings))}))
    done = place / "result.json"
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        if found["of"] != of:
            raise RoundelError(f"{done}: of other settings; give another --out, or delete the folder")
        return found
    crops, validation = _pictures(training.folders, settings.validation_px)
    begun = time.process_time()
    torch.manual_seed(training.seed)
    model = MODELS[training.prior.kind](replace(settings.size, lmbda=lmbda))
    kind, schedule = LossyTask, settings.base if lmbda == settings.size.lmbda else settings.tune
    if training.prior.shared:
        kind, schedule = RateTask, settings.alone
        other = training.out / f"{ANCHOR}-{training.seed}" / f"{lmbda:g}" / CHECKPOINT
        held = averaged(other, MODELS[ANCHOR](settings.size))
        kept = {k: v for k, v in held.items() if k.startswith(("analysis.", "synthesis."))}
        model.load_state_dict(model.state_dict() | kept)
    elif schedule is settings.tune:
        model.load_state_dict(averaged(training.folder / f"{settings.size.lmbda:g}" / CHECKPOINT, model))
    task = kind(model, crops, validation, 0.0, QUANTIZER)
    model = train(task, replace(schedule, seed=training.seed), place, resume=True, progress=False)
    result = {
        "of": of, "seed": training.seed, "parameters": sum(p.numel() for p in model.parameters()),
        "points": [_code(training, model, lmbda, rounding) for rounding in training.prior.rounding],
        "cpu_s": round(time.process_time() - begun),
    }  # fmt: skip
    done.write_text(json.dumps(result) + "\n", encoding="utf-8")
    return result


@cache
def _pictures(folders: tuple[Path, ...], validation_px: int) -> tuple[data.Crops, Tensor]:
    """To train on, and middles of those held out."""
    learning, validating = data.split(data.find_images(folders))
    validation = data.centre_crops(data.load(validating[:VALIDATED]), validation_px)
    return data.Crops(data.load(learning)), validation


def _code(training: Training, model: torch.nn.Module, lmbda: float, rounding: str) -> dict[str, Any]:
    """Rate and distortion of real strings, means over the pictures; times are medians."""
    coder = coder_of(model, quantizers.make(rounding))
    rates, psnrs, encode_s, decode_s = [], [], [], []
    for file in held_out(training.folders, training.settings.pictures):
        (pixels,) = data.load([file])
        times = [time.perf_counter()]
        coded = coder.encode(pixels)
        times.append(time.perf_counter())
        decoded = coder.decode(coded)
        times.append(time.perf_counter())
        encode_s.append(times[1] - times[0])
        decode_s.append(times[2] - times[1])
        rates.append(8 * len(coded) / (pixels.shape[0] * pixels.shape[1]))
        psnrs.append(metrics.psnr(pixels, decoded))
    return {
        "rounding": rounding,
        "lmbda": lmbda,
        "bpp": round(float(np.mean(rates)), 5),
        "psnr_db": round(float(np.mean(psnrs)), 4),
        "encode_s": round(statistics.median(encode_s), 3),
        "decode_s": round(statistics.median(decode_s), 3),
    }
