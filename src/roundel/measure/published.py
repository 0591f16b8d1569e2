"""Figures from papers and public result files, each with its source; nothing here was measured by us."""

import json
import math
from importlib import resources
from typing import Any, NamedTuple

from roundel.measure.curves import Point

MARK = " (published)"
LANDMARKS = ("VTM", "ELIC 2022", "mean-scale hyperprior 2018", "factorized 2017")  # few enough to tell apart in a plot


class LosslessRow(NamedTuple):
    """Bits per subpixel (the papers' bits/dim) of one method on one set."""

    name: str
    set: str
    bits_per_subpixel: float
    source: str


def lossy_points() -> list[Point]:
    """Rate-distortion points on Kodak; the codec's name carries MARK, and seconds are not known."""
    unknown = math.nan
    return [
        Point(
            row["name"] + MARK,
            unknown,
            bpp,
            psnr_db,
            unknown if ms_ssim is None else ms_ssim,
            encode_s=unknown,
            decode_s=unknown,
            images=24,
        )
        for row in _stored()["lossy"]
        for bpp, psnr_db, ms_ssim in row["points"]
    ]


def lossless_rows() -> list[LosslessRow]:
    """Bits per subpixel, on the sets that the papers used."""
    return [LosslessRow(**row) for row in _stored()["lossless"]]


def _stored() -> dict[str, list[dict[str, Any]]]:
    return json.loads(resources.files("roundel.measure").joinpath("published.json").read_text(encoding="utf-8"))
