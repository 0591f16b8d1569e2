"""A plain codec of token models: NumPy and int64, no engine, after docs/format.md."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors import safe_open

from roundel.coding import Tables
from tests.codecs.reference import convolved, divided
from tests.coding.reference import Decoder, take

Constants = dict[str, np.ndarray]
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
KNOWN = ((), (0, 2, 6, 8), (1, 3, 5, 7), (0, 1, 2, 3, 5, 6, 7, 8))
FINE = 22
"""Constants in float32 are multiples of 2^-22."""


class Model(NamedTuple):
    """The layers' constants, as GRAPH/LAYER.ROLE, and the other tensors."""

    constants: Constants
    tables: Tables
    thresholds: np.ndarray
    levels: list[int]
    token_px: int


def load(path: Path) -> Model:
    """A weights file, its graphs taken apart."""
    constants: Constants = {}
    with safe_open(path, "numpy") as file:
        held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        shape = json.loads(file.metadata()["shape"])
    for key, data in held.items():
        if key.startswith("graph."):
            graph = onnx.load_from_string(data.tobytes()).graph
            constants |= {f"{key[6:]}/{c.name}": numpy_helper.to_array(c) for c in graph.initializer}
    tables = Tables.from_arrays({k: held[f"tables.{k}"] for k in ("frequencies", "starts", "offsets")})
    return Model(constants, tables, held["thresholds"], shape["levels"], shape["token_px"])


def fine(model: Model, name: str, x: np.ndarray, low: int, high: int) -> np.ndarray:
    """A fine layer, (C, h, w) to (O, h, w)."""
    weight, bias = (np.rint(model.constants[f"{name}.{k}"] * 2.0**FINE).astype(np.int64) for k in ("weight", "bias"))
    total = convolved(x, weight, "constant") + bias[:, None, None]
    return np.clip(divided(total, np.full(len(bias), FINE)), low, high)


def coarse(model: Model, name: str, x: np.ndarray, low: int, high: int) -> np.ndarray:
    """A layer of bytes, (C, h, w) to (O, h, w)."""
    weight, bias, scale = (model.constants[f"{name}.{k}"] for k in ("weight", "bias", "scale"))
    total = convolved(x, weight.astype(np.int64), "constant") + bias.astype(np.int64)[:, None, None]
    return np.clip(divided(total, np.rint(-np.log2(scale)).astype(np.int64)), low, high)


