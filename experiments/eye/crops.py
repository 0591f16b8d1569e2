"""Crops beside those of other codecs at equal bytes: one contact sheet.

    python experiments/eye/crops.py DIR [DIR ...] -o docs/eye.jpg

For each subject a picture is coded by roundel at a quality; the others' files are the largest of theirs that are no
larger. All are files of the whole picture; the sheet shows the same crop of each. Pictures that are not in the folders
are left out.
"""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from run import codec

from roundel import image

SUBJECTS = (
    ("face", "kodim04.png", 55, (140, 230)),
    ("foliage", "autumn-branches.png", 50, (340, 150)),
    ("night", "exr-golden-gate.png", 45, (560, 360)),
    ("screen", "screen-hugin.png", 55, (0, 10)),
    ("fabric", "kodim15.png", 45, (150, 300)),
    ("red frames", "kodim01.png", 55, (520, 300)),
)
"""Name, file, roundel's quality, left and top of the crop."""
CROP_PX = (208, 156)
RIVALS = ("avif", "jxl", "webp")
HEAD_PX = 18


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--model", help="Of roundel: name or weights file [the default].")
@click.option("--jpeg-quality", default=88, show_default=True)
def main(folders: tuple[Path, ...], output: Path, model: str | None, jpeg_quality: int) -> None:
    rows = []
    for name, file, quality, (left, top) in SUBJECTS:
        found = [folder / file for folder in folders if (folder / file).exists()]
        if not found:
            continue
        pixels = image.reduce_depth(image.read(found[0])).pixels
        encode, decode = codec("roundel", model)
        data = encode(pixels, quality)
        shown = [(f"{name}: original", pixels), (_caption("roundel", data, pixels), decode(data))]
        for rival in RIVALS:
            theirs, decode_theirs = codec(rival)
            fitting = largest_within(lambda setting, e=theirs, p=pixels: e(p, setting), rival, len(data))
            shown.append((_caption(rival, fitting, pixels), decode_theirs(fitting)))
        box = (slice(top, top + CROP_PX[1]), slice(left, left + CROP_PX[0]))
        rows.append([(caption, np.ascontiguousarray(picture[box])) for caption, picture in shown])
        print(*(caption for caption, _ in shown), sep="; ")
    sheet(rows).save(output, quality=jpeg_quality, subsampling=0, optimize=True)


def largest_within(encode: Callable[[float], bytes], name: str, size: int) -> bytes:
    """The best file of a codec that is no larger: by bisection over its setting."""
    worst, best = (25.0, 0.1) if name == "jxl" else (0.0, 100.0)  # of JPEG XL the setting is a distance
    kept = encode(worst)
    for _ in range(7):
        middle = (worst + best) / 2
        data = encode(middle if name == "jxl" else round(middle))
        if len(data) <= size:
            worst, kept = middle, data
        else:
            best = middle
    return kept


def sheet(rows: list[list[tuple[str, np.ndarray]]]) -> Image.Image:
    """Crops in a grid, each under its caption."""
    width, height = CROP_PX[0] + 4, CROP_PX[1] + HEAD_PX + 4
    out = Image.new("RGB", (width * max(map(len, rows)), height * len(rows)), "white")
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(12)
    for y, row in enumerate(rows):
        for x, (caption, picture) in enumerate(row):
            pen.text((x * width + 2, y * height + 2), caption, "black", font)
            out.paste(Image.fromarray(picture), (x * width, y * height + HEAD_PX))
    return out


def _caption(name: str, data: bytes, pixels: np.ndarray) -> str:
    return f"{name} {8 * len(data) / (pixels.shape[0] * pixels.shape[1]):.3f} bpp"


if __name__ == "__main__":
    main()
