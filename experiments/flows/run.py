"""Likelihoods of the flows of the literature and of the shipped kind, after equal processor time, and their bytes.

    python experiments/flows/run.py --scale full --data cifar-10-batches-bin [--seconds 480] [--only idf,glow]

Every configuration beside this file is trained on the CIFAR-10 training batches, but for their last 1,000 pictures, for
as many steps as fit into the given seconds of one processor core; the learning rate falls to zero at the last. The
figure is bits per dimension of the averaged weights on those 1,000 pictures: of discrete models what a coder needs, of
continuous ones an upper bound by dequantisation, of bit-swap one by its posterior. pyramid.toml needs about as many
multiplications a pixel as idf.toml.

Each training is kept in the folder --out and goes on from there when the command is given again; results/cifar.json has
what is finished.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
from training import trained

from roundel.errors import RoundelError
from roundel.measure.provenance import provenance

HERE = Path(__file__).parent
SECONDS = {"smoke": 2.0, "full": 480.0}


def measured(config: Path, folder: Path, seconds: float, place: Path) -> dict[str, Any]:
    """Train and measure, unless that was done before."""
    result = place / "result.json"
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    recipe, model, how = trained(config, folder, seconds, place)
    bits, _ = recipe.task.validate(model)
    found = {"bits_per_dimension": round(bits, 4), **how}
    result.write_text(json.dumps(found), encoding="utf-8")
    return found


@click.command(help=__doc__)
@click.option("--scale", type=click.Choice(list(SECONDS)), default="smoke", show_default=True)
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="CIFAR-10, binary version.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Of processor time for each row.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for trainings [runs/flows-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--only", help="Only these rows, as idf,glow.")
def main(
    scale: str, folder: Path, seconds: float | None, out: Path | None, results: Path, only: str | None
) -> None:  # fmt: skip
    try:
        torch.set_num_threads(1)
        seconds, place = seconds or SECONDS[scale], out or Path("runs") / f"flows-{scale}"
        batches = sorted(folder.glob("data_batch_*.bin"))
        command = f"python experiments/flows/run.py --scale {scale} --data {folder.name} --seconds {seconds:g}"
        rows: dict[str, Any] = {}
        for config in sorted(HERE.glob("*.toml")):
            if only is None or config.stem in only.split(","):
                rows[config.stem] = measured(config, folder, seconds, place / config.stem)
                click.echo(f"{config.stem}: {rows[config.stem]}", err=True)
        summary = {"provenance": asdict(provenance(command, batches)), "rows": rows}
        results.mkdir(parents=True, exist_ok=True)
        (results / "cifar.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
