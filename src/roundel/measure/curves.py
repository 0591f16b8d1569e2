"""Points of rate and distortion: means over pictures, stored ones, and BD-rates between curves of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roundel.errors import ImageError, RoundelError
from roundel.measure import metrics


class Sample(NamedTuple):
    """One picture through one codec."""

    file_bytes: int
    pixels: int
    subpixels: int
    psnr_db: float
    ms_ssim: float
    ssimulacra2: float
    """NaN where the package is missing."""
    exact: bool
    encode_s: float
    decode_s: float


@dataclass(frozen=True)
class Point:
    """One lossy codec at one setting: means over the pictures of each picture's own value."""

    codec: str
    setting: float
    bpp: float
    psnr_db: float
    ms_ssim: float
    encode_s: float
    decode_s: float
    images: int
    ssimulacra2: float = nan
    """NaN where it was not measured."""


@dataclass(frozen=True)
class LosslessPoint:
    """One lossless codec: all bytes over all subpixels, 10⁶ raw bytes a second, and how many pictures differed."""

    codec: str
    bits_per_subpixel: float
    encode_mb_s: float
    decode_mb_s: float
    images: int
    wrong: int


@dataclass(frozen=True)
class Comparison:
    """A codec's BD-rate against an anchor at equal quality by a metric, or why there is none."""

    metric: str
    codec: str
    anchor: str
    percent: float | None
    low: float | None = None
    high: float | None = None
    overlap: float | None = None
    note: str = ""


def lossy_point(codec: str, setting: float, samples: Sequence[Sample]) -> Point:
    """Means over pictures."""
    return Point(
        codec,
        setting,
        bpp=_mean(8 * s.file_bytes / s.pixels for s in samples),
        psnr_db=_mean(s.psnr_db for s in samples),
        ms_ssim=_mean(s.ms_ssim for s in samples),
        ssimulacra2=_mean(s.ssimulacra2 for s in samples),
        encode_s=_mean(s.encode_s for s in samples),
        decode_s=_mean(s.decode_s for s in samples),
        images=len(samples),
    )


def lossless_point(codec: str, samples: Sequence[Sample]) -> LosslessPoint:
    """Totals over pictures."""
    subpixels = sum(s.subpixels for s in samples)
    return LosslessPoint(
        codec,
        bits_per_subpixel=8 * sum(s.file_bytes for s in samples) / subpixels,
        encode_mb_s=subpixels / 1e6 / sum(s.encode_s for s in samples),
        decode_mb_s=subpixels / 1e6 / sum(s.decode_s for s in samples),
        images=len(samples),
        wrong=sum(not s.exact for s in samples),
    )


def points_of(results: Path, data: str) -> list[Point]:
    """The points that an earlier run stored.

    Args:
        results: what `roundel eval -o` wrote.
        data: the pictures that are measured now, as `Provenance.data` names them.

    Raises:
        ImageError: it is no such file, or is about other pictures.
    """
    try:
        stored = json.loads(results.read_text(encoding="utf-8"))
        found = stored["provenance"]["data"]
        # What JSON has no number for was stored as null: seconds that were not measured.
        rows: list[dict[str, Any]] = [{k: nan if v is None else v for k, v in p.items()} for p in stored["points"]]
        points = [Point(**row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(f"{results}: not results of `roundel eval` on lossy codecs: {error}") from error
    if found != data:
        raise ImageError(f"{results}: measured on other pictures ({found}) than these ({data})")
    return points


METRICS: dict[str, Callable[[Point], float]] = {
    "PSNR": lambda point: point.psnr_db,
    "MS-SSIM": lambda point: metrics.ms_ssim_db(point.ms_ssim),
    "SSIMULACRA2": lambda point: point.ssimulacra2,
}
"""What BD-rates are taken over."""


def comparisons(points: Sequence[Point], anchors: Sequence[str]) -> list[Comparison]:
    """BD-rates of every codec against every anchor, over each metric that both have.

    Raises:
        RoundelError: An anchor was not measured.
    """
    names = list(dict.fromkeys(point.codec for point in points))
    if missing := [anchor for anchor in anchors if anchor not in names]:
        raise RoundelError(f"the anchor {missing[0]} was not measured; measured were {', '.join(names)}")
    rows = []
    for metric, quality in METRICS.items():
        curves = {}
        for name in names:
            own = [p for p in points if p.codec == name and isfinite(quality(p))]
            curves[name] = metrics.Curve(tuple(p.bpp for p in own), tuple(map(quality, own)))
        for anchor in anchors:
            for name, curve in curves.items():
                if name == anchor or not (curve.rates and curves[anchor].rates):
                    continue
                try:
                    rows.append(Comparison(metric, name, anchor, *metrics.bd_rate(curves[anchor], curve)))
                except RoundelError as error:
                    rows.append(Comparison(metric, name, anchor, None, note=str(error)))
    return rows


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))
