"""Results of `roundel.lab.rd` as tables for people and as records for programs."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from roundel.measure.curves import Comparison, LosslessPoint, Point
from roundel.measure.metrics import ms_ssim_db
from roundel.measure.published import LosslessRow


def record(result: Any) -> Any:
    """A result as JSON can hold it: tuples and dataclasses as objects, numbers that are not finite as null."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return record(vars(result))
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        return record(result._asdict())
    if isinstance(result, dict):
        return {key: record(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [record(value) for value in result]
    if isinstance(result, float):
        return round(result, 6) if math.isfinite(result) else None
    return result


def points_table(points: Sequence[Point]) -> str:
    """One line per codec and setting."""
    rows = []
    for p in points:
        score = f"{p.ssimulacra2:.2f}" if math.isfinite(p.ssimulacra2) else ""
        quality = (f"{p.psnr_db:.3f}", f"{p.ms_ssim:.5f}", f"{ms_ssim_db(p.ms_ssim):.2f}", score)
        rows.append((p.codec, f"{p.setting:g}", f"{p.bpp:.4f}", *quality, f"{p.encode_s:.3f}", f"{p.decode_s:.3f}"))
    head = ("codec", "setting", "bpp", "PSNR dB", "MS-SSIM", "… dB", "SSIMULACRA2", "encode s", "decode s")
    return _table(head, rows)


def comparisons_table(comparisons: Sequence[Comparison]) -> str:
    """BD-rates in percent: a table for each metric, one line per codec, one column per anchor."""
    metrics = dict.fromkeys(c.metric for c in comparisons)
    return "\n\n".join(_bd_table(metric, [c for c in comparisons if c.metric == metric]) for metric in metrics)


def _bd_table(metric: str, comparisons: Sequence[Comparison]) -> str:
    """BD-rates over one metric; below, why some could not be had."""
    anchors = list(dict.fromkeys(c.anchor for c in comparisons))
    found = {(c.codec, c.anchor): c for c in comparisons}
    rows, notes = [], []
    measured = {c.codec for c in comparisons}
    for codec in dict.fromkeys([*(a for a in anchors if a in measured), *(c.codec for c in comparisons)]):
        cells = []
        for anchor in anchors:
            c = found.get((codec, anchor))
            cells.append(
                "" if c is None else "–" if c.percent is None else f"{c.percent:+.1f} ({100 * (c.overlap or 0):.0f})"
            )
            if c is not None and c.percent is None:
                notes.append(f"{codec} v {anchor}: {c.note}")
        rows.append((codec, *cells))
    head = f"BD-rate, % of rate at equal {metric} (and how many % of the two curves' range of it they share)\n"
    return "\n".join([head + _table(("codec", *(f"v {anchor}" for anchor in anchors)), rows), *notes])


def lossless_table(points: Sequence[LosslessPoint]) -> str:
    """One line per codec."""
    rows = [
        (
            p.codec,
            f"{p.bits_per_subpixel:.4f}",
            f"{p.encode_mb_s:.2f}",
            f"{p.decode_mb_s:.2f}",
            str(p.images),
            str(p.wrong),
        )
        for p in points
    ]
    return _table(("codec", "bits/subpixel", "encode MB/s", "decode MB/s", "pictures", "wrong"), rows)


def published_table(rows: Sequence[LosslessRow]) -> str:
    """One line per method and set."""
    lines = [(row.name, row.set, f"{row.bits_per_subpixel:.3f}", row.source) for row in rows]
    return "published, not measured here\n" + _table(("method", "set", "bits/subpixel", "source"), lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns wide enough for their cells: numbers to the right, the first column and long texts to the left."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    to_left = [i == 0 or head[i] in ("set", "source") for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (c.ljust(w) if left else c.rjust(w) for c, w, left in zip(cells, widths, to_left, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), *map(line, rows)])
