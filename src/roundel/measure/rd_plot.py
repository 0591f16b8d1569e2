"""Rate-distortion curves as a picture, each labelled where it ends."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roundel.errors import UnsupportedError
from roundel.measure.curves import Point
from roundel.measure.metrics import ms_ssim_db
from roundel.measure.published import LANDMARKS, MARK

_INK, _FAINT = "#222222", "#9a9a9a"
_OURS = "#d1495b"
_COLOURS = ("#00798c", "#edae49", "#5b5f97", "#66a182", "#2e4057", "#8d6a9f", "#a5673f")
_LABEL_GAP = 0.034  # of the axis' height


def plot(points: Sequence[Point], path: Path, *, title: str, max_bpp: float = 2.0) -> None:
    """Draw PSNR, MS-SSIM and, where it was measured, SSIMULACRA2 over rate (logarithmic).

    Of published curves there are a few landmarks, dashed.

    Args:
        points: Of any number of codecs.
        path: The file; its suffix chooses the format (.png, .svg, .pdf).
        title: Above the picture.
        max_bpp: Where the curves are cut.

    Raises:
        UnsupportedError: matplotlib is missing, or cannot write such a file.
    """
    figure = _figure(points, title, max_bpp)
    try:
        figure.savefig(path, dpi=130)
    except ValueError as error:
        raise UnsupportedError(f"cannot draw {path}: {error}") from error


def svg(points: Sequence[Point], *, max_bpp: float = 2.0) -> str:
    """The same picture as an `<svg>` element for a page, its texts as text.

    Raises:
        UnsupportedError: matplotlib is missing.
    """
    figure = _figure(points, None, max_bpp)
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Type", "Format")))
    text = buffer.getvalue()
    return text[text.index("<svg") :]  # without the prologue that a file has


def _figure(points: Sequence[Point], title: str | None, max_bpp: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("plots need the package matplotlib: pip install 'roundel[compare]'") from error
    panels: list[tuple[str, Callable[[Point], float]]] = [
        ("PSNR of RGB, dB", lambda point: point.psnr_db),
        ("MS-SSIM, dB", lambda point: ms_ssim_db(point.ms_ssim)),
    ]
    if any(np.isfinite(point.ssimulacra2) for point in points):
        panels.append(("SSIMULACRA2", lambda point: point.ssimulacra2))
    figure = Figure(figsize=(6.5 * len(panels), 6), layout="constrained")
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    for axes, (label, value) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        _panel(axes, points, label, max_bpp, value)
    return figure


def _panel(axes: Any, points: Sequence[Point], label: str, max_bpp: float, value: Callable[[Point], float]) -> None:
    shown = {name + MARK for name in LANDMARKS}
    names = list(dict.fromkeys(p.codec for p in points if not p.codec.endswith(MARK) or p.codec in shown))
    rivals = [name for name in names if not name.endswith(MARK) and not name.startswith("roundel")]
    ends = []
    for name in names:
        own = sorted((p.bpp, value(p)) for p in points if p.codec == name and p.bpp <= max_bpp)
        own = [(bpp, level) for bpp, level in own if np.isfinite(level)]
        if not own:
            continue
        published = name.endswith(MARK)
        colour = _FAINT if published else _OURS
        if name in rivals:
            colour = _COLOURS[rivals.index(name) % len(_COLOURS)]
        style = {"linestyle": (0, (4, 2)), "linewidth": 1.0} if published else {"marker": "o", "markersize": 3.5}
        if name.startswith("roundel"):
            style |= {"linewidth": 2.6, "zorder": 5}
        axes.plot(*zip(*own, strict=True), color=colour, **style)
        ends.append((own[-1], name.removesuffix(MARK), colour))
    axes.set_xscale("log")
    ticks = [t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6) if t <= max_bpp]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("bits per pixel")
    axes.set_title(label, loc="left", fontsize=11, color=_INK)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    _label(axes, ends)


def _label(axes: Any, ends: Sequence[tuple[tuple[float, float], str, str]]) -> None:
    """Names beside the curves' ends, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    right = axes.get_xlim()[1] * 1.04
    ends = sorted(ends, key=lambda end: end[0][1])
    gap = min(_LABEL_GAP, 1 / max(1, len(ends))) * (high - low)
    for ((bpp, level), name, colour), height in zip(ends, _apart([end[0][1] for end in ends], gap, high), strict=True):
        axes.annotate(
            name,
            (bpp, level),
            (right, height),
            color=colour,
            fontsize=8 if colour == _FAINT else 10,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.4,
                "shrinkA": 1,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def _apart(levels: Sequence[float], gap: float, highest: float) -> list[float]:
    """Ascending heights at least a gap apart, near the given ascending levels and none above the highest."""
    heights: list[float] = []
    for level in levels:
        heights.append(max(level, heights[-1] + gap) if heights else level)
    for i in reversed(range(len(heights))):
        heights[i] = min(heights[i], highest if i == len(heights) - 1 else heights[i + 1] - gap)
    return heights
