"""Runs the FSQ paper again on CIFAR-10: levels, annealing, adaptive and hierarchical, beside VQ, by real bytes.

    python experiments/fsq/run.py --scale small --data cifar-10-batches-bin --jobs 2
    python experiments/fsq/run.py --scale smoke          on made-up pictures: does everything run?

Each training is kept in the folder --out and taken from there when the command is given again. At the end
results/SCALE.json has everything measured, results/SCALE.md the tables beside the paper's, and three pictures show it.
"""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import ladder
import numpy as np
import torch
from baselines import baselines, bounds
from figures import draw
from measure import measure
from runs import DIMS, RUNS, Run
from tables import tables

from roundel.errors import ModelError, RoundelError
from roundel.image import cifar
from roundel.lab import frechet, smoke
from roundel.measure.provenance import provenance
from roundel.training import configuration
from roundel.training.pyramid.task import Data
from roundel.training.tokens import adaptive
from roundel.training.tokens import task as fsq
from roundel.training.tokens.export import coder_of
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.trainer import Schedule, train

HERE = Path(__file__).parent
RESULT = "result.json"
"""In the folder of a training: what was measured of it."""
ADAPTATIONS = 10
"""Times that adaptive levels may move in a training, as every five of fifty epochs."""


@dataclass(frozen=True)
class Scale:
    """How much of the experiment to run."""

    steps: int
    batch: int
    lr: float
    pictures: int
    """Of the test set."""
    seeds: int
    runs: tuple[str, ...] = ()
    """The trainings by name; () is all, and levels for each picture."""


@dataclass(frozen=True)
class Job:
    """One training and its measurement."""

    run: Run
    seed: int
    scale: Scale
    folder: Path
    """Of CIFAR-10."""
    out: Path
    features: tuple[str, ...]

    @property
    def place(self) -> Path:
        """The folder of the training."""
        return self.out / f"{self.run.name}-{self.seed}"


def test_pictures(folder: Path, count: int) -> torch.Tensor:
    """The first test pictures, uint8 (N, 3, 32, 32)."""
    pixels, _ = cifar.read([folder / "test_batch.bin"])
    return torch.from_numpy(pixels[:count]).permute(0, 3, 1, 2).contiguous()


def schedule_of(scale: Scale, seed: int) -> Schedule:
    """How every training goes."""
    return Schedule(
        scale.steps, scale.lr, warmup=max(1, min(100, scale.steps // 10)), ema=0.99,
        crops=((0.0, 32, scale.batch),), seed=seed, validate_every=scale.steps,
    )  # fmt: skip


def work(job: Job) -> dict[str, Any]:
    """Train and measure, unless that was done before."""
    torch.set_num_threads(1)
    place, result = job.place, job.place / RESULT
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    scale, begun = job.scale, time.process_time()
    schedule = schedule_of(scale, job.seed)
    task = fsq.build(job.run.shape, job.run.objective, Data(cifar=True), [job.folder], job.seed)
    if job.run.adaptive_lmbda:
        move = adaptive.Adaptation(max(1, scale.steps // ADAPTATIONS), job.run.adaptive_lmbda)
        task = adaptive.AdaptiveTask(**vars(task), adaptation=move, schedule=schedule)
    model = train(task, schedule, place, resume=True, progress=False)
    assert isinstance(model, DiscreteAutoencoder)
    model, coder = model.cpu().eval(), coder_of(model.prior)
    networks = [frechet.load_network(spec) for spec in job.features]
    values, counts, shown = measure(model, coder, test_pictures(job.folder, scale.pictures), networks)
    np.savez(place / "shown.npz", counts=counts, shown=shown.numpy())
    found = {
        "name": job.run.name,
        "what": job.run.what,
        "seed": job.seed,
        "levels": list(model.bottleneck.levels),
        "parameters": sum(p.numel() for p in model.net.parameters()),
        "cpu_s": round(time.process_time() - begun),
        **values,
    }
    result.write_text(json.dumps(found), encoding="utf-8")
    return found


@click.command(help=__doc__)
@click.option(
    "--scale",
    "name",
    type=click.Choice(["smoke", "small", "long", "paper"]),
    default="smoke",
    show_default=True,
)
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="CIFAR-10, binary version.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for trainings [runs/fsq-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Of the steps of the scale.")
@click.option("--only", help="Only these runs, as L8,annealed.")
@click.option("--seeds", type=click.IntRange(1), help="At most so many.")
@click.option("--features", multiple=True, help="Network for a Fréchet distance: a TorchScript file or module:name.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Trainings at a time.")
@click.option("--finished", is_flag=True, help="Train nothing: results of the trainings that are finished.")
def main(name: str, folder: Path, out: Path | None, results: Path, share: float, only: str | None, seeds: int | None,
         features: tuple[str, ...], jobs: int, finished: bool) -> None:  # fmt: skip
    try:
        scale = configuration.record(Scale, configuration.read(HERE / f"{name}.toml"), name)
        scale = replace(scale, steps=max(1, round(scale.steps * share)), seeds=min(scale.seeds, seeds or scale.seeds))
        place = out or Path("runs") / f"fsq-{name}"
        names = only.split(",") if only else scale.runs or [run.name for run in RUNS] + ["ladder"]
        wanted = [run for run in RUNS if run.name in names]
        if unknown := set(names) - {run.name for run in RUNS} - {"ladder"}:
            known = ", ".join(run.name for run in RUNS)
            raise ModelError(f"no such trainings: {', '.join(sorted(unknown))}; known: {known}, ladder")
        todo = [Job(run, seed, scale, folder, place, features) for seed in range(1, scale.seeds + 1) for run in wanted
                if seed <= run.seeds]  # fmt: skip
        if finished:
            todo = [job for job in todo if (job.place / RESULT).exists()]
            names = [run for run in names if (place / run / RESULT).exists()]
        found = []
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            for job, result in zip(todo, pool.map(work, todo), strict=True):
                click.echo(f"{job.run.name} seed {job.seed}: {result['stream_bits']:.1f} bits, "
                           f"{result['psnr_db']:.2f} dB, {result['cpu_s']} s of processor time", err=True)  # fmt: skip
                found.append(result)
            pictures = test_pictures(folder, scale.pictures)
            rungs = None
            if "ladder" in names:
                rungs = pool.submit(
                    ladder.run, schedule_of(scale, 1), DIMS, folder, pictures, place / "ladder"
                ).result()
        files = sorted(folder.glob("*.bin"))
        command = (
            f"python experiments/fsq/run.py --scale {name} --share {share:g} --seeds {scale.seeds} --data {folder.name}"
        )
        command += (f" --only {only}" if only else "") + (" --finished" if finished else "")
        training, _ = cifar.read(sorted(folder.glob("data_batch_*.bin")))
        summary = {
            "provenance": asdict(provenance(command, files)),
            "scale": asdict(scale),
            "epochs": round(scale.steps * scale.batch / (len(training) - 1000), 2),
            "cpu_s": sum(r["cpu_s"] for r in found) + (rungs["cpu_s"] if rungs else 0),
            "runs": found,
            "ladder": rungs,
            "baselines": baselines(pictures.permute(0, 2, 3, 1).numpy()),
            "bounds": bounds(training, pictures.permute(0, 2, 3, 1).numpy()),
        }
        results.mkdir(parents=True, exist_ok=True)
        (results / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        (results / f"{name}.md").write_text(tables(summary), encoding="utf-8")
        draw(summary, place, pictures, results / name)
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    smoke.run(
        main.main,
        "--scale smoke --data {cifar} --out {out}/runs --results {out}",
    )
