"""The five figures of the three-gaps paper, of what was measured here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

Result = dict[str, Any]
INK, FAINT = "#222222", "#8a8a8a"
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
OVER_TRAINING = "lines: means over seeds, bands: all seeds"


class Style(NamedTuple):
    """How a surrogate is drawn in every figure; lines that lie on one another stay visible by their dashes."""

    colour: str
    dashes: Any


STYLES = {
    "noise": Style("#0072b2", "-"),
    "noise+": Style("#56b4e9", "-"),
    "ste": Style("#d55e00", "-"),
    "soft-ste": Style("#009e73", (0, (5, 3))),
    "mixed": Style("#b0559a", (0, (1, 1.5))),
    "ste-sn": Style("#e0a000", (0, (6, 2, 1, 2))),
    "soft-ste-sn": Style("#7a7a00", (0, (2, 4))),
}


def draw(results: Sequence[Result], stem: Path) -> None:
    """Write STEM-figure1.png … 5."""
    for number, paint in enumerate((discrete, histograms, entropy, smoothness, curves), 1):
        figure = Figure(figsize=(13, 6.4 if paint is histograms else 4.4), layout="constrained")
        title = paint(figure, results)
        figure.suptitle(f"Figure {number}: {title}; {seeds(results)}", x=0.01, ha="left", fontsize=12, color=INK)
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(f"{stem}-figure{number}.png", dpi=110)


def discrete(figure: Figure, results: Sequence[Result]) -> str:
    """Figure 1: the discrete gap of decoder and rate inputs over training, and at its end."""
    left, middle, right = figure.subplots(1, 3)
    for axes, key, title in ((left, "gd_decoder", "decoder inputs"), (middle, "gd_rate", "rate inputs")):
        over_training(axes, results, key, title)
        axes.set_ylim(-0.01, 0.38)
        known(axes, 1 / 3, "⅓: noise, uniform fractional parts")
        known(axes, 1 / 4, "¼: noise, latents on integers")
    known(middle, 1 / 12, "1/12: Soft-STE, no symbol 0")
    left.set_ylabel("mean |Q(y) − R(y)|, steps")
    ends(right, results, {"decoder": late("gd_decoder"), "rate": late("gd_rate")}, "mean of the last tenth of training")
    right.set_ylim(0, 0.38)
    legend(figure, left)
    return f"discrete gap, {OVER_TRAINING}"


def histograms(figure: Figure, results: Sequence[Result]) -> str:
    """Figure 2: latents y on the test pictures, in bins of 0.05; below, their distance from the predicted mean."""
    shown = [name for name in ("ste", "noise", "soft-ste", "mixed") if name in names(results)]
    panels = figure.subplots(2, max(1, len(shown)), sharey="row", squeeze=False)
    for row, kind, label in zip(panels, ("y_histogram", "residual_histogram"), ("y", "y − μ"), strict=True):
        for axes, name in zip(row, shown, strict=False):
            found = [r["base"][kind] for r in results if r["of"]["run"]["name"] == name]
            shares = 100 * np.mean([h["shares"] for h in found], 0)
            middles = found[0]["first"] + found[0]["width"] * np.arange(len(shares))
            inside = (middles >= -4) & (middles <= 3)
            axes.bar(middles[inside], shares[inside], found[0]["width"], color=style(name).colour)
            axes.set_yscale("log")
            axes.set_ylim(1e-2, 10)
            axes.yaxis.set_major_formatter(PLAIN)
            axes.set_title(f"{name}: {label}", loc="left", fontsize=10, color=INK)
            axes.set_xticks(range(-4, 4))
            axes.set_xlabel("quantisation steps")
        row[0].set_ylabel("latents, %")
    return "latents on the test pictures, bins of 0.05, mean of all seeds"


def entropy(figure: Figure, results: Sequence[Result]) -> str:
    """Figure 3: both estimators of the entropy-estimation gap."""
    first, second, third, fourth = figure.subplots(1, 4)
    over_training(first, results, "gee_paper", "Wasserstein as printed, steps")
    over_training(third, results, "gee_kl_bits", "KL of symbols, bits a latent")
    ends(second, results, {"": late("gee_paper")}, "… last tenth of training")
    ends(fourth, results, {"": late("gee_kl_bits")}, "… last tenth of training")
    for axes in (first, second):
        axes.set_ylim(bottom=0)
    for axes in (first, third):
        axes.set_ylim(
            0, 1.3 * max(line.get_ydata()[2:].max() for line in axes.lines)
        )  # the first ones are off the scale
    known(first, 0.25, "¼: a perfect model of σ ≥ ½", above_pt=-5)
    legend(figure, first)
    return f"entropy-estimation gap, {OVER_TRAINING}"


def smoothness(figure: Figure, results: Sequence[Result]) -> str:
    """Figure 4: local smoothness and loss, with spectral norms ("-sn") and without."""
    first, second, third, fourth = figure.subplots(1, 4)
    over_training(first, results, "lss_train_0.1", "LSS around training's ŷ, ±0.1 steps")
    around = {"training's ŷ": late("lss_train_0.1"), "files' ŷ": late("lss_hard_0.1")}
    ends(second, results, around, "… last tenth of training")
    second.set_ylim(top=1.3 * second.get_ylim()[1])
    over_training(third, results, "score", "loss at test, R + λD")
    ends(fourth, results, {"": late("score")}, "… last tenth of training")
    first.set_ylabel("mean |ΔL| per RMS of ξ, bits per pixel a step")
    third.set_ylabel("bits per pixel")
    for axes in (first, third):
        logarithmic(axes)
    legend(figure, first)
    return f"local smoothness score (LSS) and loss, {OVER_TRAINING}"


def curves(figure: Figure, results: Sequence[Result]) -> str:
    """Figure 5: rate and distortion of real bytes; a line joins means over seeds, points are seeds."""
    left, right = figure.subplots(1, 2)
    found: dict[str, dict[float, list[tuple[float, float]]]] = {}
    for result in results:
        for p in result["points"]:
            found.setdefault(p["test"], {}).setdefault(p["lmbda"], []).append((p["bpp"], p["psnr_db"]))
    for name, of_lmbda in found.items():
        means = sorted(tuple(np.mean(seeds, 0)) for seeds in of_lmbda.values())
        left.plot(*zip(*means, strict=True), color=style(name).colour, linestyle=style(name).dashes, label=name)
        everything = [point for seeds in of_lmbda.values() for point in seeds]
        left.plot(*zip(*everything, strict=True), "o", color=style(name).colour, markersize=3)
    left.set_ylabel("PSNR of RGB, dB")
    left.set_title("means over seeds (lines) and each seed (points)", loc="left", fontsize=10, color=INK)
    # Curves lie on one another: what is between them shows against the anchor's own line.
    anchor = sorted(tuple(np.mean(seeds, 0)) for seeds in found.get("noise+", {}).values())
    for name, of_lmbda in found.items() if len(anchor) > 1 else ():
        for seed in range(max(map(len, of_lmbda.values()))):
            own = np.array(sorted(seeds[seed] for seeds in of_lmbda.values() if seed < len(seeds)))
            above = own[:, 1] - line_through(anchor, own[:, 0])
            look = {"color": style(name).colour, "linestyle": style(name).dashes, "marker": "o", "markersize": 3}
            right.plot(own[:, 0], above, linewidth=1, **look)
    right.axhline(0, color=INK, linewidth=0.6)
    right.set_ylabel("dB above the mean of noise+ at this rate")
    right.set_title("each seed less the mean line of noise+", loc="left", fontsize=10, color=INK)
    for axes in (left, right):
        axes.set_xlabel("bits per pixel, real bytes")
    legend(figure, left)
    return "rate and distortion on the test pictures"


def line_through(points: Sequence[tuple[float, float]], bpp: np.ndarray) -> np.ndarray:
    """PSNR at rates: straight between points over log rate, and beyond them as their outermost pieces go on."""
    x, y = np.log([p[0] for p in points]), np.array([p[1] for p in points])
    piece = np.clip(np.searchsorted(x, np.log(bpp)) - 1, 0, len(x) - 2)
    slope = (y[piece + 1] - y[piece]) / (x[piece + 1] - x[piece])
    return y[piece] + slope * (np.log(bpp) - x[piece])


def seeds(results: Sequence[Result]) -> str:
    """How many there are of each run."""
    count = {name: sum(r["of"]["run"]["name"] == name for r in results) for name in names(results)}
    if len(set(count.values())) > 1:
        return "seeds: " + ", ".join(f"{name} {n}" for name, n in count.items())
    return f"{max(count.values())} seeds" if max(count.values()) > 1 else "one seed"


def names(results: Sequence[Result]) -> list[str]:
    """Runs in their order."""
    return list(dict.fromkeys(r["of"]["run"]["name"] for r in results))


def style(name: str) -> Style:
    """That of a surrogate, or black for one that nobody has given a colour."""
    return STYLES.get(name, Style(INK, "-"))


def legend(figure: Figure, axes: Axes) -> None:
    """One for all panels, below them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, handlelength=3.5)


