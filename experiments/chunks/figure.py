"""The figure of docs/zarr.md: a picture in chunks, the bytes of each, and bits a sample of every codec.

python experiments/chunks/figure.py experiments/chunks/results/histology-256.json PICTURE docs/zarr.jpg
"""

import json
from pathlib import Path

import click
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from roundel import image
from roundel.plugins.chunks import Settings, encode_chunk

CHUNK_PX = 256
OURS, THEIRS = "#b3261e", "#9aa0a6"


@click.command(help=__doc__)
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--model", default="histology", show_default=True)
def main(results: Path, picture: Path, output: Path, model: str) -> None:
    rows = [row for row in json.loads(results.read_text(encoding="utf-8"))["rows"] if row["psnr_db"] is None]
    pixels = image.reduce_depth(image.read(picture)).pixels
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), width_ratios=(1, 1.1), layout="constrained")
    _chunks(left, pixels, Settings(model=model))
    names = [row["codec"] for row in rows]
    bars = right.barh(names, [row["bits_a_sample"] for row in rows], color=[_colour(name) for name in names])
    right.bar_label(bars, fmt="%.2f", padding=3)
    right.invert_yaxis()
    right.set_xlim(0, 8.5)
    right.set_title("bits a sample, without loss", fontsize=10)
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=110, pil_kwargs={"quality": 88})


def _chunks(axes: Axes, pixels: np.ndarray, settings: Settings) -> None:
    """A picture, its chunks, and the kilobytes of each."""
    height, width = pixels.shape[:2]
    axes.imshow(pixels)
    for top in range(0, height, CHUNK_PX):
        for left in range(0, width, CHUNK_PX):
            chunk = np.zeros((CHUNK_PX, CHUNK_PX, 3), np.uint8)  # zarr fills up those at the border
            part = pixels[top : top + CHUNK_PX, left : left + CHUNK_PX]
            chunk[: part.shape[0], : part.shape[1]] = part
            text = f"{len(encode_chunk(chunk, settings)) / 1000:.0f} kB"
            box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.8, "linewidth": 0}
            middle = (left + part.shape[1] / 2, top + part.shape[0] / 2)
            axes.text(*middle, text, ha="center", va="center", fontsize=8, bbox=box)
    for side in range(CHUNK_PX, max(height, width), CHUNK_PX):
        axes.axhline(side, color="white", linewidth=0.8)
        axes.axvline(side, color="white", linewidth=0.8)
    axes.set_axis_off()
    axes.set_title("chunks of 256 × 256, of 197 kB each", fontsize=10)


def _colour(name: str) -> str:
    return OURS if name.startswith("roundel") else THEIRS


if __name__ == "__main__":
    main()
