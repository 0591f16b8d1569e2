"""Does a critic pay? One codec trained on squared error, on a perceptual distance, and with a critic besides.

    python experiments/hific/run.py --scale tiny --data photos
    python experiments/hific/run.py --scale smoke          on made-up pictures: does everything run?

All have the same networks, steps and target rate. Held-out pictures (every tenth) are coded whole, into real bytes; the
table has rate, PSNR, MS-SSIM and SSIMULACRA2, and results/SCALE.jpg shows the middles of the first ones.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

from roundel.errors import RoundelError
from roundel.lab import smoke
from roundel.lab.classic import Size
from roundel.lab.classic_coder import coder_of
from roundel.lab.hific import Hific, HificTask, Objective
from roundel.measure import metrics, ssimulacra2
from roundel.measure.provenance import provenance
from roundel.training import configuration, data, quantizers
from roundel.training.trainer import Schedule, train

HERE = Path(__file__).parent
STAGES = ((0.0, "mixed"),)
SHOWN, CROP = 3, 256
"""Pictures shown, and the side of their middles."""


@click.command(help=__doc__)
@click.option("--scale", type=click.Choice(["smoke", "tiny"]), default="smoke", show_default=True)
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Pictures.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for trainings [runs/hific-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--only", help="Only these runs, as mse,hific.")
def main(scale: str, folders: tuple[Path, ...], out: Path | None, results: Path, only: str | None) -> None:
    torch.set_num_threads(1)
    try:
        table = configuration.read(HERE / f"{scale}.toml")
        size = configuration.record(Size, table["shape"], "shape")
        schedule = replace(configuration.record(Schedule, table["schedule"], "schedule"), seed=table["seed"])
        learning, validating = data.split(data.find_images(folders))
        files = validating[: table["pictures"]]
        originals = data.load(files)
        crops, validation = data.Crops(data.load(learning)), data.centre_crops(originals, CROP)
        rows: list[dict[str, Any]] = []
        shown = [np.vstack([_middle(pixels) for pixels in originals[:SHOWN]])]
        for name, settings in table["runs"].items():
            if only and name not in only.split(","):
                continue
            objective = configuration.record(Objective, table["objective"] | settings, name)
            torch.manual_seed(schedule.seed)
            task = HificTask(Hific(size), crops, validation, 0.0, STAGES, objective)
            model = train(task, schedule, (out or Path("runs") / f"hific-{scale}") / name, resume=True, progress=False)
            row, decoded = _measure(model, originals)
            rows.append({"run": name, "objective": asdict(objective), **row})
            shown.append(np.vstack([_middle(pixels) for pixels in decoded[:SHOWN]]))
            click.echo(f"{name:12} " + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))
        results.mkdir(parents=True, exist_ok=True)
        where = " ".join(f"--data {folder.name}" for folder in folders)
        source = asdict(provenance(f"python experiments/hific/run.py --scale {scale} {where}", files))
        summary = {"provenance": source, "configuration": table, "rows": rows}
        (results / f"{scale}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        Image.fromarray(np.hstack(shown)).save(results / f"{scale}.jpg", quality=90)
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


def _measure(model: torch.nn.Module, originals: list[np.ndarray]) -> tuple[dict[str, float], list[np.ndarray]]:
    """Means over pictures, and what they decode to."""
    coder = coder_of(model.codec, quantizers.make(STAGES[-1][1]))  # type: ignore[arg-type]
    decoded, values = [], []
    for pixels in originals:
        coded = coder.encode(pixels)
        decoded.append(coder.decode(coded))
        values.append(
            (
                8 * len(coded) / (pixels.shape[0] * pixels.shape[1]),
                metrics.psnr(pixels, decoded[-1]),
                metrics.ms_ssim(pixels, decoded[-1]),
                ssimulacra2.ssimulacra2(pixels, decoded[-1]),
            )
        )
    return dict(zip(("bpp", "psnr_db", "ms_ssim", "ssimulacra2"), np.mean(values, 0).tolist(), strict=True)), decoded


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (pixels.shape[0] - CROP) // 2, (pixels.shape[1] - CROP) // 2
    return pixels[top : top + CROP, left : left + CROP]


if __name__ == "__main__":
    smoke.run(
        main.main,
        "--scale smoke --data {pictures} --out {out}/runs --results {out}",
    )
