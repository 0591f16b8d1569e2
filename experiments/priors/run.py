"""Entropy models of the literature at equal training, in real bytes: one table of rate and distortion.

    python experiments/priors/run.py --scale small --data photos --data photos2
    python experiments/priors/run.py --scale smoke          on made-up pictures: does everything run?

Pictures that validate (every tenth) are never trained on; some of them are coded whole. Each training is kept in the
folder --out and taken from there when the command is given again. At the end results/SCALE.json has everything
measured, results/SCALE.png draws it, and a table is printed: BD-rate against the mean-scale hyperprior, here and in
the published curves on Kodak.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
from curves import draw, rows
from trained import ANCHOR, Prior, Settings, Training, held_out, work

from roundel.errors import RoundelError
from roundel.lab import smoke
from roundel.lab.classic import Size
from roundel.measure.provenance import provenance
from roundel.training import configuration
from roundel.training.trainer import Schedule

HERE = Path(__file__).parent


@click.command(help=__doc__)
@click.option("--scale", type=click.Choice(["smoke", "tiny", "small"]), default="smoke", show_default=True)
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Pictures.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for trainings [runs/priors-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--seeds", help="Only these, as 1,2.")
@click.option("--only", help="Only these priors, as joint-raster,joint-raster-shared.")
@click.option("--lmbdas", help="Only these; the λ of the shape comes first, the others go on from there.")
@click.option("--finished", is_flag=True, help="Train nothing: results of the trainings that are finished.")
def main(scale: str, folders: tuple[Path, ...], out: Path | None, results: Path, seeds: str | None, only: str | None,
         lmbdas: str | None, finished: bool) -> None:  # fmt: skip
    torch.set_num_threads(1)
    try:
        table = configuration.read(HERE / f"{scale}.toml")
        settings = Settings(
            configuration.record(Size, table["shape"], "shape"), tuple(table["lmbdas"]),
            configuration.record(Schedule, table["base"], "base"),
            configuration.record(Schedule, table["tune"], "tune"),
            configuration.record(Schedule, table["alone"], "alone"), **table["measure"],
        )  # fmt: skip
        priors = [configuration.record(Prior, prior, "prior") for prior in table["prior"]]
        if only:
            priors = [prior for prior in priors if prior.name in only.split(",")]
        chosen = [int(seed) for seed in seeds.split(",")] if seeds else table["seeds"]
        place = out or Path("runs") / f"priors-{scale}"
        trainings = [Training(prior, seed, settings, folders, place) for prior in priors for seed in chosen]
        rates = [float(text) for text in lmbdas.split(",")] if lmbdas else settings.lmbdas
        order = sorted(rates, key=lambda lmbda: lmbda != settings.size.lmbda)  # the base first
        found: list[dict[str, Any]] = []
        for training in trainings:
            parts = []
            for lmbda in order:
                if not finished or (training.folder / f"{lmbda:g}" / "result.json").exists():
                    parts.append(work(training, lmbda))
                    click.echo(
                        f"{training.folder.name} λ {lmbda:g}: {parts[-1]['cpu_s']} s of processor time", err=True
                    )
            if parts:
                together = {"points": [p for part in parts for p in part["points"]]}
                found.append(parts[0] | together | {"cpu_s": sum(part["cpu_s"] for part in parts)})
        results.mkdir(parents=True, exist_ok=True)
        where = " ".join(f"--data {folder.name}" for folder in folders)
        command = f"python experiments/priors/run.py --scale {scale} {where} --seeds {','.join(map(str, chosen))}"
        source = asdict(provenance(command, held_out(folders, settings.pictures)))
        lines = rows(found)
        summary = {"provenance": source, "anchor": ANCHOR, "rows": lines, "results": found}
        (results / f"{scale}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        for line in lines:
            click.echo(line["text"])
        if any(len(result["points"]) > len(result["of"]["prior"]["rounding"]) for result in found):  # several λ: curves
            draw(found, results / f"{scale}.png")
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    smoke.run(
        main.main,
        "--scale smoke --data {pictures} --out {out}/runs --results {out}",
    )
