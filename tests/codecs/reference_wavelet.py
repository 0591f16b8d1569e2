"""A plain decoder of lossy tiles: NumPy and int64, no engine, no part of roundel's models. docs/format.md in code.

Slow and short. It reads a weights file and the passes of a tile, and gives symbols and pixels.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors import safe_open

from roundel.coding import Tables
from tests.coding import reference

Coordinates = list[tuple[int, int]]


class Model(NamedTuple):
    """Tensors, the layers' constants as GRAPH/LAYER.ROLE, tables, the tunings' names."""

    tensors: dict[str, np.ndarray]
    constants: dict[str, np.ndarray]
    tables: Tables
    tunings: list[str]


def load(path: Path) -> Model:
    """A weights file, its graphs taken apart."""
    constants = {}
    with safe_open(path, "numpy") as file:
        held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        shape = json.loads(file.metadata()["shape"])
    for key in [key for key in held if key.startswith("graph.")]:
        graph = onnx.load_from_string(held.pop(key).tobytes()).graph
        constants |= {f"{key[6:]}/{c.name}": numpy_helper.to_array(c) for c in graph.initializer}
    tables = Tables.from_arrays({k: held[f"tables.{k}"] for k in ("frequencies", "starts", "offsets")})
    return Model(held, constants, tables, shape["tunings"])


def layer(
    model: Model, name: str, x: np.ndarray, low: int, high: int, *, bias: np.ndarray | None = None, stride: int = 1
) -> np.ndarray:
    """int64 (C, h, w) to (O, h / stride, w / stride)."""
    weight = model.constants[f"{name}.weight"].astype(np.int64)
    bias = model.constants[f"{name}.bias"] if bias is None else bias
    shift = np.rint(-np.log2(model.constants[f"{name}.scale"])).astype(np.int64)
    r = weight.shape[2] // 2
    padded = np.pad(x, ((0, 0), (r, r), (r, r)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], (1, 2))[:, ::stride, ::stride]
    total = np.einsum("oikl,ihwkl->ohw", weight, windows, optimize=True) + bias.astype(np.int64)[:, None, None]
    # float64 holds these exactly, and rint takes halves to the even integer.
    return np.clip(np.rint(total / np.exp2(shift)[:, None, None]), low, high).astype(np.int64)


def met(
    model: Model, name: str, features: np.ndarray, known: np.ndarray, *, bias: np.ndarray | None = None
) -> np.ndarray:
    """What features and magnitudes say together, 0 … 255."""
    own = layer(model, f"{name}.features", features, -128, 127)
    return np.clip(own + layer(model, f"{name}.known", known, -128, 127, bias=bias), 0, 255)


def head(model: Model, name: str, x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A layer that takes pixels together, as many neighbours in a row as it has inputs for."""
    own = model.constants[f"{name}.weight"].shape[1] // len(x)
    c, h, w = x.shape
    cells = x.reshape(c, h, w // own, own).transpose(3, 0, 1, 2).reshape(own * c, h, w // own)
    out = layer(model, name, cells, 0, 255, bias=np.tile(bias, own))
    return out.reshape(own, -1, h, w // own).transpose(1, 2, 3, 0).reshape(-1, h, w)


def shuffled(x: np.ndarray, n: int) -> np.ndarray:
    """Channel (n·i + j)·C + c at (y, x) to channel c at (n·y + i, n·x + j)."""
    cells, h, w = x.shape
    c = cells // n**2
    return x.reshape(n, n, c, h, w).transpose(2, 3, 0, 4, 1).reshape(c, h * n, w * n)


def signed(v: np.ndarray) -> np.ndarray:
    m = np.minimum(np.floor(16 * np.log2(1 + 0.8 * np.minimum(np.abs(v), 255)) + 0.5), 127).astype(np.int64)
    filling = np.zeros((-2 * len(m) % 4, *m.shape[1:]), np.int64)
    return np.concatenate([m * (v > 0), m * (v < 0), filling])


def stages(h: int, w: int) -> list[tuple[int, int, tuple[tuple[int, int], ...], Coordinates]]:
    """(kind, stride, neighbours, samples (row, column) in raster order) of the low band."""
    found: list = [(0, 0, (), [(0, 0)])]
    stride = 1
    while stride < max(h, w):
        stride *= 2
    while stride > 1:
        half = stride // 2
        kind = max(9 - 2 * half.bit_length(), 1)
        cells = [(y, x) for y in range(0, h, half) for x in range(0, w, half)]
        odd = [(y, x) for y, x in cells if y % stride == half and x % stride == half]
        sides = [(y, x) for y, x in cells if (y % stride == half) != (x % stride == half)]
        found.append((kind, half, ((-1, -1), (-1, 1), (1, -1), (1, 1)), odd))
        found.append((kind + 1, half, ((-1, 0), (1, 0), (0, -1), (0, 1)), sides))
        stride = half
    return found


class Stream:
    """Lists of a pass one after the other."""

    def __init__(self, data: bytes, tables: Tables) -> None:
        self.reader, self.tables = reference.Decoder(data), tables

    def take(self, index: Sequence[int]) -> list[int]:
        return reference.take(self.reader, list(index), self.tables)

    def group(self, scale: np.ndarray, skew: np.ndarray, flag_table: int) -> list[int]:
        """Coefficients of a group in its order: a shift, flags of runs of scale index 0, then a dependent list."""
        (shift,) = self.take([85])
        assert abs(shift) <= 15
        table = [
            0 if i == 0 else 1 + 4 * (min(max(i + shift, 1), 63) - 1) + abs(j - 3)
            for i, j in zip(scale.tolist(), skew.tolist(), strict=True)
        ]
        still = [n for n, t in enumerate(table) if t == 0]
        runs = [still[k : k + 32] for k in range(0, len(still), 32)]
        flags = self.take([flag_table] * len(runs))
        silent = {n for run, flag in zip(runs, flags, strict=True) if flag == 0 for n in run}
        coded = [n for n in range(len(table)) if n not in silent]
        values = [0] * len(table)
        found = reference.take_dependent(self.reader, [table[n] for n in coded], 263, self.tables)
        for n, value in zip(coded, found, strict=True):
            values[n] = -value if skew[n] < 3 else value
        return values


def symbols(model: Model, passes: Sequence[bytes], height: int, width: int, quality: int) -> list[np.ndarray]:
    """The low band (3, h, w) and the details (9, …) of the five levels of a tile of height × width pixels."""
    h, w = -(-height // 32), -(-width // 32)
    tuning, stream = passes[0][0] & 15, Stream(passes[0][1:], model.tables)
    low, residual = np.zeros((3, h, w), np.int64), np.zeros((3, h, w), np.int64)
    low_index = model.tensors["low_index"][tuning, quality].reshape(3, 9)
    for kind, stride, around, samples in stages(h, w):
        table = [1 + 4 * (int(low_index[c, kind]) - 1) for _ in samples for c in range(3)]
        found = np.array(stream.take(table), np.int64).reshape(-1, 3)
        guesses = np.zeros_like(found)
        for n, (y, x) in enumerate(samples):
            known = [(y + dy * stride, x + dx * stride) for dy, dx in around]
            known = [(a, b) for a, b in known if 0 <= a < h and 0 <= b < w]
            if known:
                guesses[n] = (2 * sum(low[:, a, b] for a, b in known) + len(known)) // (2 * len(known))
        for n, (y, x) in enumerate(samples):
            residual[:, y, x], low[:, y, x] = found[n], found[n] + guesses[n]
    parts, known, features = [low], signed(residual), np.zeros((0, h, w), np.int64)
    for k, data in enumerate(passes):
        stream = stream if k == 0 else Stream(data, model.tables)

        def said(
            net: str, x: np.ndarray, known: np.ndarray | None = None, k: int = k
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            name = f"context{k}.{net}/context"
            f = layer(model, name, x, 0, 255) if known is None else met(model, name, x, known)
            bias = model.tensors[f"context{k}.{net}_bias"][tuning, quality]
            out = head(model, f"context{k}.{net}/said", f, bias)
            half = len(out) // 2
            return f, np.minimum(out[:half], 63), np.minimum(out[half:], 6)

        shift = model.tensors[f"context{k}.shift"][tuning, quality].astype(np.int64)
        base, bits = (model.tensors[f"context{k}.up_{part}"].astype(np.int64) for part in ("bias", "bits"))
        bias, name = base + (np.tile(shift, len(base) // len(shift)) << bits), f"context{k}.white/up"
        if k:
            f = shuffled(met(model, name, features, known, bias=bias), 2)
        else:
            f = layer(model, name, known, 0, 255, bias=bias)
        f, scale, skew = said("white", f)
        details = np.zeros((9, *f.shape[1:]), np.int64)
        odd = np.indices(f.shape[1:]).sum(0) % 2 == 1

        def read(channels: slice, scale: np.ndarray, skew: np.ndarray, fields: np.ndarray, table: int,
                 details: np.ndarray = details, stream: Stream = stream) -> None:  # fmt: skip
            places = [a.transpose(1, 2, 0)[fields].ravel() for a in (scale, skew)]
            values = np.array(stream.group(places[0], places[1], table), np.int64)
            own = details.transpose(1, 2, 0)[:, :, channels]
            own[fields] = values.reshape(-1, own.shape[2])

        read(slice(0, 3), scale, skew, ~odd, 253 + 2 * k)
        f, scale, skew = said("black", f, signed(details[:3]))
        read(slice(0, 3), scale, skew, odd, 253 + 2 * k)
        features, scale, skew = said("colours", f, signed(details[:3]))
        read(slice(3, 9), scale, skew, np.ones_like(odd), 254 + 2 * k)
        parts.append(details)
        known = signed(details)
    return parts


def bits16(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -(2**15), 2**15 - 1)


def times(x: np.ndarray, c: int) -> np.ndarray:
    return (x * c + 2**13) // 2**14


def joined(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    """One dimension of the inverse wavelet, a pair at a time."""
    e, o = np.moveaxis(first, axis, 0).copy(), np.moveaxis(second, axis, 0).copy()
    n = len(e)
    for i in range(n):
        e[i] -= times(o[i] + o[max(i - 1, 0)], 7266)
    for i in range(n):
        t = e[i] + e[min(i + 1, n - 1)]
        o[i] -= t - times(t, 1918)
    for i in range(n):
        e[i] += times(o[i] + o[max(i - 1, 0)], 868)
    for i in range(n):
        t = e[i] + e[min(i + 1, n - 1)]
        o[i] += t + times(t, 9604)
    out = np.empty((2 * n, *e.shape[1:]), np.int64)
    out[0::2], out[1::2] = e, o
    return np.moveaxis(bits16(out), 0, axis)


def pixels(model: Model, parts: Sequence[np.ndarray], settings: int, quality: int) -> np.ndarray:
    """A picture of one tile, uint8 (H, W, 3), sides multiples of 32."""
    tuning = settings & 15
    multipliers = model.tensors["multipliers"][tuning, quality].astype(np.int64)
    low, start = np.zeros(0, np.int64), 0
    for number, part in enumerate(parts):
        own = multipliers[start : start + len(part), None, None]
        assert np.abs(part * own).max() < 2**24
        coefficients, start = bits16((part * own + 128) // 256), start + len(part)
        if number == 0:
            low = coefficients
            continue
        planes = []
        for colour, plane in enumerate(low):
            horizontal, vertical, diagonal = coefficients[3 * colour : 3 * colour + 3]
            left, right = joined(times(plane, 24793), vertical, 0), joined(horizontal, diagonal, 0)
            planes.append(joined(left, right, 1))
        low = np.stack(planes)
    y, c, d = low
    rgb = [9459 * y + 11585 * c - 6689 * d, 9459 * y + 13378 * d, 9459 * y - 11585 * c - 6689 * d]
    samples = np.stack([bits16(times(plane, 1)) for plane in rgb])
    plain = np.clip((samples + 4096) // 32, 0, 255)
    if not settings & 16:
        return plain.transpose(1, 2, 0).astype(np.uint8)
    name = f"filter.{model.tunings[tuning]}"
    height, width = plain.shape[1:]
    cells = (
        plain.reshape(3, height // 4, 4, width // 4, 4).transpose(2, 4, 0, 1, 3).reshape(48, height // 4, width // 4)
    )
    h = layer(model, f"{name}/enter", cells - 128, -128, 127, bias=model.tensors[f"{name}.bias"][quality])
    block = 0
    while f"{name}/blocks4.{block}.conv1.weight" in model.constants:
        h, block = residual_block(model, f"{name}/blocks4.{block}", h), block + 1
    g, block = layer(model, f"{name}/down", h, -128, 127, stride=2), 0
    while f"{name}/blocks8.{block}.conv1.weight" in model.constants:
        g, block = residual_block(model, f"{name}/blocks8.{block}", g), block + 1
    h = np.clip(h + shuffled(layer(model, f"{name}/up", g, -128, 127), 2), -128, 127)
    changes = shuffled(layer(model, f"{name}/leave", residual_block(model, f"{name}/last", h), -128, 127), 4)
    gain = int(model.tensors[f"{name}.gain"][quality])
    exact = (128 * (samples + 4080) + changes * gain + 2048) // 4096
    return np.clip(exact, 0, 255).transpose(1, 2, 0).astype(np.uint8)


def residual_block(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    change = layer(model, f"{name}.conv2", layer(model, f"{name}.conv1", x, 0, 255), -128, 127)
    return np.clip(x + change, -128, 127)
