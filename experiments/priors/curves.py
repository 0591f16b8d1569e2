"""What was measured and what was published, as rows and as a picture."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from trained import ANCHOR

from roundel.errors import RoundelError
from roundel.measure.metrics import Curve, bd_rate
from roundel.measure.published import MARK, lossy_points

MIXED = "mixed"
"""The rounding that priors are compared with."""
PUBLISHED = {
    "factorized-prior": "factorized 2017",
    "scale-hyperprior": "hyperprior 2018",
    "mean-scale-hyperprior": "mean-scale hyperprior 2018",
    "joint-raster": "joint autoregressive 2018",
    "attention-raster": "cheng2020-attn",
    "attention-checkerboard": "cheng2020, checkerboard",
}
"""The published curve of each prior, on Kodak."""
COLOURS = ("#9a9a9a", "#5b5f97", "#222222", "#00798c", "#66a182", "#d1495b", "#edae49", "#8d6a9f")


def rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each prior, rounding and seed: its points, and BD-rate against `ANCHOR` of that seed, trained alike."""
    anchors = {(r["of"]["prior"]["shared"], r["seed"]): r for r in found if r["of"]["prior"]["kind"] == ANCHOR}
    published, out = _published(), []
    for result in found:
        prior = result["of"]["prior"]
        for rounding in prior["rounding"]:
            points = [p for p in result["points"] if p["rounding"] == rounding]
            anchor = anchors.get((prior["shared"], result["seed"]))
            here = _bd(anchor and _curve(anchor, MIXED), _curve(result, rounding))
            there = _bd(published.get(PUBLISHED[ANCHOR]), published.get(PUBLISHED.get(prior["kind"], "")))
            saved = _saved(points, anchor)
            shown = " ".join(f"{p['bpp']:.4f}/{p['psnr_db']:.2f}" for p in sorted(points, key=lambda p: p["bpp"]))
            name = prior["kind"] + ("-shared" if prior["shared"] else "")
            text = (
                f"{name:28} {rounding:6} seed {result['seed']}: {shown}  here {_percent(here)} "
                f"({', '.join(f'{value:+.1f}' for value in saved.values())} % at each λ)  "
                f"published {_percent(there)}  decode {points[-1]['decode_s']:.2f} s  {result['cpu_s']} s"
            )
            out.append(
                {"name": name, "rounding": rounding, "seed": result["seed"], "bd_rate_percent": here,
                 "rate_percent": saved, "published_bd_rate_percent": there, "text": text}
            )  # fmt: skip
    return out


def _saved(points: list[dict[str, Any]], anchor: dict[str, Any] | None) -> dict[str, float]:
    """Percent of the anchor's rate at the same λ: of shared transforms all that there is, as all have one PSNR."""
    rates = {p["lmbda"]: p["bpp"] for p in anchor["points"] if p["rounding"] == MIXED} if anchor else {}
    return {
        f"{p['lmbda']:g}": round(100 * (p["bpp"] / rates[p["lmbda"]] - 1), 1) for p in points if p["lmbda"] in rates
    }


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Three panels: trained end to end, alone over shared transforms, and the published curves."""
    figure = Figure(figsize=(15, 5), layout="constrained")
    panels = figure.subplots(1, 3)
    kinds = list(dict.fromkeys(r["of"]["prior"]["kind"] for r in found))
    colours = dict(zip(kinds, COLOURS, strict=False))
    for result in found:
        prior = result["of"]["prior"]
        axes, kind = panels[int(prior["shared"])], prior["kind"]
        named = kind in axes.get_legend_handles_labels()[1]  # by another seed
        label = None if named else kind
        axes.plot(*_curve(result, MIXED), marker="o", markersize=4, color=colours[kind], label=label)
    for kind in kinds:
        curve = _published().get(PUBLISHED.get(kind, ""))
        if curve is not None:
            panels[2].plot(*curve, color=colours[kind], label=PUBLISHED[kind])
    panels[2].set_xlim(0, 1)
    panels[2].set_ylim(27, 38)
    titles = ("held-out photos, trained end to end", "the same, over shared transforms", "published, Kodak")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("bits per pixel")
        axes.set_ylabel("PSNR, dB")
        axes.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _published() -> dict[str, Curve]:
    points: dict[str, list[tuple[float, float]]] = {}
    for point in lossy_points():
        points.setdefault(point.codec.removesuffix(MARK), []).append((point.bpp, point.psnr_db))
    return {name: Curve(*map(tuple, zip(*sorted(of), strict=True))) for name, of in points.items()}


def _curve(result: dict[str, Any], rounding: str) -> Curve:
    points = sorted((p["bpp"], p["psnr_db"]) for p in result["points"] if p["rounding"] == rounding)
    return Curve(*map(tuple, zip(*points, strict=True)))


def _bd(anchor: Curve | None, other: Curve | None) -> float | None:
    if anchor is None or other is None:
        return None
    try:
        return round(bd_rate(anchor, other).percent, 2)
    except RoundelError:  # too few λ, or curves that share no PSNR
        return None


def _percent(value: float | None) -> str:
    return "      –" if value is None else f"{value:+6.1f} %"
