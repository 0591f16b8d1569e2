"""Rate-distortion curves as a picture, each labelled where it ends."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from roundel.errors import UnsupportedError
from roundel.lab.published import MARK
from roundel.lab.rd import Point
from roundel.metrics import ms_ssim_db

_INK, _FAINT = "#222222", "#9a9a9a"
_COLOURS = ("#d1495b", "#00798c", "#edae49", "#5b5f97", "#66a182", "#2e4057", "#b56576", "#8d6a9f")
_LABEL_GAP = 0.035  # of the axis' height


def plot(points: Sequence[Point], path: Path, *, title: str, max_bpp: float = 2.0) -> None:
    """Draw PSNR and MS-SSIM over rate (logarithmic); published curves are dashed.

    Args:
        points: Of any number of codecs.
        path: The file; its suffix chooses the format (.png, .svg, .pdf).
        title: Above the picture.
        max_bpp: Where the curves are cut.

    Raises:
        UnsupportedError: matplotlib is missing, or cannot write such a file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("plots need the package matplotlib: pip install 'roundel[lab]'") from error
    figure = Figure(figsize=(13, 6), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    left, right = figure.subplots(1, 2)
    _panel(left, points, "PSNR of RGB, dB", max_bpp, lambda point: point.psnr_db)
    _panel(right, points, "MS-SSIM, dB", max_bpp, lambda point: ms_ssim_db(point.ms_ssim))
    try:
        figure.savefig(path, dpi=130)
    except ValueError as error:
        raise UnsupportedError(f"cannot draw {path}: {error}") from error


def _panel(axes, points: Sequence[Point], label: str, max_bpp: float, value: Callable[[Point], float]) -> None:
    names = list(dict.fromkeys(point.codec for point in points))
    measured = [name for name in names if not name.endswith(MARK)]
    ends = []
    for name in names:
        own = sorted((p.bpp, value(p)) for p in points if p.codec == name and p.bpp <= max_bpp)
        own = [(bpp, level) for bpp, level in own if np.isfinite(level)]
        if not own:
            continue
        published = name.endswith(MARK)
        colour = _FAINT if published else _COLOURS[measured.index(name) % len(_COLOURS)]
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


def _label(axes, ends: Sequence[tuple[tuple[float, float], str, str]]) -> None:
    """Names beside the curves' ends, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = _LABEL_GAP * (high - low)
    room = max((bpp for (bpp, _), _, _ in ends), default=1)
    taken = -np.inf
    for (bpp, level), name, colour in sorted(ends, key=lambda end: end[0][1]):
        taken = max(taken + gap, level)
        axes.annotate(
            name,
            (bpp, level),
            (room * 1.06, taken),
            color=colour,
            fontsize=9,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 2},
            annotation_clip=False,
        )
