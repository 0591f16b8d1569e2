"""Pictures drawn on the fly that photographs lack: checkers, stripes, halftones, bars, text, screens, noise."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
Random = np.random.Generator


def draw(side: int, random: Random) -> Picture:
    """One of them, uint8 (side, side, 3)."""
    kinds: tuple[Callable[[int, Random], Picture], ...] = (checkers, stripes, halftone, bars, text, screen, noise, flat)
    shares = np.array([0.16, 0.16, 0.14, 0.1, 0.14, 0.18, 0.05, 0.07])
    return kinds[int(random.choice(len(kinds), p=shares))](side, random)


def patched(picture: Picture, random: Random) -> Picture:
    """The picture with a drawn patch in it."""
    side = picture.shape[0]
    height, width = (int(n) for n in random.integers(side // 6, side * 3 // 4, 2))
    top, left = int(random.integers(side - height + 1)), int(random.integers(side - width + 1))
    out = picture.copy()
    out[top : top + height, left : left + width] = draw(side, random)[:height, :width]
    return out


def _colours(random: Random) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two colours, often grey, often strong, often near one another."""
    first = random.integers(0, 256, 3) if random.random() < 0.5 else np.full(3, random.integers(0, 256))
    if random.random() < 0.4:
        second = np.clip(first + random.choice([-1, 1]) * random.integers(4, 60), 0, 255)
    elif random.random() < 0.5:
        first, second = (np.full(3, v) for v in ((0, 255) if random.random() < 0.5 else (255, 0)))
    else:
        second = random.integers(0, 256, 3)
    return first.astype(float), second.astype(float)


def _mixed(mask: NDArray[np.floating], random: Random) -> Picture:
    first, second = _colours(random)
    mixed = first + mask[..., None] * (second - first)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _places(side: int, random: Random) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = np.mgrid[:side, :side]
    return rows + random.integers(16), columns + random.integers(16)


