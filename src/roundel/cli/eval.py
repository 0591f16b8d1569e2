"""`roundel eval`: rate and distortion over a folder of pictures, beside other codecs."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from roundel.atomic import atomic_write
from roundel.cli.extras import require
from roundel.cli.values import Number
from roundel.errors import ImageError

if TYPE_CHECKING:
    from roundel.measure.crops import Exhibit
    from roundel.measure.curves import Comparison, LosslessPoint, Point, Sample
    from roundel.measure.published import LosslessRow
    from roundel.measure.rd import Codec

    Measured = Sequence[tuple[str, float, Sequence[Sample]]]
    Show = Callable[[Sequence[Any], Callable[[Any], str]], None]

LOSSY = ("roundel", "jpeg", "webp", "avif", "avif-psnr", "jpeg2000")
NEED_IMAGECODECS = ("jxl", "jpegls")
PICTURES_SHOWN = 4
"""Of which the page has crops."""
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
@click.option(
    "--html",
    "html_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page that needs nothing else: curves, tables, crops at equal bytes, where it all comes from.",
)
@click.option(
    "--crop-bpp",
    type=Number(0, min_open=True),
    default=0.3,
    show_default=True,
    help="Bits a pixel near which the page's crops are made.",
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
    html_path: Path | None,
    crop_bpp: float,
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
      roundel eval kodak -c roundel -c jpeg -c webp=50,75,90 --bd-anchor jpeg --html report.html
      roundel eval kodak -c roundel:runs/x/weights.safetensors=30,60,90 -c roundel=30,60,90
      roundel eval scans --lossless -c roundel -c png -c jxl-e7
    """
    from roundel.measure import curves, rd, rd_table
    from roundel.measure.provenance import command_line, provenance

    if lossless and (anchors or plot_path or qualities or earlier):
        raise click.UsageError(
            "--bd-anchor, --beside, --plot and --quality are about lossy codecs; leave out --lossless."
        )
    if plot_path or (html_path and not lossless):
        require("--plot" if plot_path else "--html", "matplotlib")
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
    for path in (output, plot_path, html_path):
        if path and path.is_file() and not force:  # before the work, not after it
            raise ImageError(f"cannot write {path}: it exists already; choose another name, or force overwriting (-f)")

    print_rows = partial(_print, as_json=as_json)
    with _progress(len(files) * sum(len(codec.ladder) for codec in chosen)) as advance:
        measured = list(rd.sweep(chosen, files, jobs=jobs, skip_missing=not specs, advance=advance))
    title = f"{len(files)} pictures of {folder.resolve().name}"
    found: _Lossless | _Lossy
    if lossless:
        found = _Lossless.of(measured, published=published)
    else:
        found = _Lossy.of(measured, before, anchors, published=published)
    found.show(print_rows)
    if plot_path and isinstance(found, _Lossy):
        from roundel.measure.rd_plot import plot

        plot(found.points + found.beside, plot_path, title=title)
    settings = {codec.name: codec.settings for codec in chosen}
    results = {"provenance": origin, "jobs": jobs, "settings": settings} | found.results()
    if output:
        with atomic_write(output, force=force) as file:
            file.write((json.dumps(rd_table.record(results), indent=1) + "\n").encode())
    if html_path:
        from roundel.measure import html_report

        sections = [*found.sections(chosen, files, crop_bpp), html_report.provenance_section(origin, settings)]
        with atomic_write(html_path, force=force) as file:
            file.write(html_report.page(f"roundel eval: {title}", sections).encode())
    if found.wrong:
        print(f"roundel: error: {found.wrong} pictures did not come back as they were", file=sys.stderr)
    return 1 if found.wrong else 0


class _Lossless(NamedTuple):
    """What was found of lossless codecs."""

    rows: "list[LosslessPoint]"
    papers: "list[LosslessRow]"

    @classmethod
    def of(cls, measured: "Measured", *, published: bool) -> "_Lossless":
        from roundel.measure import curves
        from roundel.measure.published import lossless_rows

        rows = [curves.lossless_point(name, samples) for name, _, samples in measured]
        return cls(rows, lossless_rows() if published else [])

    @property
    def wrong(self) -> int:
        """Pictures that came back otherwise."""
        return sum(row.wrong for row in self.rows)

    def show(self, print_rows: "Show") -> None:
        from roundel.measure import rd_table

        print_rows(self.rows, rd_table.lossless_table)
        print_rows(self.papers, rd_table.published_table)

    def results(self) -> dict[str, Any]:
        return {"lossless": self.rows}

    def sections(self, *_: object) -> list[str]:
        """Those of the page."""
        from roundel.measure import html_report

        return [html_report.lossless_section(self.rows), html_report.published_section(self.papers)]


class _Lossy(NamedTuple):
    """What was found of lossy codecs."""

    points: "list[Point]"
    beside: "list[Point]"
    """Of an earlier run, and published ones."""
    compared: "list[Comparison]"

    @classmethod
    def of(cls, measured: "Measured", before: "list[Point]", anchors: Sequence[str], *, published: bool) -> "_Lossy":
        from roundel.measure import curves
        from roundel.measure.published import lossy_points

        points = [curves.lossy_point(*found) for found in measured]
        beside = before + (lossy_points() if published else [])
        names = dict.fromkeys(point.codec for point in points + before)
        return cls(points, beside, curves.comparisons(points + beside, anchors or list(names)))

    @property
    def wrong(self) -> int:
        """None: they are lossy."""
        return 0

    def show(self, print_rows: "Show") -> None:
        from roundel.measure import rd_table

        print_rows(self.points, rd_table.points_table)
        print_rows(self.compared, rd_table.comparisons_table)

    def results(self) -> dict[str, Any]:
        return {"points": self.points, "bd_rates": self.compared}

    def sections(self, codecs: "Sequence[Codec]", files: Sequence[Path], crop_bpp: float) -> list[str]:
        """Those of the page; makes the crops."""
        from roundel.measure import html_report
        from roundel.measure.rd_plot import svg

        measured = {point.codec for point in self.points}  # what is not installed may have been left out
        there = [codec for codec in codecs if codec.name in measured]
        return [
            html_report.curves_section(svg(self.points + self.beside)),
            html_report.bd_rates_section(self.compared),
            html_report.crops_section(_exhibits(there, self.points, files, crop_bpp)),
            html_report.points_section(self.points + self.beside),
        ]


def _exhibits(
    codecs: "Sequence[Codec]", points: "Sequence[Point]", files: Sequence[Path], bpp: float
) -> "list[Exhibit]":
    """Crops of a few of the pictures, at the bytes that the first codec needs near so many bits a pixel."""
    from roundel.measure import crops

    shown = crops.spread(files, PICTURES_SHOWN)
    setting = crops.setting_near(points, codecs[0].name, bpp)
    with _progress(len(shown) * len(codecs)) as advance:
        return [crops.exhibit(codecs, setting, file, advance=advance) for file in shown]


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
