"""The paper's figure: pictures decoded from the first 15, 30, 60 and 100 % of their bytes.

Usage: python experiments/lossless/progressive.py OUT.jpg [PICTURE ...]

Upper row of each picture: what is missing is the prior's rounded mean; lower row: it is drawn from the prior, as in the
paper. Without pictures, three of scikit-image's samples are taken.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from roundel.codec import encode
from roundel.image import read
from roundel.restore import restore

FRACTIONS = (0.15, 0.30, 0.60, 1.0)
SIDE_PX = 256
MARGIN_PX = 6
LABEL_PX = 14


def samples() -> list[np.ndarray]:
    """Real pictures that come with scikit-image."""
    from skimage import data

    return [data.astronaut(), data.coffee(), data.chelsea()]


def centre(pixels: np.ndarray) -> np.ndarray:
    """The middle SIDE_PX × SIDE_PX of a picture."""
    top, left = (pixels.shape[0] - SIDE_PX) // 2, (pixels.shape[1] - SIDE_PX) // 2
    return np.ascontiguousarray(pixels[top : top + SIDE_PX, left : left + SIDE_PX])


def rows(pixels: np.ndarray) -> list[list[np.ndarray]]:
    """Decoded prefixes, by mean and by sample."""
    data = encode(pixels, lossless=True)
    out = []
    for seed in (None, 0):
        prefixes = [data[: round(len(data) * fraction)] for fraction in FRACTIONS]
        out.append([restore(prefix, partial_file=True, seed=seed).picture.pixels for prefix in prefixes])
    assert np.array_equal(out[0][-1], pixels)
    return out


def main(goal: str, names: list[str]) -> None:
    """Draw the figure."""
    pictures = [read(name).pixels for name in names] if names else samples()
    grid = [row for pixels in pictures for row in rows(centre(pixels))]
    step = SIDE_PX + MARGIN_PX
    sheet = Image.new("RGB", (len(FRACTIONS) * step - MARGIN_PX, LABEL_PX + len(grid) * step - MARGIN_PX), "white")
    draw = ImageDraw.Draw(sheet)
    for column, fraction in enumerate(FRACTIONS):
        draw.text((column * step + 4, 1), f"{fraction:.0%}", fill="black")
        for line, row in enumerate(grid):
            sheet.paste(Image.fromarray(row[column]), (column * step, LABEL_PX + line * step))
    Path(goal).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(goal, optimize=True, quality=88)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
