"""Results of `roundel eval` as one page that needs nothing else: curves, tables, crops at equal bytes, provenance."""

import io
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from math import isfinite

import numpy as np
from PIL import Image

from roundel.measure.crops import CROP_PX, Crop, Exhibit
from roundel.measure.curves import Comparison, LosslessPoint, Point
from roundel.measure.metrics import ms_ssim_db
from roundel.measure.provenance import Provenance
from roundel.measure.published import LosslessRow


def page(title: str, sections: Sequence[str]) -> str:
    """A whole page of sections that the functions here make; it holds its styles and pictures itself."""
    style = resources.files("roundel.measure").joinpath("html_report.css").read_text(encoding="utf-8")
    body = "\n".join(section for section in sections if section)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


def curves_section(svg: str) -> str:
    """Curves as an `<svg>` element, which `rd_plot.svg` draws."""
    return f'<h2>Curves</h2>\n<figure class="curves">{svg}</figure>'


def bd_rates_section(comparisons: Sequence[Comparison]) -> str:
    """A table for each metric: one line per codec, one column per anchor."""
    return "\n".join(_bd_rates(comparisons, metric) for metric in dict.fromkeys(c.metric for c in comparisons))


def points_section(points: Sequence[Point]) -> str:
    """One line per codec and setting."""
    head = ("codec", "setting", "bpp", "PSNR, dB", "MS-SSIM", "MS-SSIM, dB", "SSIMULACRA2", "encode, s", "decode, s")
    rows = (
        (
            *(p.codec, f"{p.setting:g}", f"{p.bpp:.4f}", _number(p.psnr_db, 3), _number(p.ms_ssim, 5)),
            *(_number(ms_ssim_db(p.ms_ssim), 2), _number(p.ssimulacra2, 2)),
            *(_number(p.encode_s, 3), _number(p.decode_s, 3)),
        )
        for p in points
    )
    return "<h2>Points</h2>\n<p>Means over pictures of each picture's own value.</p>\n" + _table(head, rows)


def lossless_section(points: Sequence[LosslessPoint]) -> str:
    """One line per lossless codec."""
    head = ("codec", "bits a subpixel", "encode, MB/s", "decode, MB/s", "pictures", "wrong")
    rows = (
        (
            *(p.codec, f"{p.bits_per_subpixel:.4f}", f"{p.encode_mb_s:.2f}", f"{p.decode_mb_s:.2f}"),
            *(str(p.images), str(p.wrong)),
        )
        for p in points
    )
    return "<h2>Lossless</h2>\n<p>All bytes over all subpixels; every pixel compared.</p>\n" + _table(head, rows)


def published_section(rows: Sequence[LosslessRow]) -> str:
    """Figures of papers, if there are any."""
    if not rows:
        return ""
    lines = ((row.name, f"{row.bits_per_subpixel:.3f}", row.set, row.source) for row in rows)
    return "<h2>Published, not measured here</h2>\n" + _table(("method", "bits a subpixel", "set", "source"), lines)


def crops_section(exhibits: Sequence[Exhibit]) -> str:
    """Parts of pictures side by side; the original shows while one is held down or pointed at."""
    if not exhibits:
        return ""
    note = (
        f"<p>Each picture as the codecs show it in no more bytes than the first one's file has: {CROP_PX} pixels "
        "square, where all codecs together err most. Figures are of the whole picture. Press a crop to see the "
        "original in its place.</p>"
    )
    return "\n".join(["<h2>Crops at equal bytes</h2>", note, *map(_exhibit, exhibits)])


def provenance_section(provenance: Provenance, settings: Mapping[str, str]) -> str:
    """Command, commit, data, machine, versions, and what each codec was told."""
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    rows = [
        ("command", f"<code>{escape(provenance.command)}</code>"),
        ("commit", escape(provenance.commit or "no repository")),
        ("pictures", escape(provenance.data)),
        ("machine", escape(provenance.machine)),
        ("versions", escape(versions)),
        *((escape(name), escape(text)) for name, text in settings.items()),
    ]
    lines = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>\n" for name, text in rows)
    return f'<h2>Where these figures come from</h2>\n<table class="facts">\n{lines}</table>'


def _bd_rates(comparisons: Sequence[Comparison], metric: str) -> str:
    own = [c for c in comparisons if c.metric == metric]
    anchors = list(dict.fromkeys(c.anchor for c in own))
    found = {(c.codec, c.anchor): c for c in own}
    measured = {c.codec for c in own}
    codecs = dict.fromkeys([*(anchor for anchor in anchors if anchor in measured), *(c.codec for c in own)])
    rows = ((codec, *(_bd_rate(found.get((codec, anchor))) for anchor in anchors)) for codec in codecs)
    notes = "".join(
        f"<p>{escape(c.codec)} v {escape(c.anchor)}: {escape(c.note)}</p>\n" for c in own if c.percent is None
    )
    return (
        f"<h2>BD-rate by {escape(metric)}</h2>\n<p>Percent of rate at equal {escape(metric)}, negative where the codec "
        "of the line needs fewer bytes; in brackets how many percent of the two curves' range they share.</p>\n"
        + _table(("codec", *(f"v {anchor}" for anchor in anchors)), rows)
        + notes
    )


def _bd_rate(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    if comparison.percent is None:
        return "–"
    return f"{comparison.percent:+.1f} ({100 * (comparison.overlap or 0):.0f})".replace("-", "−")


def _exhibit(exhibit: Exhibit) -> str:
    width, height = exhibit.size
    pixels = width * height
    left, top = exhibit.corner
    original = _data_url(exhibit.original)
    figures = [_figure(exhibit.original, f"<b>original</b><br>x {left}, y {top}", "original", original)]
    figures += [
        _figure(crop.pixels, _caption(crop, pixels), crop.codec, _data_url(crop.pixels)) for crop in exhibit.crops
    ]
    return (
        f"<h3>{escape(exhibit.name)}, {width} × {height}</h3>\n"
        f'<div class="crops" style="--original: url({original})">\n' + "\n".join(figures) + "\n</div>"
    )


def _figure(pixels: np.ndarray, caption: str, alt: str, source: str) -> str:
    height, width = pixels.shape[:2]
    picture = f'<img src="{source}" width="{width}" height="{height}" alt="{escape(alt)}">'
    return f'<figure><span tabindex="0">{picture}</span><figcaption>{caption}</figcaption></figure>'


def _caption(crop: Crop, pixels: int) -> str:
    lines = [
        f"<b>{escape(crop.codec)}</b> at {crop.setting:g}",
        f"{crop.file_bytes:,} bytes, {8 * crop.file_bytes / pixels:.3f} bpp",
        f"PSNR {_number(crop.psnr_db, 2)} dB",
    ]
    if isfinite(crop.ssimulacra2):
        lines.append(f"SSIMULACRA2 {crop.ssimulacra2:.1f}")
    return "<br>".join(lines)


def _data_url(pixels: np.ndarray) -> str:
    """Pixels as they are, in lossless WebP: two thirds of a PNG's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "WEBP", lossless=True)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if isfinite(value) else ("∞" if value > 0 else "")


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n'
