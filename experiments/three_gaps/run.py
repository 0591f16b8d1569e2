"""Runs the three-gaps paper again: trainings with every surrogate, their gaps, and curves from real bytes.

    python experiments/three_gaps/run.py --scale small --data photos --test kodak --jobs 2
    python experiments/three_gaps/run.py --scale smoke          on made-up pictures: does everything run?

Each training is kept in the folder --out and taken from there when the command is given again. At the end,
results/SCALE.json has everything measured and results/SCALE-figure1.png … 5 show it.
"""

import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from chain import Chain, Run, Settings, work
from figures import draw

from roundel.errors import RoundelError
from roundel.lab import smoke
from roundel.lab.classic import Size
from roundel.measure.metrics import Curve, bd_rate
from roundel.measure.provenance import provenance
from roundel.training import configuration, data
from roundel.training.trainer import Schedule

HERE = Path(__file__).parent
ANCHOR = "noise+"
"""Beside it the others are judged: part of the gain over "noise" is the rounding of its files alone."""


def numbers(text: str) -> list[float]:
    """Numbers between commas."""
    return [float(part) for part in text.split(",")]


@click.command(help=__doc__)
@click.option("--scale", type=click.Choice(["smoke", "small", "paper"]), default="smoke", show_default=True)
@click.option("--config", type=click.Path(path_type=Path), help="A scale of one's own, as those beside this file.")
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="To train on.")
@click.option("--test", required=True, type=click.Path(path_type=Path), help="Pictures to measure on: Kodak.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for trainings [runs/three-gaps-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--seeds", help="Only these, as 1,2.")
@click.option("--lmbdas", help="Only these.")
@click.option("--only", help="Only these runs, as noise,ste.")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Of the steps of the scale.")
@click.option("--pictures", type=click.IntRange(1), help="Test pictures at most.")
@click.option("--pairs", type=click.IntRange(1), help="Draws for the smoothness score of the test pictures.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Trainings at a time.")
@click.option("--finished", is_flag=True, help="Train nothing: results of the trainings that are finished.")
@click.option("--device", default="cpu", show_default=True)
def main(scale: str, config: Path | None, folders: tuple[Path, ...], test: Path, out: Path | None, results: Path,
         seeds: str | None, lmbdas: str | None, only: str | None, share: float, pictures: int | None,
         pairs: int | None, jobs: int, finished: bool, device: str) -> None:  # fmt: skip
    try:
        name = config.stem if config else scale
        table = configuration.read(config or HERE / f"{scale}.toml")
        settings, runs, chosen_seeds = _settings(table, share)
        if lmbdas:
            settings = replace(settings, lmbdas=tuple(numbers(lmbdas)))
        if pictures:
            settings = replace(settings, pictures=pictures)
        if pairs:
            settings = replace(settings, pairs=pairs)
        if seeds:
            chosen_seeds = [int(s) for s in numbers(seeds)]
        if only:
            runs = [run for run in runs if run.name in only.split(",")]
        files = data.find_images([test])[: settings.pictures]
        place = out or Path("runs") / f"three-gaps-{name}"
        chains = [Chain(run, seed, settings, folders, test, place, device) for seed in chosen_seeds for run in runs]
        if finished:
            chains = [chain for chain in chains if chain.finished]
        click.echo(
            f"{len(chains)} trainings of {[run.name for run in runs]}, seeds {chosen_seeds}, in {place}", err=True
        )
        found = []
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            for chain, result in zip(chains, pool.map(work, chains), strict=True):
                click.echo(f"{chain.folder.name}: {result['cpu_s']} s of processor time", err=True)
                found.append(result)
        results.mkdir(parents=True, exist_ok=True)
        partly = " --finished" if finished else ""
        where = " ".join(f"--data {folder.name}" for folder in folders) + f" --test {test.name}"
        options = f"--share {share:g} --seeds {','.join(map(str, chosen_seeds))} --pictures {settings.pictures}"
        command = (
            f"python experiments/three_gaps/run.py --scale {name} {where} {options} --pairs {settings.pairs}{partly}"
        )
        summary = {
            "provenance": asdict(provenance(command, files)),
            "trained_on": [folder.name for folder in folders],
            "cpu_s": sum(result["cpu_s"] for result in found),
            "bd_rates": _bd_rates(found),
            "results": found,
        }
        (results / f"{name}.json").write_text(json.dumps(summary) + "\n", encoding="utf-8")
        _say(summary)
        draw(found, results / name)
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


def _settings(table: dict[str, Any], share: float) -> tuple[Settings, list[Run], list[int]]:
    """A scale, its steps cut to a share."""
    base = configuration.record(Schedule, table["base"], "base")
    tune = configuration.record(Schedule, table["tune"], "tune")

    def cut(schedule: Schedule) -> Schedule:
        every = max(1, round(schedule.validate_every * share))
        return replace(schedule, steps=max(1, round(schedule.steps * share)), validate_every=every)

    measure = table["measure"]
    settings = Settings(
        configuration.record(Size, table["shape"], "shape"), tuple(table["lmbdas"]), cut(base), cut(tune),
        measure["validation_px"], measure["crop_px"], measure["tile_px"], measure["pictures"], measure["pairs"],
    )  # fmt: skip
    return settings, [configuration.record(Run, run, "run") for run in table["run"]], table["seeds"]


def _bd_rates(found: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Percent of rate against `ANCHOR` of the same seed at equal PSNR, by rounding; one value for each seed."""
    curves: dict[int, dict[str, list[tuple[float, float]]]] = {}
    for result in found:
        for p in result["points"]:
            curves.setdefault(result["seed"], {}).setdefault(p["test"], []).append((p["bpp"], p["psnr_db"]))
    out: dict[str, list[float]] = {}
    for of_seed in curves.values():
        if ANCHOR not in of_seed:
            continue
        anchor = _curve(of_seed[ANCHOR])
        for name, points in of_seed.items():
            try:
                percent = bd_rate(anchor, _curve(points)).percent
            except RoundelError as error:  # too few λ, or curves that share no PSNR
                click.echo(f"{name}: no BD-rate: {error}", err=True)
                continue
            out.setdefault(name, []).append(round(percent, 3))
    return out


def _curve(points: list[tuple[float, float]]) -> Curve:
    return Curve(*map(tuple, zip(*sorted(points), strict=True)))


def _say(summary: dict[str, Any]) -> None:
    click.echo(f"BD-rate against {ANCHOR}, real bytes, %: mean (each seed)")
    for name, values in summary["bd_rates"].items():
        click.echo(f"  {name:10} {statistics.mean(values):+.2f}  ({', '.join(f'{v:+.2f}' for v in values)})")
    for result in summary["results"]:
        gaps = result["base"]
        click.echo(
            f"  {result['of']['run']['name']:10} seed {result['seed']}: G_d {gaps['decoder_gap']['mean_abs']:.3f} "
            f"{gaps['rate_gap']['mean_abs']:.3f}, G_EE {gaps['entropy_gap']['kl_bits']:.4f} bits "
            f"({gaps['g_ee_paper']:.3f} as printed), LSS .1 {gaps['surrogate_smoothness'][2]['total']:.3g}, "
            f"{gaps['test_bpp']:.3f} bpp {gaps['test_psnr_db']:.2f} dB"
        )


if __name__ == "__main__":
    smoke.run(
        main.main,
        "--scale smoke --data {pictures} --test {pictures} --out {out}/runs --results {out}",
    )
