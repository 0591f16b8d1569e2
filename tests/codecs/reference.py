"""A plain decoder of lossless tiles: NumPy and int64, no torch, no part of roundel's models. docs/format.md in code.

Slow and short. It reads a weights file and the passes of a tile, and gives the pixels that the fast decoder must give.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import safe_open

from roundel.coding import Tables
from tests.coding.reference import Decoder, take

Weights = dict[str, np.ndarray]
PHASES = ((1, 1), (0, 1), (1, 0))


class Phase(NamedTuple):
    """One phase: on the grid of phase a, inside the picture, and what reads the next samples."""

    now: np.ndarray
    here: np.ndarray
    read: Callable[[np.ndarray, np.ndarray], np.ndarray]


def load(path: Path) -> tuple[Weights, Tables, int]:
    """Arrays by name, tables, and how many levels have nets of their own."""
    with safe_open(path, "numpy") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        shape = json.loads(file.metadata()["shape"])
    tables = Tables.from_arrays({k: weights[f"tables.{k}"] for k in ("frequencies", "starts", "offsets")})
    return weights, tables, len(shape["widths"])


def layer(
    weights: Weights, name: str, inputs: Sequence[np.ndarray], low: int, high: int, add: object = 0
) -> np.ndarray:
    """Inputs (C, h, w) to clamp(floor((Σ + bias) / 2^shift + ½) + add): convolutions.

    Beyond the border pixels repeat, others are 0.
    """
    h, w = inputs[0].shape[1:]
    shift = weights[f"{name}.shift"].astype(np.int64)[:, None, None]
    total = np.broadcast_to(weights[f"{name}.bias"].astype(np.int64)[:, None, None], (len(shift), h, w)).copy()
    for i, x in enumerate(inputs):
        kernel = weights[f"{name}.weight{i}"].astype(np.int64)
        r = kernel.shape[2] // 2
        pixels = i == 0 and name.endswith((".enter", ".linear.0"))
        padded = np.pad(x, ((0, 0), (r, r), (r, r)), mode="edge" if pixels else "constant")
        for dy in range(2 * r + 1):
            for dx in range(2 * r + 1):
                total += np.einsum("oc,chw->ohw", kernel[:, :, dy, dx], padded[:, dy : dy + h, dx : dx + w])
    divided = np.where(
        shift > 0, (total + (1 << np.maximum(shift, 1) - 1)) >> np.maximum(shift, 0), total << np.maximum(-shift, 0)
    )
    return np.clip(divided + add, low, high)


def neighbours(x: np.ndarray) -> np.ndarray:
    """(k, h, w) to (9k, h, w): the 3×3 around each position, row by row, zero beyond the border."""
    h, w = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return np.concatenate([padded[:, dy : dy + h, dx : dx + w] for dy in range(3) for dx in range(3)])


def table(mean: np.ndarray, log_scale: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Table index and centre from a head's integers."""
    scale = np.clip((log_scale + 192 + 4) >> 3, 0, 57)
    weight = np.clip((tail + 320 + 32) >> 6, 0, 7)
    bits_of = np.array([4] * 15 + [3] * 13 + [2] * 9 + [1] * 10 + [0] * 11)
    first = np.cumsum(np.append(0, 8 << bits_of))
    bits = bits_of[scale]
    nearest = (mean + (8 >> bits)) >> (4 - bits)
    return first[scale] + (weight << bits) + nearest % (1 << bits), nearest >> bits


def features(weights: Weights, step: str, pixels: np.ndarray, f: list[np.ndarray]) -> list[np.ndarray]:
    """Features of a step, in a list, from known pixels and the features of the step before, if there are any."""
    if f and f"{step}.carry.bias" in weights:
        carried = layer(weights, f"{step}.carry", f, -255, 255)
        f = [layer(weights, f"{step}.enter", [pixels], 0, 255, add=carried)]
    else:
        f = [layer(weights, f"{step}.enter", [pixels, *f], 0, 255)]
    block = 0
    while f"{step}.inner.{block}.bias" in weights:
        inner = layer(weights, f"{step}.inner.{block}", f, 0, 255)
        f = [layer(weights, f"{step}.outer.{block}", [inner], 0, 255, add=f[0])]
        block += 1
    return f


