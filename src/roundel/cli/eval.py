"""`roundel eval`: rate and distortion over a folder of pictures, beside other codecs."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from roundel.atomic import atomic_write
from roundel.cli.extras import require
from roundel.errors import ImageError

LOSSY = ("roundel", "jpeg", "webp", "avif", "avif-psnr", "jpeg2000")
NEED_IMAGECODECS = ("jxl", "jpegls")
LOSSLESS = ("roundel", "png", "webp-lossless", "jpeg2000-lossless", "jpegls", "jxl-e3", "jxl-e7")


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("-c", "--codec", "specs", multiple=True, metavar="NAME[=S1,S2,…]", help="A codec, and its settings.")
@click.option("-q", "--quality", "qualities", metavar="Q1,Q2,…", help="Qualities for roundel.")
@click.option("--bd-anchor", "anchors", multiple=True, metavar="NAME", help="BD-rates against this codec [all].")
@click.option("--lossless", is_flag=True, help="Bits per subpixel and MB/s of lossless codecs, every pixel checked.")
@click.option("--published", is_flag=True, help="Put the figures of papers beside (curves are of Kodak).")
@click.option(
    "--beside",
    "earlier",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with the points of an earlier run (-o) over the same pictures.",
)
@click.option(
    "--plot", "plot_path", type=click.Path(dir_okay=False, path_type=Path), help="Draw the curves (.png, .svg)."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write all results as JSON.")
@click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Pictures at the same time; seconds are only meaningful at 1.",
)
def command(
    folder: Path,
    specs: tuple[str, ...],
    qualities: str | None,
    anchors: tuple[str, ...],
    lossless: bool,
    published: bool,
    earlier: Path | None,
    plot_path: Path | None,
    output: Path | None,
    force: bool,
    as_json: bool,
    jobs: int,
) -> int:
    """Measure codecs over the pictures in FOLDER, from the bytes of real files.

    PSNR is of RGB, of each picture and then averaged, as are MS-SSIM and (where installed) SSIMULACRA2; BD-rates are
    by PCHIP over log-rate. Codecs: roundel, roundel:MODEL (a name, or a weights file of your own), jpeg, jpeg420,
    webp, avif (tuned for the eye: its rows by SSIMULACRA2 are the fair ones), avif-psnr (its rows by PSNR), jpeg2000,
    jxl; with --lossless roundel, png, webp-lossless, webp-lossless-m6, jpeg2000-lossless, jpegls, jxl-e3, jxl-e7,
    jxl-e9.

    \b
      roundel eval kodak -c roundel -c jpeg -c webp=50,75,90 --bd-anchor jpeg --plot curves.png
      roundel eval kodak -c roundel:runs/x/weights.safetensors=30,60,90 -c roundel=30,60,90
      roundel eval scans --lossless -c roundel -c png -c jxl-e7
    """
    from roundel.measure import curves, rd, rd_table
    from roundel.measure.provenance import command_line, provenance
    from roundel.measure.published import lossless_rows, lossy_points

    if lossless and (anchors or plot_path or qualities or earlier):
        raise click.UsageError(
            "--bd-anchor, --beside, --plot and --quality are about lossy codecs; leave out --lossless."
        )
    if plot_path:
        require("--plot", "matplotlib")
    if any(spec.startswith(NEED_IMAGECODECS) for spec in specs):  # what nobody named is left out where it is missing
        require("JPEG XL or JPEG-LS", "imagecodecs")
    wanted = specs or (LOSSLESS if lossless else LOSSY)
    chosen = [rd.codec_of(spec, lossless=lossless, qualities=qualities) for spec in wanted]
    files = rd.pictures_in(folder)
    origin = provenance(command_line(), files)
    before = curves.points_of(earlier, origin.data) if earlier else []
    unmeasured = set(anchors) - {codec.name for codec in chosen} - {point.codec for point in before}
    if unmeasured:
        raise click.UsageError(f"--bd-anchor {unmeasured.pop()} is not among the codecs that are measured.")
    for path in (output, plot_path):
        if path and path.is_file() and not force:  # before the work, not after it
            raise ImageError(f"cannot write {path}: it exists already; choose another name, or force overwriting (-f)")

    print_rows = partial(_print, as_json=as_json)
    results: dict[str, Any] = {"provenance": origin, "jobs": jobs}
    results["settings"] = {codec.name: codec.settings for codec in chosen}
    with _progress(len(files) * sum(len(codec.ladder) for codec in chosen)) as advance:
        measured = list(rd.sweep(chosen, files, jobs=jobs, skip_missing=not specs, advance=advance))
    wrong = 0
    if lossless:
        results["lossless"] = rows = [curves.lossless_point(name, samples) for name, _, samples in measured]
        wrong = sum(row.wrong for row in rows)
        print_rows(rows, rd_table.lossless_table)
        if published:
            print_rows(lossless_rows(), rd_table.published_table)
    else:
        points = [curves.lossy_point(*found) for found in measured]
        print_rows(points, rd_table.points_table)
        beside = before + (lossy_points() if published else [])
        names = dict.fromkeys(point.codec for point in points + before)
        compared = curves.comparisons(points + beside, anchors or list(names))
        print_rows(compared, rd_table.comparisons_table)
        results |= {"points": points, "bd_rates": compared}
        if plot_path:
            from roundel.measure.rd_plot import plot

            plot(points + beside, plot_path, title=f"{len(files)} pictures of {folder.resolve().name}")
    if output:
        with atomic_write(output, force=force) as file:
            file.write((json.dumps(rd_table.record(results), indent=1) + "\n").encode())
    if wrong:
        print(f"roundel: error: {wrong} pictures did not come back as they were", file=sys.stderr)
    return 1 if wrong else 0


def _print(rows: Sequence[Any], table: Callable[[Any], str], *, as_json: bool) -> None:
    from roundel.measure.rd_table import record

    if as_json:
        for row in rows:
            print(json.dumps({"kind": type(row).__name__} | record(row)))
    elif rows:
        print(table(rows) + "\n")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], object]]:
    """A bar over pictures, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(desc="eval", total=total, unit="picture", leave=False) as bar:
        yield bar.update
