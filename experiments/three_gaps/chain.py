"""One training of the experiment: a base at one λ, the other λ from there, and what is measured of them."""

import copy
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from roundel.errors import RoundelError
from roundel.lab import probe
from roundel.lab.bench import BenchTask
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.classic_coder import coder_of
from roundel.measure import metrics
from roundel.measure.rd_table import record
from roundel.training import data, quantizers
from roundel.training.trainer import Schedule, averaged, train


@dataclass(frozen=True)
class Run:
    """A surrogate of the experiment: `[[run]]` of a configuration."""

    name: str
    quantizer: str
    test: tuple[str, ...]
    """Roundings of files; the first is that of the gaps."""
    spectral: tuple[str, ...] = ()
    tune: bool = True
    """Whether it is also trained for the other λ and coded; if not, only its gaps are of interest."""


@dataclass(frozen=True)
class Settings:
    """A scale of the experiment; all but what a command line says about folders."""

    size: Size
    lmbdas: tuple[float, ...]
    base: Schedule
    """At the λ of the size."""
    tune: Schedule
    """From the base, once for each λ."""
    validation_px: int
    crop_px: int
    """Side of the middles of test pictures on which gaps are measured."""
    tile_px: int
    """Side of the squares in which test pictures are measured and coded, 0 for all at once. Training on crops no larger
    than a hyper-latent's own field has never seen two of them side by side."""
    pictures: int
    """Test pictures at most."""
    pairs: int


@dataclass(frozen=True)
class Chain:
    """What one process does: a surrogate with one seed."""

    run: Run
    seed: int
    settings: Settings
    folders: tuple[Path, ...]
    test: Path
    out: Path
    device: str

    @property
    def folder(self) -> Path:
        return self.out / f"{self.run.name}-{self.seed}"

    @property
    def finished(self) -> bool:
        """Whether everything is trained and measured."""
        return (self.folder / "result.json").exists()


def work(chain: Chain) -> dict[str, Any]:
    """Train and measure, or take what an earlier call of the same settings left.

    Raises:
        RoundelError: the folder has results of other settings, or training fails; its checkpoint stays then.
    """
    torch.set_num_threads(1)
    done = chain.folder / "result.json"
    settings = json.loads(json.dumps({"run": record(chain.run), "settings": record(asdict(chain.settings))}))
    if done.exists():
        found = json.loads(done.read_text(encoding="utf-8"))
        if found["of"] != settings:
            raise RoundelError(f"{done}: of other settings; give another --out, or delete the folder")
        return found
    training, validating = data.split(data.find_images(chain.folders))
    crops = data.Crops(data.load(training))
    validation = data.centre_crops(data.load(validating), chain.settings.validation_px)
    clock = chain.folder / "cpu_s"
    begun = time.process_time() - (
        float(clock.read_text()) if clock.exists() else 0
    )  # calls that were broken off count
    try:
        base = replace(chain.settings.base, seed=chain.seed)
        model = _train(chain, "base", chain.settings.size.lmbda, base, crops, validation)
        result = {"of": settings, "seed": chain.seed, "base": _gaps(chain, model), "log": _log(chain.folder / "base")}
        points = []
        for lmbda in chain.settings.lmbdas if chain.run.tune else ():
            tune = replace(chain.settings.tune, seed=chain.seed)
            tuned = _train(chain, f"{lmbda:g}", lmbda, tune, crops, validation)
            points += [_code(chain, tuned.cpu(), lmbda, rounding) for rounding in chain.run.test]
    finally:
        cpu_s = time.process_time() - begun
        if chain.folder.exists():
            clock.write_text(f"{cpu_s:.1f}")
    result |= {"points": points, "cpu_s": round(cpu_s)}
    done.write_text(json.dumps(result) + "\n", encoding="utf-8")
    return result


def _train(
    chain: Chain, name: str, lmbda: float, schedule: Schedule, crops: data.Crops, validation: torch.Tensor
) -> torch.nn.Module:
    torch.manual_seed(chain.seed)
    model = Hyperprior(replace(chain.settings.size, lmbda=lmbda, spectral=chain.run.spectral), means=True)
    if name != "base":
        model.load_state_dict(averaged(chain.folder / "base" / "checkpoint.pt", model))
    task = BenchTask(model, crops, validation, ((0.0, chain.run.quantizer),))
    return train(task, schedule, chain.folder / name, resume=True, device=chain.device, progress=False)


def _gaps(chain: Chain, model: torch.nn.Module) -> Any:
    """All gaps on the test pictures."""
    s, rounding = chain.settings, chain.run.quantizer
    _, crops = data.middles(chain.test, s.crop_px, s.pictures)
    tiles = _tiles(crops, s.tile_px) if s.tile_px else crops
    report = probe.measure(copy.deepcopy(model), tiles, rounding, quantizers.make(rounding), pairs=s.pairs)
    return record(report)


def _tiles(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """Pictures (N, 3, H, W) in squares, (M, 3, side, side)."""
    squares = pictures.unfold(2, side, side).unfold(3, side, side)
    return squares.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, side, side)


def _code(chain: Chain, model: torch.nn.Module, lmbda: float, rounding: str) -> dict[str, Any]:
    """Rate and distortion of real files, means over the test pictures."""
    coder = coder_of(model, quantizers.make(rounding), chain.settings.tile_px or None)
    rates, psnrs = [], []
    for file in data.find_images([chain.test])[: chain.settings.pictures]:
        (pixels,) = data.load([file])
        coded = coder.encode(pixels)
        rates.append(8 * len(coded) / (pixels.shape[0] * pixels.shape[1]))
        psnrs.append(metrics.psnr(pixels, coder.decode(coded)))
    point = {"test": rounding, "lmbda": lmbda, "bpp": float(np.mean(rates)), "psnr_db": float(np.mean(psnrs))}
    return record(point)


def _log(folder: Path) -> list[dict[str, float]]:
    """The validations of a training."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").open(encoding="utf-8")]
    return list({line["step"]: line for line in lines if "gd_decoder" in line}.values())
