"""Surrogates on toy sources as a table and as a picture, the optimum drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roundel.errors import UnsupportedError
from roundel.lab.toy import Point
from roundel.lab.toy_sources import source_of

_INK, _FAINT = "#222222", "#9a9a9a"
_COLOURS = (
    "#00798c",
    "#d1495b",
    "#edae49",
    "#5b5f97",
    "#66a182",
    "#8d6a9f",
    "#a5673f",
    "#2e4057",
    "#c2185b",
    "#7f8c3a",
)
_MARKS = "osD^vP*Xh<"

HEAD = f"{'source':10} {'quantizer':26} {'λ':>6} {'bits':>7} {'MSE':>8} {'R + λD over the optimum':>24}"


def line(point: Point) -> str:
    """A row under `HEAD`."""
    return (
        f"{point.source:10} {point.quantizer:26} {point.lmbda:6g} {point.rate_bits:7.3f} {point.distortion:8.5f} "
        f"{100 * point.excess:+22.1f} %"
    )


def plot(points: Sequence[Point], path: Path) -> None:
    """Draw distortion over rate for each source, the optimum as a line; below, how far above it each surrogate ends.

    Raises:
        UnsupportedError: matplotlib is missing, or cannot write such a file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("plots need the package matplotlib: pip install 'roundel[train]'") from error
    sources = list(dict.fromkeys(p.source for p in points))
    figure = Figure(figsize=(5.2 * len(sources), 8.5), layout="constrained")
    panels = figure.subplots(2, len(sources), squeeze=False)
    for (above, below), name in zip(panels.T, sources, strict=True):
        own = [p for p in points if p.source == name]
        _curves(above, own)
        _excess(below, own)
    try:
        figure.savefig(path, dpi=110)
    except ValueError as error:
        raise UnsupportedError(f"cannot draw {path}: {error}") from error


def _curves(axes: Any, points: Sequence[Point]) -> None:
    source = source_of(points[0].source)
    highest = 1.15 * max(p.rate_bits for p in points)
    rates = np.linspace(0, highest, 200)
    optimum, bound = source.optimum(), source.bound()
    axes.plot(rates, _db([optimum.at(r) for r in rates]), color=_INK, linewidth=1.4, label=optimum.name)
    if bound:
        axes.plot(rates, _db([bound.at(r) for r in rates]), "--", color=_FAINT, linewidth=1.2, label=bound.name)
    for k, name in enumerate(dict.fromkeys(p.quantizer for p in points)):
        own = [p for p in points if p.quantizer == name]
        style = {
            "linestyle": "none",
            "marker": _MARKS[k % 10],
            "color": _COLOURS[k % 10],
            "markersize": 6,
            "alpha": 0.8,
        }
        axes.plot([p.rate_bits for p in own], _db([p.distortion for p in own]), label=name, **style)
    axes.set_title(source.name, loc="left", fontsize=12, color=_INK)
    axes.set_xlabel("bits a sample")
    axes.set_ylabel("distortion, −10·log10 MSE, dB")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _excess(axes: Any, points: Sequence[Point]) -> None:
    for k, name in enumerate(dict.fromkeys(p.quantizer for p in points)):
        own = [p for p in points if p.quantizer == name]
        excess = [100 * p.excess for p in own]
        axes.plot([p.lmbda for p in own], excess, marker=_MARKS[k % 10], color=_COLOURS[k % 10], label=name)
    axes.axhline(0, color=_INK, linewidth=1.4)
    axes.set_xscale("log")
    lmbdas = sorted({p.lmbda for p in points})
    axes.set_xticks(lmbdas, [f"{lmbda:g}" for lmbda in lmbdas])
    axes.minorticks_off()
    axes.set_xlabel("λ")
    axes.set_title("R + λD over the optimum, %", loc="left", fontsize=10, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)


def _db(distortions: Sequence[float]) -> np.ndarray:
    return -10 * np.log10(np.asarray(distortions))
