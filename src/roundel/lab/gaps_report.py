"""The three gaps as a table and as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roundel.errors import UnsupportedError
from roundel.lab.gaps import Histogram
from roundel.lab.probe import Report

_INK = "#222222"
_COLOURS = ("#00798c", "#d1495b", "#edae49", "#5b5f97", "#66a182", "#8d6a9f", "#a5673f", "#2e4057")


def table(reports: Sequence[Report]) -> str:
    """One column per quantiser."""
    rows: list[tuple[str, list[str]]] = [
        ("", [r.quantizer for r in reports]),
        ("G_d decoder, mean |·|, steps", [f"{r.decoder_gap.mean_abs:.4f}" for r in reports]),
        ("G_d decoder, RMS", [f"{r.decoder_gap.rms:.4f}" for r in reports]),
        ("G_d rate, mean |·|", [f"{r.rate_gap.mean_abs:.4f}" for r in reports]),
        ("G_d rate, RMS", [f"{r.rate_gap.rms:.4f}" for r in reports]),
        ("G_EE, KL, bits a latent", [f"{r.entropy_gap.kl_bits:.4f}" for r in reports]),
        ("  of which by chance, about", [f"{r.entropy_gap.chance_bits:.4f}" for r in reports]),
        ("G_EE, W1 on integers, steps", [f"{r.entropy_gap.w1:.4f}" for r in reports]),
        ("G_EE as the paper (floor 0.25)", [f"{r.g_ee_paper:.4f}" for r in reports]),
        ("rate, training − test, bpp", [f"{r.rate_difference_bpp:+.4f}" for r in reports]),
        ("PSNR, test − training, dB", [f"{r.psnr_difference_db:+.3f}" for r in reports]),
        ("rate at test, bpp (estimated)", [f"{r.test_bpp:.4f}" for r in reports]),
        ("PSNR at test, dB", [f"{r.test_psnr_db:.3f}" for r in reports]),
    ]
    for where, field in (("files'", "hard_smoothness"), ("training's", "surrogate_smoothness")):
        for k, first in enumerate(getattr(reports[0], field)):
            found = [getattr(r, field)[k] for r in reports]
            label = f"LSS at {where} ŷ, {first.direction} {first.radius:g}: D, R, L"
            rows.append((label, [f"{s.distortion:.3g} {s.rate:.3g} {s.total:.3g}" for s in found]))
    width = max(len(label) for label, _ in rows)
    cells = [max(12, *(len(row[k]) for _, row in rows)) for k in range(len(reports))]
    return "\n".join(
        " ".join([f"{label:{width}}", *(f"{cell:>{w}}" for cell, w in zip(row, cells, strict=True))]).rstrip()
        for label, row in rows
    )


def plot(reports: Sequence[Report], path: Path, *, title: str) -> None:
    """Draw gaps, smoothness and latent histograms of some quantisers under one model.

    Raises:
        UnsupportedError: matplotlib is missing, or cannot write such a file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("plots need the package matplotlib: pip install 'roundel[train]'") from error
    figure = Figure(figsize=(13, 8), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=_INK)
    (discrete, entropy, smooth), (left, middle, right) = figure.subplots(2, 3)
    names = [r.quantizer for r in reports]
    _bars(discrete, "Discrete gap, mean |·|, steps", names, {
        "decoder": [r.decoder_gap.mean_abs for r in reports], "rate": [r.rate_gap.mean_abs for r in reports],
    })  # fmt: skip
    entropy.set_title("Entropy-estimation gap by predicted scale", loc="left", fontsize=10, color=_INK)
    bins = reports[0].entropy_gap.bins  # of the unquantised latents: the same for all quantisers
    scales = [(b.scale_low * b.scale_high) ** 0.5 for b in bins]
    entropy.plot(scales, [b.kl_bits for b in bins], "o-", color=_COLOURS[0], label="KL, bits a latent")
    entropy.plot(scales, [b.chance_bits for b in bins], ":", color=_COLOURS[0], label="of which by chance, about")
    entropy.plot(scales, [b.w1 for b in bins], "s--", color=_COLOURS[1], label="W1 on integers, steps")
    entropy.set_xscale("log")
    entropy.set_yscale("log")
    entropy.set_xlabel("σ, steps")
    entropy.legend(frameon=False)
    smooth.set_title("LSS of R + λD, random, by radius", loc="left", fontsize=10, color=_INK)
    for report, colour in zip(reports, _cycle(len(reports)), strict=True):
        for style, found in (("-", report.surrogate_smoothness), ("--", report.hard_smoothness)):
            line = [s for s in found if s.direction == "random"]
            label = f"{report.quantizer}, training's ŷ" if style == "-" else f"{report.quantizer}, files' ŷ"
            values = [s.total for s in line]
            smooth.plot([s.radius for s in line], values, style, marker="o", color=colour, label=label)
    smooth.set_xscale("log")
    smooth.set_yscale("log")
    smooth.set_xlabel("radius, steps")
    smooth.set_ylabel("mean |ΔL| per RMS of ξ, bpp a step")
    smooth.legend(frameon=False, fontsize=7)
    _bars(left, "What training thinks against test", names, {
        "rate, training − test, bpp": [r.rate_difference_bpp for r in reports],
        "PSNR, test − training, dB": [r.psnr_difference_db for r in reports],
    })  # fmt: skip
    _latents(middle, "Latents y, bins of 0.05", reports[0].y_histogram)
    _latents(right, "Latents y − μ, bins of 0.05", reports[0].residual_histogram)
    for axes in (discrete, entropy, smooth, left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=110)
    except ValueError as error:
        raise UnsupportedError(f"cannot draw {path}: {error}") from error


def _cycle(count: int) -> list[str]:
    return [_COLOURS[k % len(_COLOURS)] for k in range(count)]


def _bars(axes: Any, title: str, names: Sequence[str], groups: dict[str, list[float]]) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    width = 0.8 / len(groups)
    for k, (label, values) in enumerate(groups.items()):
        axes.bar([i + k * width for i in range(len(names))], values, width, color=_COLOURS[k], label=label)
    axes.set_xticks([i + width * (len(groups) - 1) / 2 for i in range(len(names))], names, rotation=20, fontsize=8)
    axes.axhline(0, color=_INK, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)


def _latents(axes: Any, title: str, found: Histogram) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    middles = [found.first + k * found.width for k in range(len(found.shares))]
    axes.bar(middles, found.shares, found.width, color=_COLOURS[0])
    axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel("share of latents")
