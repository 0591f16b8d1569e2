"""What encoding harder saves: latents annealed picture by picture (Yang et al. 2020), decoders unchanged, real bytes.

    python experiments/priors/annealed.py --scale tiny --data photos

Takes the mean-scale hyperpriors that run.py left in its folder, and the middles of held-out pictures.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import torch
from trained import ANCHOR, held_out

from roundel.errors import RoundelError
from roundel.lab.annealed_encoding import AnnealedCoder, Annealing
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.classic_coder import Coder, HyperpriorCoder
from roundel.measure import metrics
from roundel.measure.metrics import Curve, bd_rate
from roundel.measure.provenance import provenance
from roundel.training import configuration, data, quantizers
from roundel.training.trainer import CHECKPOINT, averaged

HERE = Path(__file__).parent
NAMES = ("analysis", "annealed")


@click.command(help=__doc__)
@click.option("--scale", type=click.Choice(["smoke", "tiny", "small"]), default="smoke", show_default=True)
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Pictures.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the trainings [runs/priors-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--lmbdas", help="Only these.")
@click.option("--pictures", type=click.IntRange(1), default=3, show_default=True)
@click.option("--crop", type=click.IntRange(64), default=256, show_default=True, help="Side of the middles, in px.")
@click.option("--steps", type=click.IntRange(1), default=300, show_default=True, help="Of annealing, each picture.")
@click.option("--lr", type=float, default=Annealing.lr, show_default=True)
def main(scale: str, folders: tuple[Path, ...], out: Path | None, results: Path, lmbdas: str | None, pictures: int,
         crop: int, steps: int, lr: float) -> None:  # fmt: skip
    torch.set_num_threads(1)
    try:
        table = configuration.read(HERE / f"{scale}.toml")
        size = configuration.record(Size, table["shape"], "shape")
        annealing = Annealing(steps=steps, lr=lr)
        files = held_out(folders, pictures)
        middles = data.centre_crops(data.load(files), crop).permute(0, 2, 3, 1).numpy()
        rounding = quantizers.make("mixed")
        rows = []
        rates = [float(text) for text in lmbdas.split(",")] if lmbdas else table["lmbdas"]
        for lmbda in rates:
            model = Hyperprior(replace(size, lmbda=lmbda), means=True)
            place = (out or Path("runs") / f"priors-{scale}") / f"{ANCHOR}-{table['seeds'][0]}" / f"{lmbda:g}"
            model.load_state_dict(averaged(place / CHECKPOINT, model))
            coders = (HyperpriorCoder(model, rounding), AnnealedCoder(model, rounding, annealing))
            for name, coder in zip(NAMES, coders, strict=True):
                bpp, psnr_db, mse = _coded(coder, middles)
                loss = bpp + lmbda * mse
                rows.append({"encoder": name, "lmbda": lmbda, "bpp": bpp, "psnr_db": psnr_db, "loss": loss})
                click.echo(f"λ {lmbda:g}  {name:9} {bpp:.4f} bpp  {psnr_db:.3f} dB  R + λD {loss:.4f}")
        points = {name: sorted((r["bpp"], r["psnr_db"]) for r in rows if r["encoder"] == name) for name in NAMES}
        curves = [Curve(*map(tuple, zip(*points[name], strict=True))) for name in NAMES]
        percent = bd_rate(*curves).percent if len(rates) > 2 else None
        click.echo("" if percent is None else f"BD-rate of annealing {percent:+.2f} %")
        where = " ".join(f"--data {folder.name}" for folder in folders)
        command = (
            f"python experiments/priors/annealed.py --scale {scale} {where} --lmbdas {','.join(map(str, rates))} "
            f"--pictures {pictures} --crop {crop} --steps {steps} --lr {lr:g}"
        )
        source = asdict(provenance(command, files))
        summary = {"provenance": source, "annealing": asdict(annealing), "bd_rate_percent": percent, "rows": rows}
        results.mkdir(parents=True, exist_ok=True)
        (results / f"{scale}-annealed.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


def _coded(coder: Coder, pictures: np.ndarray) -> tuple[float, float, float]:
    """Bits a pixel, PSNR and mean squared error, means over pictures (N, H, W, 3)."""
    strings = [coder.encode(pixels) for pixels in pictures]
    decoded = np.stack([coder.decode(data) for data in strings])
    psnrs = [metrics.psnr(*pair) for pair in zip(pictures, decoded, strict=True)]
    mse = np.square(pictures.astype(float) - decoded).mean()
    return 8 * sum(map(len, strings)) / pictures[..., 0].size, float(np.mean(psnrs)), float(mse)


if __name__ == "__main__":
    main()
