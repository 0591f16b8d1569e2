"""Densities of the literature and the flow that ships, after equal processor time: likelihoods, and real bytes.

    python experiments/flows/run.py --scale full --data cifar-10-batches-bin [--seconds 240] [--only idf,glow]
    python experiments/flows/run.py --scale smoke          on made-up pictures: does everything run?

Every configuration beside this file is trained on the CIFAR-10 training batches, but for their last 1,000 pictures, for
as many steps as fit into the given seconds of one processor core; the learning rate falls to zero at the last. The
figure is bits per dimension of the averaged weights on those 1,000 pictures: of idf and pyramid what a coder needs, of
continuous flows an upper bound by dequantisation, of bit-swap one by its posterior. idf and bit-swap code the first
test pictures, too, to bytes that are decoded and compared. All need about as many multiplications a pixel.

Each training is kept in the folder --out and goes on from there when the command is given again; results/SCALE.json, or
SCALE-SECONDS.json, has what is finished.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch
from coded import SHOWN, coded, progressive
from training import trained

from roundel.errors import RoundelError
from roundel.image import cifar
from roundel.lab import smoke
from roundel.lab.flow import Flow
from roundel.measure.provenance import provenance

HERE = Path(__file__).parent
RESULT, FIGURE = "result.json", "progressive.png"


class Scale(NamedTuple):
    """How much of the experiment to run."""

    seconds: float
    """Of processor time for each row; 0 for two steps."""
    coded: int
    """Test pictures that become bytes."""
    held_out: int
    """Pictures of which likelihoods are measured, at most."""


SCALES = {"smoke": Scale(0, 2, 20), "full": Scale(240, 500, 1000)}


def measured(config: Path, folder: Path, scale: Scale, place: Path) -> dict[str, Any]:
    """Train and measure, unless that was done before."""
    result = place / RESULT
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    task, model, how = trained(config, folder, scale.seconds, place)
    task.validation = task.validation[: scale.held_out]
    bits, _ = task.validate(model)
    found = {"bits_per_dimension": round(bits, 4), **how}
    test = torch.from_numpy(cifar.read([folder / "test_batch.bin"])[0]).permute(0, 3, 1, 2).contiguous()
    if values := coded(model, task.source.images, test[: scale.coded]):
        found["test"] = values
    if isinstance(model, Flow) and model.dequantiser is None:
        progressive(model, test[:SHOWN], place / FIGURE)
    result.write_text(json.dumps(found), encoding="utf-8")
    return found


def run(folder: Path, scale: Scale, out: Path, only: str | None) -> dict[str, Any]:
    """Rows by name: these, and those that were finished before."""
    rows: dict[str, Any] = {}
    for config in sorted(HERE.glob("*.toml")):
        name, wanted = config.stem, only is None or config.stem in only.split(",")
        if wanted or (out / name / RESULT).exists():
            rows[name] = measured(config, folder, scale, out / name)
            click.echo(f"{name}: {rows[name]}", err=True)
    return rows


@click.command(help=__doc__)
@click.option("--scale", "name", type=click.Choice(list(SCALES)), default="full", show_default=True)
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="CIFAR-10, binary version.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Of processor time for each row.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for trainings [runs/flows-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--only", help="Only these rows, as idf,glow.")
def main(name: str, folder: Path, seconds: float | None, out: Path | None, results: Path, only: str | None) -> None:
    torch.set_num_threads(1)
    scale = SCALES[name]._replace(**({"seconds": seconds} if seconds else {}))
    try:
        place = out or Path("runs") / f"flows-{name}"
        rows = run(folder, scale, place, only)
        command = f"python experiments/flows/run.py --scale {name} --data {folder.name} --seconds {scale.seconds:g}"
        summary = {"provenance": asdict(provenance(command, sorted(folder.glob("*.bin")))), "rows": rows}
        results.mkdir(parents=True, exist_ok=True)
        for figure in place.glob(f"*/{FIGURE}"):
            shutil.copy(figure, results)
        stem = name if scale == SCALES[name] else f"{name}-{scale.seconds:g}"
        (results / f"{stem}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    smoke.run(
        main.main,
        "--scale smoke --data {cifar} --out {out}/runs --results {out}",
    )
