"""What encoding harder saves: files of a folder at several efforts, bytes at equal PSNR, seconds.

    python experiments/effort/run.py DIR [--efforts 0,1,5,9] [--qualities 10,30,50,70,90] [--model NAME]

Writes results/FOLDER.json. Seconds are of one picture on the threads that torch takes, and only meaningful on a machine
that does nothing else.
"""

import json
import statistics
import time
from dataclasses import asdict
from pathlib import Path

import click

from roundel import image, loading, metrics
from roundel.codec import decode_array, encode
from roundel.errors import RoundelError
from roundel.lab.data import find_images
from roundel.lab.provenance import provenance

HERE = Path(__file__).parent


def numbers(text: str) -> list[int]:
    """Integers between commas."""
    return [int(part) for part in text.split(",")]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--efforts", default="0,1,5,9", show_default=True)
@click.option("--qualities", default="10,30,50,70,90", show_default=True)
@click.option("--model", help="Name or weights file [the default].")
@click.option("--pictures", type=click.IntRange(1), help="At most so many.")
def main(folder: Path, efforts: str, qualities: str, model: str | None, pictures: int | None) -> None:
    codec = loading.load_model(model)
    files = find_images([folder])[:pictures]
    pixels = [image.reduce_depth(image.read(file)).pixels for file in files]
    encode(pixels[0], quality=50, model=codec)  # libraries load off the clock
    points, curves = [], {}
    for effort in numbers(efforts):
        for quality in numbers(qualities):
            rates, psnrs, seconds = [], [], []
            for original in pixels:
                begun = time.perf_counter()
                data = encode(original, quality=quality, model=codec, effort=effort)
                seconds.append(time.perf_counter() - begun)
                rates.append(8 * len(data) / (original.shape[0] * original.shape[1]))
                psnrs.append(metrics.psnr(original, decode_array(data, model=codec)))
            bpp, psnr_db, encode_s = map(statistics.mean, (rates, psnrs, seconds))
            click.echo(f"effort {effort} quality {quality}: {bpp:.4f} bpp {psnr_db:.3f} dB {encode_s:.2f} s")
            points.append({"effort": effort, "quality": quality, "bpp": bpp, "psnr_db": psnr_db, "encode_s": encode_s})
        own = [p for p in points if p["effort"] == effort]
        curves[effort] = metrics.Curve(tuple(p["bpp"] for p in own), tuple(p["psnr_db"] for p in own))
    saved = {}
    for anchor in (0, 1):
        for effort, curve in curves.items():
            if anchor in curves and effort != anchor:
                try:
                    saved[f"{effort} v {anchor}"] = round(metrics.bd_rate(curves[anchor], curve).percent, 3)
                except RoundelError as error:
                    raise click.ClickException(str(error)) from error
    click.echo(f"BD-rate, %: {saved}")
    command = f"python experiments/effort/run.py {folder.name} --efforts {efforts} --qualities {qualities}"
    result = {"model": codec.name, "points": points, "bd_rate_percent": saved, **asdict(provenance(command, files))}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{folder.name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
