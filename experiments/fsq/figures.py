"""The experiment as pictures: rate and distortion, reconstructions, and how often symbols are used."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch

mpl.use("Agg")
from matplotlib import pyplot as plt

SHOWN = ("L3", "L5", "L8", "L10", "annealed", "adaptive", "hierarchical", "vq-vae", "grid-fsq-12", "grid-vq-12",
         "grid-uniform-12", "grid-residual-12", "one-scale", "two-scale", "as-written")  # fmt: skip
USAGE = ("L8", "annealed", "grid-fsq-12", "grid-uniform-12", "grid-residual-12", "grid-vq-12")
COLUMNS = 12
LABELS = {"annealed": (-5, 5, "right"), "L5": (-5, 5, "right"), "hierarchical": (5, -10, "left"),
          "adaptive": (5, -10, "left"), "L8": (3, 7, "left")}  # fmt: skip
"""Where names stand, in points from their mark, that would cover one another."""


def draw(summary: dict[str, Any], trained: Path, pictures: torch.Tensor, stem: Path) -> None:
    """Write STEM-rd.png, STEM-grid.png and STEM-usage.png."""
    _curves(summary, stem.with_name(f"{stem.name}-rd.png"))
    found = {r["name"]: np.load(trained / f"{r['name']}-1" / "shown.npz") for r in summary["runs"] if r["seed"] == 1}
    _grid(found, pictures, stem.with_name(f"{stem.name}-grid.png"))
    _usage(found, stem.with_name(f"{stem.name}-usage.png"))


def _curves(summary: dict[str, Any], path: Path) -> None:
    figure, (whole, near) = plt.subplots(1, 2, figsize=(13, 5.5), layout="constrained")
    bounds = summary["bounds"]
    rates = sorted(bounds["gaussian_db"], key=float)
    for axes in (whole, near):
        axes.plot([float(r) for r in rates], [bounds["gaussian_db"][r] for r in rates], "k--", lw=1,
                  label="water-filling, Gaussian")  # fmt: skip
        axes.axhline(bounds["pca64_db"], color="0.5", ls=":", lw=1, label="64 principal components, unquantised")
        for name in dict.fromkeys(r["name"] for r in summary["runs"]):
            points = [(r["stream_bits"], r["psnr_db"]) for r in summary["runs"] if r["name"] == name]
            axes.plot(*zip(*points, strict=True), "o", ms=5)
            if axes is near or name.startswith("as-written"):
                x, y, side = LABELS.get(name, (5, 3, "left"))
                axes.annotate(name, points[0], xytext=(x, y), textcoords="offset points", fontsize=8, ha=side,
                              annotation_clip=True)  # fmt: skip
        if ladder := summary["ladder"]:
            for kind, style in (("fixed", "s--"), ("chosen", "s-")):
                points = [(r["stream_bits"], r["psnr_db"]) for r in ladder[kind]]
                axes.plot(*zip(*points, strict=True), style, lw=0.8, ms=3, label=f"levels for each picture, {kind}")
        for codec in dict.fromkeys(row["codec"] for row in summary["baselines"]):
            rows = [row for row in summary["baselines"] if row["codec"] == codec]
            axes.plot([row["bits"] for row in rows], [row["psnr_db"] for row in rows], "x-", lw=0.8, ms=4, label=codec)
        axes.set(xlabel="coded bits a picture", ylabel="PSNR dB", title="CIFAR-10 test")
        axes.grid(alpha=0.3)
    whole.set_xscale("log")
    whole.legend(fontsize=7)
    near.set(xlim=(80, 220), ylim=(17.3, 21.5), title="the discrete autoencoders")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _grid(found: dict[str, Any], pictures: torch.Tensor, path: Path) -> None:
    rows = [("original", pictures[:COLUMNS].float().div(255).numpy())]
    rows += [(name, found[name]["shown"][:COLUMNS]) for name in SHOWN if name in found]
    figure, axes = plt.subplots(len(rows), 1, figsize=(8, 0.6 * len(rows)))
    figure.subplots_adjust(0.13, 0.01, 0.99, 0.99, hspace=0.06)
    for ax, (name, shown) in zip(np.atleast_1d(axes), rows, strict=True):
        ax.imshow(np.concatenate(list(shown.transpose(0, 2, 3, 1)), 1), interpolation="nearest")
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        ax.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _usage(found: dict[str, Any], path: Path) -> None:
    names = [name for name in USAGE if name in found]
    if not names:
        return
    figure, axes = plt.subplots(1, len(names), figsize=(3 * len(names), 2.6), layout="constrained", squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        counts = found[name]["counts"]
        if counts.shape[1] > 64:  # a codebook: how often each vector, most frequent first
            ax.semilogy(np.sort(counts, 1)[:, ::-1].T + 0.5)
            ax.set(xlabel="vector by rank", ylabel="count")
        else:
            share = counts / counts.sum(1, keepdims=True)
            ax.imshow(share, aspect="auto", cmap="viridis")
            ax.set(xlabel="symbol", ylabel="dimension")
        ax.set_title(name, fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
