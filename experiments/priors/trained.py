"""One prior of the experiment: trained at one λ, then for the others from there, and its real bytes."""

import json
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from roundel.errors import RoundelError
from roundel.lab.classic import Size
from roundel.lab.classic_coder import coder_of
from roundel.lab.literature import MODELS
from roundel.measure import metrics
from roundel.measure.rd_table import record
from roundel.training import data, quantizers
from roundel.training.lossy import LossyTask
from roundel.training.trainer import Schedule, averaged, train

QUANTIZER = ((0.0, "mixed"),)
"""Of all trainings."""


@dataclass(frozen=True)
class Prior:
    """`[[prior]]` of a configuration."""

    kind: str
    """A name of `literature.MODELS`."""
    rounding: tuple[str, ...]
    """Of files; all of the same weights."""


@dataclass(frozen=True)
class Settings:
    """A scale of the experiment."""

    size: Size
    lmbdas: tuple[float, ...]
    base: Schedule
    """At the λ of the size."""
    tune: Schedule
    """From the base, once for each λ."""
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
        return self.out / f"{self.prior.kind}-{self.seed}"


def held_out(folders: tuple[Path, ...], count: int) -> list[Path]:
    """Pictures that validate, from all folders alike, at most so many."""
    found = data.split(data.find_images(folders))[1]
    return found[:: max(1, len(found) // count)][:count]


def work(training: Training) -> dict[str, Any]:
    """Train and code, or take what an earlier call of the same settings left.

    Raises:
        RoundelError: the folder has results of other settings, or training fails; its checkpoint stays then.
    """
    settings, done = training.settings, training.folder / "result.json"
    of = json.loads(json.dumps({"prior": record(training.prior), "settings": record(asdict(settings))}))
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        if found["of"] != of:
            raise RoundelError(f"{done}: of other settings; give another --out, or delete the folder")
        return found
    learning, validating = data.split(data.find_images(training.folders))
    crops = data.Crops(data.load(learning))
    validation = data.centre_crops(data.load(validating), settings.validation_px)
    begun, points = time.process_time(), []
    for name, lmbda, schedule in (
        ("base", settings.size.lmbda, settings.base),
        *((f"{lmbda:g}", lmbda, settings.tune) for lmbda in settings.lmbdas),
    ):
        torch.manual_seed(training.seed)
        model = MODELS[training.prior.kind](replace(settings.size, lmbda=lmbda))
        if name != "base":
            model.load_state_dict(averaged(training.folder / "base" / "checkpoint.pt", model))
        task = LossyTask(model, crops, validation, 0.0, QUANTIZER)
        place = training.folder / name
        model = train(task, replace(schedule, seed=training.seed), place, resume=True, progress=False)
        if name != "base":
            points += [_code(training, model, lmbda, rounding) for rounding in training.prior.rounding]
    parameters = sum(p.numel() for p in MODELS[training.prior.kind](settings.size).parameters())
    result = {"of": of, "seed": training.seed, "points": points, "parameters": parameters}
    result["cpu_s"] = round(time.process_time() - begun)
    done.write_text(json.dumps(result) + "\n", encoding="utf-8")
    return result


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
