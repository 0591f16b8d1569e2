"""The five figures of the three-gaps paper, of what was measured here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Result = dict[str, Any]
INK = "#222222"
COLOURS = {
    "noise": "#00798c", "noise+": "#edae49", "ste": "#66a182", "soft-ste": "#d1495b", "mixed": "#5b5f97",
    "ste-sn": "#2e4057", "soft-ste-sn": "#8d6a9f",
}  # fmt: skip


def draw(results: Sequence[Result], stem: Path) -> None:
    """Write STEM-figure1.png … 5."""
    for number, paint in enumerate((discrete, histograms, entropy, smoothness, curves), 1):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        paint(figure, results)
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(f"{stem}-figure{number}.png", dpi=110)


def discrete(figure: Figure, results: Sequence[Result]) -> None:
    """Figure 1: the discrete gap of decoder and rate inputs over training, and at its end."""
    left, middle, right = figure.subplots(1, 3)
    over_training(left, results, "gd_decoder", "Figure 1: discrete gap, decoder inputs")
    over_training(middle, results, "gd_rate", "… rate inputs")
    ends(right, results, {"decoder": late("gd_decoder"), "rate": late("gd_rate")}, "… last tenth of training")
    left.set_ylabel("mean |Q(y) − R(y)|, steps")


def histograms(figure: Figure, results: Sequence[Result]) -> None:
    """Figure 2: latents y on the test pictures, in bins of 0.05."""
    shown = [name for name in ("ste", "noise", "soft-ste") if name in names(results)]
    panels = np.atleast_1d(figure.subplots(1, max(1, len(shown)), sharey=True))
    for axes, name in zip(panels, shown, strict=False):
        found = [r["base"]["y_histogram"] for r in results if r["of"]["run"]["name"] == name]
        shares = np.mean([h["shares"] for h in found], 0)
        middles = found[0]["first"] + found[0]["width"] * np.arange(len(shares))
        inside = (middles >= -4) & (middles <= 3)
        axes.bar(middles[inside], shares[inside], found[0]["width"], color=COLOURS.get(name, INK))
        axes.set_yscale("log")
        axes.set_title(f"Figure 2: latents y, {name}", loc="left", fontsize=10, color=INK)
        axes.set_xlabel("steps")
    panels[0].set_ylabel("share of latents")


def entropy(figure: Figure, results: Sequence[Result]) -> None:
    """Figure 3: both estimators of the entropy-estimation gap."""
    left, middle, right = figure.subplots(1, 3)
    over_training(left, results, "gee_paper", "Figure 3: Wasserstein as printed")
    left.axhline(0.25, color=INK, linewidth=0.6, linestyle=":")
    left.annotate("a perfect model of σ ≥ ½", (0.02, 0.25), xycoords=("axes fraction", "data"), fontsize=7, va="bottom")
    over_training(middle, results, "gee_kl_bits", "… KL of symbols, bits a latent")
    middle.set_yscale("log")
    values = {"Wasserstein as printed": late("gee_paper"), "10 × KL, bits a latent": late("gee_kl_bits", 10)}
    ends(right, results, values, "… last tenth of training")


def smoothness(figure: Figure, results: Sequence[Result]) -> None:
    """Figure 4: local smoothness and loss."""
    left, middle, right = figure.subplots(1, 3)
    over_training(left, results, "lss_train_0.1", "Figure 4: LSS around training's ŷ")
    left.set_ylabel("mean |ΔL| per RMS of ξ, ξ ∈ ±0.1")
    over_training(middle, results, "lss_hard_0.1", "… around files' ŷ")
    over_training(right, results, "score", "… loss at test, R + λD, bpp")
    for axes in (left, middle, right):
        axes.set_yscale("log")


def curves(figure: Figure, results: Sequence[Result]) -> None:
    """Figure 5: rate and distortion of real bytes; a line joins means over seeds, points are seeds."""
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    found: dict[str, dict[float, list[tuple[float, float]]]] = {}
    for result in results:
        for p in result["points"]:
            found.setdefault(p["test"], {}).setdefault(p["lmbda"], []).append((p["bpp"], p["psnr_db"]))
    for name, of_lmbda in found.items():
        colour = COLOURS.get(name, INK)
        means = sorted(tuple(np.mean(seeds, 0)) for seeds in of_lmbda.values())
        left.plot(*zip(*means, strict=True), color=colour, label=name, linewidth=1.5)
        everything = [point for seeds in of_lmbda.values() for point in seeds]
        left.plot(*zip(*everything, strict=True), "o", color=colour, markersize=3)
    left.set_xlabel("bits per pixel, real bytes")
    left.set_title("Figure 5: PSNR of RGB, dB, test pictures", loc="left", fontsize=10, color=INK)
    left.legend(frameon=False)
    # Curves lie on one another: what is between them shows against the anchor's own line.
    anchor = sorted(tuple(np.mean(seeds, 0)) for seeds in found.get("noise+", {}).values())
    for name, of_lmbda in found.items() if len(anchor) > 1 else ():
        for seed in range(max(map(len, of_lmbda.values()))):
            own = sorted(seeds[seed] for seeds in of_lmbda.values() if seed < len(seeds))
            above = [psnr - np.interp(np.log(bpp), *_logs(anchor)) for bpp, psnr in own]
            right.plot([bpp for bpp, _ in own], above, "o-", color=COLOURS.get(name, INK), markersize=3, linewidth=0.8)
    right.axhline(0, color=INK, linewidth=0.6)
    right.set_xlabel("bits per pixel")
    right.set_title("… less the mean of noise+ at this rate, each seed", loc="left", fontsize=10, color=INK)


def _logs(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [float(np.log(bpp)) for bpp, _ in points], [psnr for _, psnr in points]


def names(results: Sequence[Result]) -> list[str]:
    """Runs in their order."""
    return list(dict.fromkeys(r["of"]["run"]["name"] for r in results))


def over_training(axes: Axes, results: Sequence[Result], key: str, title: str) -> None:
    """A logged value of each base: a line through means over seeds, in the band of all seeds."""
    for name in names(results):
        logs = [r["log"] for r in results if r["of"]["run"]["name"] == name]
        steps = [line["step"] for line in logs[0] if key in line]
        values = np.array([[line[key] for line in log if key in line] for log in logs])
        colour = COLOURS.get(name, INK)
        axes.plot(steps, values.mean(0), color=colour, label=name, linewidth=1.3)
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel("steps of training")
    axes.legend(frameon=False, fontsize=8)


def late(key: str, factor: float = 1) -> Callable[[Result], float]:
    """A logged value's mean over the last tenth of a training."""

    def of(result: Result) -> float:
        end = result["log"][-1]["step"]
        return factor * float(np.mean([line[key] for line in result["log"] if line["step"] > 0.9 * end]))

    return of


def ends(axes: Axes, results: Sequence[Result], values: dict[str, Callable[[Result], float]], title: str) -> None:
    """Bars with the range of seeds."""
    width = 0.8 / len(values)
    shown = names(results)
    for k, (label, of) in enumerate(values.items()):
        found = [[of(r) for r in results if r["of"]["run"]["name"] == name] for name in shown]
        mean = np.array([np.mean(v) for v in found])
        spread = [mean - [min(v) for v in found], [max(v) for v in found] - mean]
        colours = [COLOURS.get(name, INK) for name in shown]
        place = np.arange(len(shown)) + k * width
        axes.bar(place, mean, width, color=colours, alpha=1 - 0.5 * k, yerr=spread, capsize=2)
        axes.bar(0, 0, color=INK, alpha=1 - 0.5 * k, label=label)
    axes.set_xticks(np.arange(len(shown)) + width * (len(values) - 1) / 2, shown, rotation=30, fontsize=8)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.legend(frameon=False, fontsize=8)
