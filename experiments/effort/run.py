"""What encoding harder saves: pictures of a folder at several efforts, bytes at equal quality, processor time.

    python experiments/effort/run.py DIR [--efforts 0,1,5,9] [--qualities 15,35,55,75] [--every 1] [--tune psnr]
    python experiments/effort/run.py --scale smoke          on made-up pictures: does everything run?

results/FOLDER.jsonl gets a line for each picture, effort and quality. What it has is not measured again: a broken run
goes on, and a call with other options adds to it. results/FOLDER.json sums up all of it.
"""

import json
import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from roundel import image
from roundel.codec import decode_array, encode
from roundel.codecs import loading
from roundel.errors import RoundelError
from roundel.lab import smoke
from roundel.measure import metrics, ssimulacra2
from roundel.measure.provenance import provenance
from roundel.measure.rd import pictures_in

HERE = Path(__file__).parent
ANCHORS = (0, 1)
"""Rounding to the nearest, and what `roundel encode` does when nobody asks for more."""


@dataclass(frozen=True)
class Row:
    """One file that was made."""

    model: str
    """Its name, and the tuning."""
    picture: str
    effort: int
    quality: int
    bpp: float
    quality_reached: float
    """PSNR in dB, or the SSIMULACRA2 score, as the tuning has it."""
    cpu_s: float
    """Processor time of encoding, on one thread."""

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What is measured once."""
        return self.model, self.picture, self.effort, self.quality


Points = dict[tuple[str, int, int], Row]
"""By picture, effort and quality, of one model."""


def numbers(text: str) -> list[int]:
    """Integers between commas."""
    return [int(part) for part in text.split(",")]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--efforts", default="0,1,5,9", show_default=True)
@click.option("--qualities", default="15,35,55,75", show_default=True)
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Take every so many-th picture.")
@click.option("--model", help="Name or weights file [the default].")
@click.option("--tune", type=click.Choice(["psnr", "ssimulacra2"]), default="psnr", show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
def main(folder: Path, efforts: str, qualities: str, every: int, model: str | None, tune: str, results: Path) -> None:
    try:
        codec = loading.load_model(model)
        name, judge = f"{codec.name} {tune}", metrics.psnr if tune == "psnr" else ssimulacra2.ssimulacra2
        files = pictures_in(folder)
        results.mkdir(parents=True, exist_ok=True)
        store = results / f"{folder.name}.jsonl"
        lines = store.read_text(encoding="utf-8").splitlines() if store.exists() else []
        rows = [Row(**json.loads(line)) for line in lines]
        known = {row.key for row in rows}
        encode(image.reduce_depth(image.read(files[0])).pixels, quality=50, model=codec)  # libraries load off the clock
        with store.open("a", encoding="utf-8") as out:
            for file in files[::every]:
                pixels = image.reduce_depth(image.read(file)).pixels
                for effort in numbers(efforts):
                    for quality in numbers(qualities):
                        if (name, file.name, effort, quality) in known:
                            continue
                        begun = time.process_time()
                        data = encode(pixels, quality=quality, model=codec, effort=effort, tune=tune)
                        cpu_s = round(time.process_time() - begun, 3)
                        bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
                        reached = judge(pixels, decode_array(data, model=codec))
                        rows.append(Row(name, file.name, effort, quality, round(bpp, 6), round(reached, 4), cpu_s))
                        click.echo(rows[-1], err=True)
                        out.write(json.dumps(asdict(rows[-1])) + "\n")
                        out.flush()
        points = {row.key[1:]: row for row in rows if row.model == name}
        summary = sum_up(points)
    except RoundelError as error:
        raise click.ClickException(str(error)) from error
    for found in summary:
        click.echo(json.dumps(found))
    command = (
        f"python experiments/effort/run.py {folder.name} --efforts {efforts} --qualities {qualities} --tune {tune}"
    )
    source = asdict(provenance(f"{command} --every {every}", files))
    whole = {"model": name, "summary": summary, "last_call": source}
    (results / f"{folder.name}-{tune}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def sum_up(points: Points) -> list[dict[str, object]]:
    """Each effort against each anchor, over the pictures and qualities that have both."""
    out: list[dict[str, object]] = []
    for anchor in ANCHORS:
        for effort in sorted({effort for _, effort, _ in points} - {anchor}):
            both = {(p, q) for p, e, q in points if e == effort and (p, anchor, q) in points}
            qualities = sorted({q for _, q in both})
            pictures = sorted({p for p, _ in both if all((p, q) in both for q in qualities)})  # those that are finished
            if len(qualities) < 2 or not pictures:
                continue
            each = [metrics.bd_rate(*(curve(points, [p], e, qualities) for e in (anchor, effort))) for p in pictures]
            mean = metrics.bd_rate(*(curve(points, pictures, e, qualities) for e in (anchor, effort)))
            seconds = [points[p, effort, q].cpu_s for p in pictures for q in qualities]
            out.append({
                "effort": effort, "anchor": anchor, "pictures": len(pictures), "qualities": qualities,
                "bd_rate_percent": round(mean.percent, 2),
                "worst_percent": round(max(bd.percent for bd in each), 2),
                "best_percent": round(min(bd.percent for bd in each), 2),
                "cpu_s": round(statistics.mean(seconds), 2), "most_cpu_s": round(max(seconds), 2),
            })  # fmt: skip
    return out


def curve(points: Points, pictures: Iterable[str], effort: int, qualities: Iterable[int]) -> metrics.Curve:
    """Means over pictures."""
    found = [[points[p, effort, q] for p in pictures] for q in qualities]
    bpp = tuple(statistics.mean(row.bpp for row in of_quality) for of_quality in found)
    return metrics.Curve(bpp, tuple(statistics.mean(row.quality_reached for row in of_quality) for of_quality in found))


if __name__ == "__main__":
    smoke.run(
        main.main,
        "{pictures} --efforts 0,1,5 --qualities 35,75 --every 2 --results {out}",
    )