def checkers(side: int, random: Random) -> Picture:
    """Fields of 1 to 16 pixels."""
    rows, columns = _places(side, random)
    n = int(random.choice([1, 1, 2, 2, 3, 4, 5, 6, 8, 16]))
    return _mixed(((rows // n + columns // n) % 2).astype(float), random)


def stripes(side: int, random: Random) -> Picture:
    """Upright, level or at any angle, sharp or as a wave."""
    rows, columns = _places(side, random)
    period = float(random.choice([2, 3, 4, 4, 5, 6, 8, 12, 16]))
    angle = float(random.choice([0, 0, np.pi / 2, np.pi / 2, np.pi / 4, random.uniform(0, np.pi)]))
    along = rows * np.sin(angle) + columns * np.cos(angle)
    phase = np.mod(along + 1e-6, period) / period
    mask = (phase < random.choice([0.25, 0.5, 0.5])) if random.random() < 0.7 else 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    return _mixed(mask.astype(float), random)


_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16


def halftone(side: int, random: Random) -> Picture:
    """A gradient or a flat grey, dithered, or as dots."""
    rows, columns = _places(side, random)
    level = np.full((side, side), random.uniform(0.05, 0.95))
    if random.random() < 0.7:
        level = (rows * random.uniform(-1, 1) + columns * random.uniform(-1, 1)) / side % 1.0
    if random.random() < 0.5:
        threshold = _BAYER[rows % 4, columns % 4]
    else:
        n = int(random.integers(2, 9))
        a = 0.5 + 0.25 * (np.cos(2 * np.pi * (rows + columns) / n) + np.cos(2 * np.pi * (rows - columns) / n))
        threshold = a if random.random() < 0.7 else random.random((side, side))
    return _mixed((level > threshold).astype(float), random)


def bars(side: int, random: Random) -> Picture:
    """Coloured bars, and gradients of colours."""
    n = int(random.choice([1, 2, 4, 8, 16, 32]))
    count = side // n + 1
    colours = random.integers(0, 2, (count, 3)) * 255 if random.random() < 0.6 else random.integers(0, 256, (count, 3))
    row = np.repeat(colours, n, 0)[:side].astype(np.uint8)
    if random.random() < 0.25:
        ends = random.integers(0, 256, (2, 3)).astype(float)
        row = np.round(ends[0] + np.linspace(0, 1, side)[:, None] * (ends[1] - ends[0])).astype(np.uint8)
    picture = np.broadcast_to(row, (side, side, 3)).copy()
    return picture if random.random() < 0.5 else np.ascontiguousarray(picture.transpose(1, 0, 2))


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _words(random: Random, count: int) -> str:
    letters = np.array(list("eeettaaooiinnsshhrrddlluc mwfgypbvkEATOINS0123456789.,:;-()/=+"))
    return " ".join("".join(random.choice(letters, int(random.integers(2, 10)))) for _ in range(count))


def text(side: int, random: Random, picture: Picture | None = None) -> Picture:
    """Lines of letters in one colour on another, or on a picture."""
    ground, ink = _colours(random)
    canvas = np.broadcast_to(ground.astype(np.uint8), (side, side, 3)) if picture is None else picture
    image = Image.fromarray(np.ascontiguousarray(canvas))
    pen = ImageDraw.Draw(image)
    size = int(random.choice([9, 10, 11, 12, 13, 14, 16, 20, 28]))
    pen.fontmode = "1" if random.random() < 0.2 else "L"
    y = -int(random.integers(size))
    while y < side:
        pen.text((-int(random.integers(40)), y), _words(random, 2 + side // (4 * size)), _ink(ink), _font(size))
        y += int(size * 1.4)
    return np.asarray(image)


def _ink(colour: NDArray[Any]) -> tuple[int, int, int]:
    red, green, blue = (int(c) for c in colour)
    return red, green, blue


def screen(side: int, random: Random) -> Picture:
    """Windows, buttons, lines, charts and letters, flat and sharp."""
    light = random.random() < 0.7
    image = Image.new("RGB", (side, side), _ink(random.integers(225, 256, 3) if light else random.integers(0, 50, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(2, 9))):
        x, y = (int(n) for n in random.integers(-side // 4, side, 2))
        w, h = (int(n) for n in random.integers(2, side, 2))
        colour, edge = (_ink(random.integers(0, 256, 3)) for _ in range(2))
        kind = random.random()
        if kind < 0.35:
            pen.rectangle((x, y, x + w, y + h), colour, edge if random.random() < 0.5 else None)
        elif kind < 0.5:
            pen.rounded_rectangle((x, y, x + w, y + h), min(w, h) // 3, colour)
        elif kind < 0.6:
            pen.ellipse((x, y, x + w, y + h), colour)
        elif kind < 0.75:
            pen.line((x, y, x + w, y + h), colour, int(random.integers(1, 4)))
        else:
            size = int(random.choice([9, 10, 11, 12, 13, 15, 18]))
            ink = _ink(np.full(3, 20 if light else 230)) if random.random() < 0.6 else colour
            for line in range(1 + h // (2 * size)):
                pen.text((x, y + line * int(size * 1.4)), _words(random, 1 + w // 40), ink, _font(size))
    return np.asarray(image)


def noise(side: int, random: Random) -> Picture:
    """Grey or coloured, weak or strong."""
    middle = random.integers(0, 256, 3)
    spread = random.choice([2, 5, 10, 20, 60])
    grain = random.normal(0, spread, (side, side, 3 if random.random() < 0.5 else 1))
    return np.clip(np.round(middle + grain), 0, 255).astype(np.uint8)


def flat(side: int, random: Random) -> Picture:
    """One colour, or two with an edge between."""
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    angle = random.uniform(0, np.pi)
    edge = (rows * np.sin(angle) + columns * np.cos(angle) > random.uniform(-0.4, 0.4)) if random.random() < 0.5 else 0
    return _mixed(np.broadcast_to(np.asarray(edge, float), (side, side)), random)
