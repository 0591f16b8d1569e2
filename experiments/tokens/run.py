"""Tokens in real files: Kodak with the photo model, CIFAR-10's test pictures as one pack. Writes one JSON file.

    python experiments/tokens/run.py kodak OUT.json --data kodak
    python experiments/tokens/run.py cifar OUT.json --data cifar-10-batches-bin
    python experiments/tokens/run.py --scale smoke          on made-up pictures: does everything run?

Nominal bits are Σ log2 L; those of counts are the empirical entropy of each channel over all pictures, which a coder
without a learned prior could reach at best. Every file's tokens are read back and compared.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

import roundel
from roundel import container
from roundel.codecs.tokens.codec import TokenModel
from roundel.image import cifar, read
from roundel.lab import smoke
from roundel.measure import metrics
from roundel.measure.provenance import provenance
from roundel.packing import Collection, pack, unpack

HERE = Path(__file__).parent


def kodak(folder: Path, model: TokenModel) -> dict[str, Any]:
    """Rate and distortion of whole files."""
    rows, counts, pixels = [], [np.zeros(n) for n in model.levels], 0
    for path in sorted(folder.glob("*.png")):
        picture = read(path)
        data = roundel.encode(picture, model=model)
        codes = roundel.tokenize(data, model=model)
        assert np.array_equal(codes, roundel.tokenize(picture, model=model))
        shown = roundel.decode_array(data, model=model)
        for d, n in enumerate(model.levels):
            counts[d] += np.bincount(codes[..., d].ravel(), minlength=n)
        size = picture.width * picture.height
        pixels += size
        rows.append({
            "picture": path.name,
            "bpp": round(8 * len(data) / size, 4),
            "psnr_db": round(metrics.psnr(picture.pixels, shown), 3),
            "ms_ssim": round(metrics.ms_ssim(picture.pixels, shown), 5),
        })  # fmt: skip
    tokens = sum(counts[0])
    return {
        "bpp": round(float(np.mean([r["bpp"] for r in rows])), 4),
        "psnr_db": round(float(np.mean([r["psnr_db"] for r in rows])), 3),
        "ms_ssim": round(float(np.mean([r["ms_ssim"] for r in rows])), 5),
        "nominal_bpp": round(tokens * nominal_bits(model) / pixels, 4),
        "counts_bpp": round(tokens * entropy_bits(counts) / pixels, 4),
        "pictures": rows,
    }


def test_pack(folder: Path, model: TokenModel) -> dict[str, Any]:
    """The 10,000 test pictures in one file."""
    pictures, labels = cifar.read([folder / "test_batch.bin"])
    data = pack(Collection(list(pictures), labels=labels.tolist()), model=model)
    opened = container.read_pack(data)
    shown = np.stack(list(unpack(opened, range(len(opened)), model=model)))
    codes = np.concatenate([roundel.tokenize(p, model=model).reshape(1, -1) for p in pictures[:500]])
    errors = ((pictures / 255.0 - shown / 255.0) ** 2).mean((1, 2, 3))
    payload = sum(len(p) for unit in range(opened.units) for p in opened.passes(unit))
    return {
        "bits_per_picture": round(8 * payload / len(pictures), 2),
        "file_bits_per_picture": round(8 * len(data) / len(pictures), 2),
        "nominal_bits": round(nominal_bits(model), 2),
        "counts_bits_of_500": round(entropy_bits([np.bincount(c) for c in codes.T]), 2),
        "psnr_db": round(-10 * float(np.log10(errors.mean())), 3),
        "mean_psnr_db": round(float(np.mean(-10 * np.log10(errors))), 3),
        "levels_used_of_500": round(float(np.mean([len(np.unique(c)) for c in codes.T])), 2),
    }


def nominal_bits(model: TokenModel) -> float:
    """Σ log2 L of a token."""
    return float(np.log2(model.levels).sum())


def entropy_bits(counts: list[np.ndarray]) -> float:
    """Σ of the empirical entropies."""
    shares = [c[c > 0] / c.sum() for c in counts]
    return float(sum(-(p * np.log2(p)).sum() for p in shares))


@click.command(help=__doc__)
@click.argument("what", type=click.Choice(["kodak", "cifar"]))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path))
@click.option("--model", help="Instead of photo-tokens or cifar-tokens.")
def main(what: str, out: Path, folder: Path, model: str | None) -> None:
    name = model or {"kodak": "photo-tokens", "cifar": "cifar-tokens"}[what]
    loaded = roundel.load_model(name)
    assert isinstance(loaded, TokenModel)
    files = sorted(folder.glob("*.png") if what == "kodak" else folder.glob("test_batch.bin"))
    command = f"python experiments/tokens/run.py {what} {out.name} --data {folder.name}"
    command += f" --model {model}" if model else ""
    found = {
        "provenance": asdict(provenance(command, files)),
        "model": loaded.name,
        "weights_hash": loaded.weights_hash.hex(),
        **(kodak(folder, loaded) if what == "kodak" else test_pack(folder, loaded)),
    }
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps({k: v for k, v in found.items() if k not in ("pictures", "provenance")}))


if __name__ == "__main__":
    smoke.run(
        main.main,
        "kodak {out}/kodak.json --data {pictures}",
        "cifar {out}/cifar.json --data {cifar}",
    )
