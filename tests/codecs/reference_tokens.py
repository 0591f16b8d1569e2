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


def layer(model: Model, name: str, x: np.ndarray, low: int, high: int) -> np.ndarray:
    """(C, h, w) to (O, h, w)."""
    weight, bias, scale = (model.constants[f"{name}.{k}"] for k in ("weight", "bias", "scale"))
    whole = weight.astype(np.int64)
    total = (convolved(x, whole, "constant") if weight.shape[2] % 2 else corners(x, whole)) + bias.astype(
        np.int64
    ).reshape(-1, 1, 1)
    return np.clip(divided(total, np.rint(-np.log2(scale.ravel())).astype(np.int64)), low, high)


def corners(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """int64 (C, h, w) and (O, C, 2, 2) to (O, h − 1, w − 1)."""
    h, w = x.shape[1] - 1, x.shape[2] - 1
    total = np.zeros((len(weight), h, w), np.int64)
    for dy, dx in np.ndindex(2, 2):
        total += np.einsum("oc,chw->ohw", weight[:, :, dy, dx], x[:, dy : dy + h, dx : dx + w])
    return total


def edged(x: np.ndarray) -> np.ndarray:
    """Zeros around, one pixel wide."""
    return np.pad(x, ((0, 0), (1, 1), (1, 1)))


def blocks(model: Model, name: str, f: np.ndarray, low: int, high: int) -> np.ndarray:
    """The residual blocks of a graph."""
    for k in range(99):
        if f"{name}/blocks.{k}.inner.weight" not in model.constants:
            break
        inner = layer(model, f"{name}/blocks.{k}.inner", f, 0, 255 if high == 127 else high)
        f = np.clip(f + layer(model, f"{name}/blocks.{k}.outer", inner, low, high), low, high)
    return f


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
    f = blocks(model, "synthesis", layer(model, "synthesis/enter", v, -128, 127), -128, 127)
    quarters = layer(model, "synthesis/shortcut.linear", v, -2047, 2047)
    quarters = quarters + 4 * layer(model, "synthesis/leave", f, -128, 127)
    levels = divided(to_squares(quarters, model.token_px), np.full(3, 2)) + 128
    return np.clip(levels, 0, 255).astype(np.uint8).transpose(1, 2, 0)


def vector_pixels(model: Model, codes: np.ndarray) -> np.ndarray:
    """Codes (K,) to pixels (32, 32, 3)."""
    v = (codes - np.array(model.levels) // 2)[:, None, None]
    f = layer(model, "synthesis/enter", v, -128, 127).reshape(-1, 2, 2)
    for k in range(3):
        f = to_squares(layer(model, f"synthesis/up.{k}", edged(f), 0, 255), 2)[:, 1:-1, 1:-1]
    table = model.constants["synthesis/pixels.table"]
    logits = to_squares(layer(model, "synthesis/leave", edged(f), -511, 511), 2)[:, 1:-1, 1:-1]
    return table[logits + 511].transpose(1, 2, 0)


def grid_codes(model: Model, pixels: np.ndarray) -> np.ndarray:
    """Pixels (8h, 8w, 3) to codes (K, h, w)."""
    x = to_channels(pixels.transpose(2, 0, 1).astype(np.int64) - 128, model.token_px)
    f = blocks(model, "analysis", layer(model, "analysis/enter", x, -511, 511), -511, 511)
    latents = layer(model, "analysis/leave", f, -8191, 8191)
    return rounded(model, latents + layer(model, "analysis/shortcut.linear", x, -8191, 8191))


def vector_codes(model: Model, pixels: np.ndarray) -> np.ndarray:
    """Pixels (32, 32, 3) to codes (K,)."""
    x = pixels.transpose(2, 0, 1).astype(np.int64)
    for k, top in enumerate((2047, 1023, 511, 1023)):
        x = layer(model, f"analysis/down.{k}", to_channels(edged(x), 2), 0, top)
    return rounded(model, layer(model, "analysis/leave", x.reshape(-1, 1, 1), -8191, 8191))[:, 0, 0]


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
    weight, bias, scale = (model.constants[f"prior/{name}.{k}"][number] for k in ("weight", "bias", "scale"))
    total = weight[:, : len(x)].astype(np.int64) @ x + bias.astype(np.int64)
    return np.clip(divided(total, np.rint(-np.log2(scale.ravel())).astype(np.int64)), low, high)


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
