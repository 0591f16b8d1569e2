"""How lossy files look: curves of several codecs over a folder of pictures, by metrics of seeing and by PSNR.

    python experiments/eye/run.py DIR [--codec NAME ...] [--every 1] [--settings 5]
    python experiments/eye/run.py DIR --table
    python experiments/eye/run.py --scale smoke          on made-up pictures: does everything run?

results/FOLDER.jsonl gets a line for each picture, codec and setting: bytes of the file, PSNR, MS-SSIM, SSIMULACRA2 and,
where `butteraugli_main` is there (Debian: libjxl-devtools), Butteraugli's 3-norm. What it has is not measured again,
unless a codec is given with --afresh. --table prints BD-rates: of each picture, and then averaged. Of Butteraugli the
negative counts as quality. Pictures are cut to their middle 768 × 768 px at most.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from roundel import image
from roundel.errors import RoundelError
from roundel.lab import smoke
from roundel.measure import baselines, metrics, ssimulacra2
from roundel.measure.provenance import provenance
from roundel.measure.rd import pictures_in

HERE = Path(__file__).parent
LARGEST_PX = 768
LADDERS: dict[str, tuple[float, ...]] = {
    "roundel": (15, 30, 45, 60, 75, 88),
    "roundel-effort-9": (15, 30, 45, 60, 75, 88),
    "roundel-psnr": (15, 30, 45, 60, 75, 88),
    "avif": (12, 25, 40, 55, 70, 85),
    "avif-psnr": (6, 18, 30, 44, 58, 74),
    "jxl": (12, 8, 5, 3, 1.8, 1.0),
    "webp": (2, 14, 35, 60, 80, 92),
    "jpeg2000": (140, 80, 48, 28, 16, 9),
    "jpeg": (6, 15, 30, 55, 78, 90),
}
"""From about 0.1 to 1.8 bits a pixel. roundel is the default tuning, for the eye."""
METRICS = ("ssimulacra2", "butteraugli", "ms_ssim_db", "psnr_db")
ANCHORS = ("avif", "avif-psnr", "jxl", "webp", "jpeg2000", "jpeg")
Row = dict[str, Any]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--codec", "names", multiple=True, type=click.Choice(list(LADDERS)), help="[all]")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Take every so many-th picture.")
@click.option("--settings", type=click.IntRange(1), default=1, show_default=True, help="… and setting.")
@click.option("--model", help="Of roundel: name or weights file [the default].")
@click.option("--afresh", is_flag=True, help="Forget what was measured of these codecs.")
@click.option("--table", is_flag=True, help="Measure nothing, print BD-rates.")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
def main(
    folder: Path, names: tuple[str, ...], every: int, settings: int, model: str | None,
    afresh: bool, table: bool, results: Path,
) -> None:  # fmt: skip
    try:
        results.mkdir(parents=True, exist_ok=True)
        store = results / f"{folder.name}.jsonl"
        rows = [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()] if store.exists() else []
        wanted = names or tuple(LADDERS)
        if not table:
            if afresh:
                rows = [row for row in rows if row["codec"] not in wanted]
                store.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            files = pictures_in(folder)[::every]
            known = {(row["picture"], row["codec"], row["setting"]) for row in rows}
            with store.open("a", encoding="utf-8") as out:
                for row in measured(files, wanted, settings, known, model):
                    print(json.dumps(row), file=out, flush=True)
                    rows.append(row)
        rates = bd_rates(rows)
        print(text_of(rates))
        if not table:
            command = " ".join(["python experiments/eye/run.py", folder.name, *sys.argv[2:]])
            origin = vars(provenance(command, pictures_in(folder)[::every]))
            summary = {"provenance": origin, "bd_rates": rates}
            (results / f"{folder.name}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except RoundelError as error:
        raise click.ClickException(str(error)) from error


def measured(
    files: Iterable[Path], names: Iterable[str], settings: int, known: set[tuple[str, str, float]], model: str | None
) -> Iterable[Row]:
    """Rows of what is not known yet."""
    for file in files:
        pixels = middle(image.reduce_depth(image.read(file)).pixels)
        for name in names:
            encode, decode = codec(name, model)
            for setting in LADDERS[name][::settings]:
                if (file.name, name, setting) in known:
                    continue
                data = encode(pixels, setting)
                found = judged(pixels, decode(data))
                yield (
                    {"picture": file.name, "codec": name, "setting": setting, "bytes": len(data)}
                    | {"bpp": round(8 * len(data) / (pixels.shape[0] * pixels.shape[1]), 5)}
                    | found
                )


def codec(
    name: str, model: str | None = None
) -> tuple[Callable[[np.ndarray, float], bytes], Callable[[bytes], np.ndarray]]:
    """Encoder and decoder of a codec by its name."""
    if not name.startswith("roundel"):
        found = baselines.find(name)
        return found.encode, found.decode
    import roundel

    tune = "psnr" if name.endswith("psnr") else "ssimulacra2"
    effort = int(name[-1]) if name[-1].isdigit() else None

    def encode(pixels: np.ndarray, setting: float) -> bytes:
        return roundel.encode(pixels, quality=int(setting), model=model, tune=tune, effort=effort)

    def decode(data: bytes) -> np.ndarray:
        pixels = roundel.decode_array(data, model=model) if model else roundel.decode_array(data)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels

    return encode, decode


def middle(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most LARGEST_PX on each side."""
    height, width = (min(side, LARGEST_PX) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def judged(original: np.ndarray, decoded: np.ndarray) -> Row:
    """All metrics of a decoded picture."""
    decoded = np.ascontiguousarray(np.broadcast_to(decoded, original.shape))
    found = {
        "psnr_db": round(metrics.psnr(original, decoded), 4),
        "ms_ssim_db": round(metrics.ms_ssim_db(metrics.ms_ssim(original, decoded)), 4),
        "ssimulacra2": round(ssimulacra2.ssimulacra2(original, decoded), 3),
    }
    if shutil.which("butteraugli_main"):
        found["butteraugli"] = -butteraugli(original, decoded)
    return found


def butteraugli(original: np.ndarray, decoded: np.ndarray) -> float:
    """The 3-norm of libjxl's tool; 0 for equal pictures."""
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / name) for name in ("original.ppm", "decoded.ppm")]
        for name, pixels in zip(names, (original, decoded), strict=True):
            Image.fromarray(np.repeat(pixels, 3 // pixels.shape[2], 2)).save(name)
        said = subprocess.run(["butteraugli_main", *names], capture_output=True, text=True, check=True).stdout
    return float(said.split("3-norm:")[1].split()[0])


def bd_rates(rows: list[Row]) -> dict[str, dict[str, dict[str, Any]]]:
    """By metric, codec and anchor: mean, least and most of pictures' BD-rates in per cent, and how many pictures."""
    curves: dict[tuple[str, str, str], metrics.Curve] = {}
    for metric in METRICS:
        for key in dict.fromkeys((row["picture"], row["codec"]) for row in rows):
            own = [row for row in rows if (row["picture"], row["codec"]) == key and metric in row]
            curves[(metric, *key)] = rising([(row[metric], row["bpp"]) for row in own])
    pictures = list(dict.fromkeys(row["picture"] for row in rows))
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for metric in METRICS:
        for name in LADDERS:
            for anchor in ANCHORS:
                found = []
                for picture in pictures:
                    pair = [curves.get((metric, picture, codec)) for codec in (anchor, name)]
                    if name == anchor or any(c is None or len(c.rates) < 2 for c in pair):
                        continue
                    try:
                        found.append(metrics.bd_rate(pair[0], pair[1]).percent)  # type: ignore[arg-type]
                    except RoundelError:
                        continue
                if found:
                    least, most = round(min(found), 2), round(max(found), 2)
                    mean = round(float(np.mean(found)), 2)
                    entry = {"percent": mean, "least": least, "most": most, "pictures": len(found)}
                    out.setdefault(metric, {}).setdefault(name, {})[anchor] = entry
    return out


def rising(points: list[tuple[float, float]]) -> metrics.Curve:
    """A curve without the points that are worse than a cheaper one."""
    kept: list[tuple[float, float]] = []
    for quality, bpp in sorted(points, key=lambda point: point[1]):
        if not kept or quality > kept[-1][0] + 1e-6:
            kept.append((quality, bpp))
    return metrics.Curve(tuple(bpp for _, bpp in kept), tuple(quality for quality, _ in kept))


def text_of(rates: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Tables, one a metric."""
    lines = []
    for metric, codecs in rates.items():
        lines += [f"{metric}: BD-rate in %", "  ".join(["codec".ljust(12), *(f"v {a}".rjust(12) for a in ANCHORS)])]
        for name, found in codecs.items():
            cells = [f"{found[a]['percent']:+.1f}" if a in found else "" for a in ANCHORS]
            lines.append("  ".join([name.ljust(12), *(cell.rjust(12) for cell in cells)]))
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    smoke.run(
        main.main,
        "{pictures} --settings 3 --results {out}",
    )