def known(axes: Axes, value: float, text: str, above_pt: float = 5) -> None:
    """A line where theory puts a value."""
    axes.axhline(value, color=FAINT, linewidth=0.7, linestyle=":", zorder=0)
    place = {"xycoords": ("axes fraction", "data"), "xytext": (0, above_pt), "textcoords": "offset points"}
    axes.annotate(text, (0.99, value), fontsize=7, ha="right", va="center", color=FAINT, **place)


def logarithmic(axes: Axes) -> None:
    """A logarithmic scale with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(PLAIN)
    axes.yaxis.set_minor_formatter(NullFormatter())


def over_training(axes: Axes, results: Sequence[Result], key: str, title: str) -> None:
    """A logged value of each base: a line through means over seeds, in the band of all seeds."""
    for name in names(results):
        logs = [r["log"] for r in results if r["of"]["run"]["name"] == name]
        steps = [line["step"] for line in logs[0] if key in line]
        values = np.array([[line[key] for line in log if key in line] for log in logs])
        colour, dashes = style(name)
        axes.plot(steps, values.mean(0), color=colour, label=name, linewidth=1.5, linestyle=dashes)
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel("steps of training")


def late(key: str) -> Callable[[Result], float]:
    """A logged value's mean over the last tenth of a training."""

    def of(result: Result) -> float:
        end = result["log"][-1]["step"]
        return float(np.mean([line[key] for line in result["log"] if line["step"] > 0.9 * end]))

    return of


def ends(axes: Axes, results: Sequence[Result], values: dict[str, Callable[[Result], float]], title: str) -> None:
    """Bars of means with the range of seeds, and their numbers."""
    width = 0.8 / len(values)
    shown = names(results)
    for k, (label, of) in enumerate(values.items()):
        found = [[of(r) for r in results if r["of"]["run"]["name"] == name] for name in shown]
        mean = np.array([np.mean(v) for v in found])
        spread = [mean - [min(v) for v in found], [max(v) for v in found] - mean]
        place = np.arange(len(shown)) + k * width
        bars = axes.bar(place, mean, width, color=[style(name).colour for name in shown], yerr=spread, capsize=2)
        for bar in bars:
            bar.set_alpha(1 - 0.5 * k)
        numbers = [f"{v:.{4 - len(values)}g}" if v > 5e-4 else "0" for v in mean]
        axes.bar_label(bars, numbers, padding=2, fontsize=8 - len(values), color=INK)
        if label:
            axes.bar(0, 0, color=INK, alpha=1 - 0.5 * k, label=label)
            axes.legend(frameon=False, fontsize=8)
    axes.set_xticks(np.arange(len(shown)) + width * (len(values) - 1) / 2, shown, rotation=30, fontsize=8)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