def blocks(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    """The residual blocks of a graph."""
    for k in range(99):
        if f"{name}/blocks.{k}.inner.weight" not in model.constants:
            break
        inner = coarse(model, f"{name}/blocks.{k}.inner", x, 0, 255)
        x = np.clip(x + coarse(model, f"{name}/blocks.{k}.outer", inner, -128, 127), -128, 127)
    return x


def to_channels(x: np.ndarray, n: int) -> np.ndarray:
    """(C, H, W) to (n²·C, H / n, W / n)."""
    return np.concatenate([x[:, dy::n, dx::n] for dy in range(n) for dx in range(n)])


def to_squares(x: np.ndarray, n: int) -> np.ndarray:
    """The inverse."""
    c = len(x) // n**2
    out = np.empty((c, x.shape[1] * n, x.shape[2] * n), x.dtype)
    for k in range(n**2):
        out[:, k // n :: n, k % n :: n] = x[k * c : (k + 1) * c]
    return out


def grid_pixels(model: Model, codes: np.ndarray) -> np.ndarray:
    """Codes (K, h, w) to pixels (8h, 8w, 3)."""
    v = codes - np.array(model.levels)[:, None, None] // 2
    f = blocks(model, "synthesis", fine(model, "synthesis/enter", v, -128, 127))
    quarters = fine(model, "synthesis/shortcut.linear", v, -2047, 2047)
    quarters = quarters + 4 * coarse(model, "synthesis/leave", f, -128, 127)
    return as_pixels(to_squares(quarters, model.token_px))


def vector_pixels(model: Model, codes: np.ndarray) -> np.ndarray:
    """Codes (K,) to pixels (32, 32, 3)."""
    v = (codes - np.array(model.levels) // 2)[:, None, None]
    f = fine(model, "synthesis/enter", v, -128, 127).reshape(-1, 2, 2)
    for k in range(3):
        f = to_squares(coarse(model, f"synthesis/up.{k}", f, 0, 255), 2)
    return as_pixels(to_squares(fine(model, "synthesis/leave", f, -2047, 2047), 2))


def as_pixels(quarters: np.ndarray) -> np.ndarray:
    """Quarters of levels less 128, (3, H, W), to pixels (H, W, 3)."""
    return np.clip(divided(quarters, np.full(3, 2)) + 128, 0, 255).astype(np.uint8).transpose(1, 2, 0)


def grid_codes(model: Model, pixels: np.ndarray) -> np.ndarray:
    """Pixels (8h, 8w, 3) to codes (K, h, w)."""
    x = to_channels(pixels.transpose(2, 0, 1).astype(np.int64) - 128, model.token_px)
    f = blocks(model, "analysis", coarse(model, "analysis/enter", x, -128, 127))
    latents = fine(model, "analysis/leave", f, -8191, 8191)
    return rounded(model, latents + fine(model, "analysis/shortcut.linear", x, -8191, 8191))


def vector_codes(model: Model, pixels: np.ndarray) -> np.ndarray:
    """Pixels (32, 32, 3) to codes (K,)."""
    x = pixels.transpose(2, 0, 1).astype(np.int64) - 128
    for k in range(4):
        x = coarse(model, f"analysis/down.{k}", to_channels(x, 2), 0, 255)
    return rounded(model, fine(model, "analysis/leave", x.reshape(-1, 1, 1), -8191, 8191))[:, 0, 0]


def rounded(model: Model, latents: np.ndarray) -> np.ndarray:
    """Latents (K, h, w) to codes."""
    return (latents[:, None] >= model.thresholds[:, :, None, None]).sum(1)


def neighbours(
    codes: np.ndarray, middles: np.ndarray, channel: int, phase: int
) -> Iterator[tuple[int, int, list[int]]]:
    """Positions of a phase in raster order, with x."""
    height, width = codes.shape[1:]
    row, column = PHASES[phase]
    for r in range(row, height, 2):
        for c in range(column, width, 2):
            x = []
            for k in range(channel + 1):
                for tap in range(9):
                    rr, cc = r + tap // 3 - 1, c + tap % 3 - 1
                    inside = 0 <= rr < height and 0 <= cc < width
                    known = inside and (k < channel or tap in KNOWN[phase])
                    x.append(int(codes[k, rr, cc] - middles[k]) if known else 0)
            yield r, c, x


def guess(model: Model, name: str, number: int, x: np.ndarray, low: int, high: int) -> np.ndarray:
    """A layer of net `number` of the prior, (C_in, N) to (C_out, N)."""
    weight, bias = (
        np.rint(model.constants[f"prior/{name}.{k}"][number] * 2.0**FINE).astype(np.int64) for k in ("weight", "bias")
    )
    total = weight[:, : len(x)] @ x + bias
    return np.clip(divided(total, np.full(len(bias), FINE)), low, high)


def table_index(model: Model, x: np.ndarray, number: int, channel: int) -> list[int]:
    """Table indices (N,) that net `number` gives for inputs (C, N)."""
    hidden = guess(model, "enter", number, x, 0, 255)
    m, s = guess(model, "direct", number, x, -511, 511) + guess(model, "leave", number, hidden, -511, 511)
    n = model.levels[channel]
    first = sum(20 * (4 * (other - 1) + 1) for other in set(model.levels) if other < n)
    i, j = np.clip(m + 4 * (n // 2), 0, 4 * (n - 1)), np.clip(s + 12, 0, 19)
    return (first + 20 * i + j).tolist()


def chain_codes(data: bytes, shape: tuple[int, int, int, int], model: Model) -> np.ndarray:
    """Codes (B, K, h, w) of one pass under the prior "chain"."""
    count, channels, height, width = shape
    decoder = Decoder(data)
    known = np.zeros((channels + 1, count * height * width), np.int64)  # less the middles
    for channel, n in enumerate(model.levels):
        index = table_index(model, known[: channel + 1], channel, channel)
        known[channel] = np.array(take(decoder, index, model.tables)) - n // 2
    codes = known[:-1] + np.array(model.levels)[:, None] // 2
    return codes.reshape(channels, count, height, width).swapaxes(0, 1)


def coset_codes(passes: Sequence[bytes], height: int, width: int, model: Model) -> np.ndarray:
    """Codes (K, height, width) of one picture of so many tokens."""
    levels = model.levels
    middles = np.array(levels) // 2
    codes = np.broadcast_to(middles[:, None, None], (len(levels), height, width)).copy()
    for channel, data in enumerate(passes):
        decoder = Decoder(data)
        for phase in range(4):
            places = list(neighbours(codes, middles, channel, phase))
            if not places:
                continue
            x = np.array([p[2] for p in places]).T
            found = take(decoder, table_index(model, x, 4 * channel + phase, channel), model.tables)
            for (r, c, _), code in zip(places, found, strict=True):
                codes[channel, r, c] = code
    return codes
