"""Quantisers at equal rate from one training each: codes are chosen by distance and bits, at several prices of a bit.

    python experiments/fsq/priced.py --scale long --data cifar-10-batches-bin --only grid-fsq-12,grid-vq-12

Takes trainings that run.py kept. A code costs its squared distance from the latent plus its bits under the prior, times
a price; a price of 0 is rounding as trained. Prices are shares of the mean squared distance at price 0. Latents near
each other need not look alike, so a quantiser that comes down to the rate of another this way is at least as good as it
looks. Results are real bytes of all test pictures: results/SCALE-priced.json.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from measure import BATCH
from run import HERE, Scale, test_pictures
from runs import RUNS
from tables import at_rate
from torch import Tensor

from roundel.errors import ModelError, RoundelError
from roundel.measure.provenance import provenance
from roundel.training import configuration
from roundel.training.entropy.bounded import bounded_bits, scale_of
from roundel.training.entropy.categorical import CategoricalPrior
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.quantizers.codes import along_channels
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.vq import VectorQuantizer
from roundel.training.tokens.export import coder_of
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.trainer import CHECKPOINT, averaged

SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
TOKENS = 512
"""At a time, so that distances to all vectors stay in the cache."""


def vectors(model: DiscreteAutoencoder, z: Tensor, share: float) -> Tensor:
    """Codes (B, 1, h, w) of latents (B, D, h, w) by a codebook under a table."""
    quantizer, prior = model.bottleneck, model.prior
    assert isinstance(quantizer, VectorQuantizer)
    assert isinstance(prior, CategoricalPrior)
    price = share * float((quantizer(z).values - z).square().sum(1).mean())
    book, flat = quantizer.codebook, z.movedim(1, -1).reshape(-1, quantizer.dims)
    cost = book.square().sum(1) + price * prior.symbol_bits()[0]
    index = torch.cat([torch.addmm(cost, part, -2 * book.T).min(1).indices for part in flat.split(TOKENS)])
    return index.view(len(z), 1, *z.shape[2:])


def scalars(model: DiscreteAutoencoder, z: Tensor, share: float) -> Tensor:
    """Codes (B, D, h, w) of latents (B, D, h, w) by FSQ under a chain: one dimension after the other."""
    quantizer, prior = model.bottleneck, model.prior
    assert isinstance(quantizer, FSQ)
    assert isinstance(prior, GuessedPrior)
    hard = quantizer(z)
    codes, wanted = hard.codes.clone(), quantizer.grid.value(hard.position)
    price = share * float((hard.values - wanted).square().mean())
    for d, levels in enumerate(quantizer.levels):
        mean, index = prior.parameters_of(codes.float())
        best = torch.full_like(wanted[:, d], torch.inf)
        for code in range(levels):
            trial = codes.clone()
            trial[:, d] = code
            tops = along_channels(prior.tops, trial)
            bits = bounded_bits(trial.float(), trial, tops, mean, scale_of(index))[:, d]
            cost = (quantizer.values(trial)[:, d] - wanted[:, d]).square() + price * bits
            codes[:, d] = torch.where(cost < best, code, codes[:, d])
            best = torch.minimum(best, cost)
    return codes


@torch.no_grad()
def point(model: DiscreteAutoencoder, pictures: Tensor, share: float) -> dict[str, float]:
    """Bits of a picture in one stream of all, and PSNR, at a price."""
    choose = vectors if isinstance(model.bottleneck, VectorQuantizer) else scalars
    parts, squared = [], 0.0
    for part in pictures.split(BATCH):
        codes = choose(model, model.net.analysis(part.float() / 255), share)
        shown = torch.floor(model.decode(codes, *part.shape[2:]) * 255 + 0.5)
        squared += float((shown - part).square().sum())
        parts.append(codes)
    stream = coder_of(model.prior).encode(torch.cat(parts).numpy().astype(np.int32))
    return {
        "share": share,
        "stream_bits": 8 * sum(map(len, stream)) / len(pictures),
        "psnr_db": 10 * float(np.log10(255**2 * pictures.numel() / squared)),
    }


@click.command(help=__doc__)
@click.option("--scale", "name", required=True, help="Whose trainings.")
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="CIFAR-10, binary version.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the trainings [runs/fsq-SCALE].")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
@click.option("--only", required=True, help="These runs, as grid-fsq-12,grid-vq-12; differences are from the last.")
def main(name: str, folder: Path, out: Path | None, results: Path, only: str) -> None:
    try:
        scale = configuration.record(Scale, configuration.read(HERE / f"{name}.toml"), name)
        pictures = test_pictures(folder, scale.pictures)
        curves: list[dict[str, Any]] = []
        for wanted in only.split(","):
            run = next((run for run in RUNS if run.name == wanted), None)
            if run is None:
                raise ModelError(f"no such training: {wanted}")
            places = {
                seed: (out or Path("runs") / f"fsq-{name}") / f"{wanted}-{seed}" for seed in range(1, run.seeds + 1)
            }
            kept = {seed: place for seed, place in places.items() if (place / CHECKPOINT).exists()}
            if not kept:
                raise ModelError(f"{places[1]}: no training; make it with run.py --scale {name} --only {wanted}")
            for seed, place in kept.items():
                model = DiscreteAutoencoder(run.shape).eval()
                model.load_state_dict(averaged(place / CHECKPOINT, model))
                points = [point(model, pictures, share) for share in SHARES]
                curves.append({"name": wanted, "seed": seed, "points": points})
                click.echo(f"{wanted} seed {seed}: " + ", ".join(
                    f"{p['stream_bits']:.1f} bits {p['psnr_db']:.3f} dB" for p in points), err=True)  # fmt: skip
        command = f"python experiments/fsq/priced.py --scale {name} --data {folder.name} --only {only}"
        summary = {
            "provenance": asdict(provenance(command, [folder / "test_batch.bin"])),
            "scale": asdict(scale),
            "curves": curves,
            "differences": differences(curves),
        }
        (results / f"{name}-priced.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        click.echo(json.dumps(summary["differences"], indent=1))
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


def differences(curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """PSNR less that of the last quantiser with the same seed, at every rate of a curve that the other reaches."""
    found = []
    for curve in curves:
        other = next((c for c in curves if c["name"] == curves[-1]["name"] and c["seed"] == curve["seed"]), None)
        if other is None or other is curve:
            continue
        line = sorted((p["stream_bits"], p["psnr_db"]) for p in other["points"])
        for p in curve["points"]:
            if (there := at_rate(line, p["stream_bits"])) is not None:
                row = {"stream_bits": p["stream_bits"], "difference_db": round(p["psnr_db"] - there, 3)}
                found.append({"name": curve["name"], "seed": curve["seed"], **row})
    return found


if __name__ == "__main__":
    main()
