"""Screens, text, line art and bilevel pictures, drawn here: real lossless files of each codec. Writes one JSON file.

Usage: python experiments/lossless/screens.py OUT.json PICTURES

Ten pictures are drawn with Pillow and Matplotlib, the others are scikit-image's graphics; the folder PICTURES receives
them as PNG.
"""

import argparse
import io
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from roundel.codec import decode_array, encode
from roundel.measure import baselines
from roundel.measure.provenance import provenance

RIVALS = ("jxl-e7", "webp-lossless")
TEXT = (
    "the quick brown fox jumps over a lazy dog while seventeen rivers carry copper coins past old mills "
    "def encode for if return while lambda import class self None 0x1f3c 4096 3.14159"
)


def lines_of_text(rng: np.random.Generator, count: int, words: int) -> list[str]:
    """Random sentences."""
    return [" ".join(rng.choice(TEXT.split(), rng.integers(words // 2, words + 1))) for _ in range(count)]


def page(rng: np.random.Generator) -> Image.Image:
    """Black text with smooth edges on white."""
    image = Image.new("RGB", (800, 1000), "white")
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines_of_text(rng, 48, 12)):
        draw.text((40, 30 + 20 * i), line, "black", ImageFont.load_default(14))
    return image


def terminal(rng: np.random.Generator) -> Image.Image:
    """Coloured text of a fixed size on black, without smooth edges."""
    image = Image.new("RGB", (960, 600), "black")
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    for i, line in enumerate(lines_of_text(rng, 36, 18)):
        colour = ("lime", "white", "gold", "cyan", "#ff5555")[rng.integers(5)]
        draw.text((8, 8 + 16 * i), line, colour, ImageFont.load_default(13))
    return image


def editor(rng: np.random.Generator) -> Image.Image:
    """Code with smooth edges in six colours on dark grey, with line numbers and a scroll bar."""
    image = Image.new("RGB", (1000, 700), "#1e1e1e")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 50, 700), "#252526")
    draw.rectangle((984, 120, 1000, 260), "#4f4f4f")
    for i in range(38):
        x = 60 + 24 * int(rng.integers(0, 4))
        draw.text((14, 6 + 18 * i), str(i + 1), "#858585", ImageFont.load_default(13))
        for word in lines_of_text(rng, 1, 8)[0].split():
            colour = ("#d4d4d4", "#569cd6", "#ce9178", "#6a9955", "#dcdcaa", "#c586c0")[rng.integers(6)]
            draw.text((x, 6 + 18 * i), word, colour, ImageFont.load_default(13))
            x += int(draw.textlength(word + " ", ImageFont.load_default(13)))
    return image


def sheet(rng: np.random.Generator) -> Image.Image:
    """A table of numbers with rules and a few coloured cells."""
    image = Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(image)
    for row in range(25):
        for column in range(9):
            box = (column * 100, row * 24, column * 100 + 100, row * 24 + 24)
            draw.rectangle(box, ("#fff2cc" if rng.random() < 0.05 else "white"), "#d0d0d0")
            draw.text((box[0] + 30, box[1] + 5), f"{rng.normal(100, 40):.2f}", "black", ImageFont.load_default(12))
    return image


def window(rng: np.random.Generator) -> Image.Image:
    """A window with gradients, buttons, shadows and text."""
    ramp = np.linspace(235, 205, 640)[:, None, None] * np.ones((1, 860, 3))
    image = Image.fromarray(np.rint(ramp).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for i in range(30):
        draw.line((0, i, 860, i), (60 + i, 110 + i, 180 + 2 * i))
    for i in range(8):
        x, y = 40 + 200 * (i % 4), 80 + 240 * (i // 4)
        draw.rounded_rectangle((x + 3, y + 3, x + 163, y + 183), 12, "#b0b0b0")
        draw.rounded_rectangle((x, y, x + 160, y + 180), 12, "#fafafa", "#9a9a9a")
        for k, line in enumerate(lines_of_text(rng, 6, 3)):
            draw.text((x + 12, y + 16 + 24 * k), line, "#303030", ImageFont.load_default(13))
    return image


def chart(rng: np.random.Generator) -> Image.Image:
    """A chart of Matplotlib."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 6), dpi=100)
    for k in range(5):
        axes.plot(np.cumsum(rng.normal(0, 1, 300)), label=f"series {k}")
    axes.scatter(rng.uniform(0, 300, 80), rng.normal(0, 10, 80), s=12)
    axes.grid(visible=True)
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file)
    pyplot.close(figure)
    return Image.open(file).convert("RGB")


def scan(rng: np.random.Generator) -> Image.Image:
    """A bilevel page: text with ragged edges and specks."""
    grey = np.asarray(page(rng).convert("L")).astype(float) + rng.normal(0, 40, (1000, 800))
    return Image.fromarray(np.where(grey > 128, 255, 0).astype(np.uint8)).convert("RGB")


def dithered(rng: np.random.Generator) -> Image.Image:
    """A shaded scene in black and white, by error diffusion."""
    y, x = np.mgrid[0:480, 0:640] / 100
    shade = 128 + 60 * np.sin(x * 1.3 + np.cos(y)) + 60 * np.cos(y * 1.7)
    return Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8)).convert("1").convert("RGB")


def map_(rng: np.random.Generator) -> Image.Image:
    """Areas of flat colours, roads and names."""
    image = Image.new("RGB", (800, 800), "#e8e4d8")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        centre, angles = rng.uniform(0, 800, 2), np.sort(rng.uniform(0, 2 * np.pi, 7))
        radius = rng.uniform(20, 90, 7)
        points = [(centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for r, a in zip(radius, angles, strict=True)]
        draw.polygon(points, ("#c8dfa8", "#aad3df", "#d9d0c9", "#f2efe9")[rng.integers(4)], "#b0a890")
    for _ in range(25):
        points = [tuple(p) for p in np.cumsum(rng.normal(0, 60, (12, 2)), 0) + rng.uniform(0, 800, 2)]
        draw.line(points, "#b08060", 7)
        draw.line(points, "#ffffff", 5)
    for line in lines_of_text(rng, 30, 2):
        draw.text(tuple(rng.uniform(0, 760, 2)), line, "#404040", ImageFont.load_default(12))
    return image


def sprites(rng: np.random.Generator) -> Image.Image:
    """Tiles of pixel art, repeated."""
    palette = rng.integers(0, 256, (16, 3), np.uint8)
    tiles = [palette[rng.integers(0, 16, (8, 8))].repeat(2, 0).repeat(2, 1) for _ in range(12)]
    rows = [np.concatenate([tiles[i] for i in rng.integers(0, 12, 40)], 1) for _ in range(30)]
    return Image.fromarray(np.concatenate(rows))


def pictures() -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels (H, W, 3)."""
    from skimage import data

    for number, draw in enumerate((page, terminal, editor, sheet, window, chart, scan, dithered, map_, sprites)):
        yield draw.__name__.strip("_"), np.asarray(draw(np.random.default_rng(number)))
    for name in ("page", "text", "logo", "horse", "checkerboard", "clock", "colorwheel"):
        pixels = getattr(data, name)()
        pixels = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., :3]
        yield f"skimage {name}", np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("pictures", type=Path)
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, float]] = {}
    for name, pixels in pictures():
        Image.fromarray(pixels).save(options.pictures / f"{name}.png")
        data = encode(pixels, lossless=True, jobs=1)
        found = decode_array(data)
        assert np.array_equal(np.broadcast_to(found, pixels.shape), pixels), name
        sizes = {"roundel": len(data)}
        for rival_name in RIVALS:
            rival = baselines.find(rival_name)
            sizes[rival_name] = len(rival.encode(pixels, rival.ladder[0]))
        rows[name] = {**sizes, "ratio": round(sizes["roundel"] / min(sizes[r] for r in RIVALS), 4)}
        print(name, pixels.shape, rows[name], flush=True)
    total = {codec: sum(row[codec] for row in rows.values()) for codec in ("roundel", *RIVALS)}
    best = sum(min(row[r] for r in RIVALS) for row in rows.values())
    summary = {**total, "smaller of the rivals": best, "ratio": round(total["roundel"] / best, 4)}
    print(summary)
    command = shlex.join(["python", "experiments/lossless/screens.py", *sys.argv[1:]])
    options.out.write_text(
        json.dumps(
            {**asdict(provenance(command, sorted(options.pictures.glob("*.png")))), "pictures": rows, "all": summary},
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