def pair(weights: Weights, step: str, f: list[np.ndarray], linear: np.ndarray, phase: Phase, grey: bool) -> None:
    """Luma, then both chroma."""
    now, here, read = phase
    h, w = here.shape[1:]
    head = layer(weights, f"{step}.luma_out", [layer(weights, f"{step}.luma_in", f, 0, 255)], -8191, 8191)
    mean = linear[:1] + head[:1]
    now[:1, :h, :w] = here[:1] = read(*table(mean[:, :h, :w], head[1:2, :h, :w], head[2:3, :h, :w]))
    if grey:
        return
    residual = np.clip(now[:1] - ((mean + 8) >> 4), -255, 255)
    hidden = layer(weights, f"{step}.chroma_in", [*f, residual], 0, 255)
    head = layer(weights, f"{step}.chroma_out", [hidden], -8191, 8191)
    mean = linear[1:] + head[:2]
    now[1:, :h, :w] = here[1:] = read(*table(mean[:, :h, :w], head[2:4, :h, :w], head[4:6, :h, :w]))


def chain(weights: Weights, step: str, f: list[np.ndarray], linear: np.ndarray, phase: Phase, grey: bool) -> None:
    """Luma, Co, Cg; of each the black squares, then the white."""
    now, here, read = phase
    h, w = here.shape[1:]
    residual = np.zeros_like(now)
    square = np.add.outer(np.arange(now.shape[1]), np.arange(now.shape[2])) % 2
    for group in range(2 if grey else 6):
        colour, there = group // 2, square == group % 2
        around = [neighbours(residual[: colour + group % 2])] if group else []
        hidden = layer(weights, f"{step}.heads.{group}.hidden", [*f, *around], 0, 255)
        head = layer(weights, f"{step}.heads.{group}.out", [hidden], -8191, 8191)
        mean, inside = linear[colour] + head[0], there[:h, :w]
        here[colour][inside] = read(*table(*(p[:h, :w][inside] for p in (mean, head[1], head[2]))))
        now[colour, :h, :w] = here[colour]
        error = np.clip(now[colour] - ((mean + 8) >> 4), -255, 255)
        residual[colour][there] = error[there]


def decode(
    weights: Weights, tables: Tables, levels: int, passes: Sequence[bytes], height: int, width: int
) -> np.ndarray:
    """uint8 (height, width, 3) of a whole tile."""
    mode, payload = passes[0][0], passes[0][1:]
    if mode >= 2:
        raw = zlib.decompress(payload) if mode == 4 else payload
        stored = {2: (1, 1, 3), 5: (height, width, 1)}.get(mode, (height, width, 3))
        return np.broadcast_to(np.frombuffer(raw, np.uint8).reshape(stored), (height, width, 3))
    decoders = [Decoder(data) for data in (payload, *passes[1:])]

    def read(in_pass: int, index: np.ndarray, centre: np.ndarray) -> np.ndarray:
        symbols = take(decoders[in_pass], index.ravel().tolist(), tables)
        return np.array(symbols, np.int64).reshape(index.shape) + centre

    x = np.zeros((3, height, width), np.int64)
    x[:1, :1, :1] = read(0, np.full((1, 1, 1), len(tables) - 2), np.zeros(1, int))
    if mode == 0:
        x[1:, :1, :1] = read(0, np.full((2, 1, 1), len(tables) - 1), np.zeros(1, int))
    for level in reversed(range(max(height - 1, width - 1).bit_length())):
        s, net = 1 << level, f"levels.{min(level, levels - 1)}"
        known: list[np.ndarray] = [x[:, :: 2 * s, :: 2 * s].copy()]
        f: list[np.ndarray] = []
        for number, (row, column) in enumerate(PHASES):
            step, pixels = f"{net}.{number}", np.concatenate(known)
            f = features(weights, step, pixels, f)
            linear = layer(weights, f"{step}.linear.0", [pixels], -8191, 8191)
            now, here = known[0].copy(), x[:, row * s :: 2 * s, column * s :: 2 * s]
            if here.size:
                in_pass = 3 + number if level == 0 else max(0, 3 - level)
                code = chain if f"{step}.heads.0.out.bias" in weights else pair
                code(weights, step, f, linear, Phase(now, here, partial(read, in_pass)), mode == 1)
            known.append(now)
    y, co, cg = x[0] + 128, x[1], x[2]
    t = y - (cg >> 1)
    b = t - (co >> 1)
    return np.stack([b + co, cg + t, b], -1).astype(np.uint8)
