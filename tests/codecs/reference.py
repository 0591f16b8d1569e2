"""A plain decoder of lossless tiles: NumPy and int64, no engine, no part of roundel's models. docs/format.md in code.

Slow and short. It reads a weights file and the passes of a tile, and gives the pixels that the fast decoder must give.
"""

import io
import json
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image
from safetensors import safe_open

from roundel.coding import Tables
from tests.codecs import reference_indices
from tests.codecs.reference_colours import SeenColours
from tests.codecs.reference_neighbours import Neighbours, band_slices, positions
from tests.coding.reference import Decoder, take

Constants = dict[str, np.ndarray]
PHASES = ((1, 1), (0, 1), (1, 0))
RANGES = ((-128, 127), (-255, 255), (-255, 255))


class Model(NamedTuple):
    """The layers' constants, as GRAPH/LAYER.ROLE; tables; levels that have nets of their own; step of terms."""

    constants: Constants
    tables: Tables
    levels: int
    term_step: int


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
    return Model(constants, tables, len(shape["widths"]), shape["term_step"])


def divided(total: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """total / 2^shift to the nearest integer, halves to even; the channel is the first axis."""
    out = np.empty_like(total)
    for row, sums, s in zip(out, total, shift.tolist(), strict=True):
        if s <= 0:
            row[...] = sums << -s
            continue
        whole, rest = sums >> s, sums & ((1 << s) - 1)
        half = 1 << (s - 1)
        row[...] = whole + ((rest > half) | ((rest == half) & (whole % 2 == 1)))
    return out


def convolved(x: np.ndarray, weight: np.ndarray, edges: str) -> np.ndarray:
    """int64 (C, h, w) and (O, C, k, k) to (O, h, w)."""
    h, w = x.shape[1:]
    r = weight.shape[2] // 2
    padded = np.pad(x, ((0, 0), (r, r), (r, r)), mode=edges)  # type: ignore[call-overload]
    total = np.zeros((len(weight), h, w), np.int64)
    for dy in range(2 * r + 1):
        for dx in range(2 * r + 1):
            total += np.einsum("oc,chw->ohw", weight[:, :, dy, dx], padded[:, dy : dy + h, dx : dx + w])
    return total


def pixels(constants: Constants, name: str, known: np.ndarray, low: int, high: int) -> np.ndarray:
    """A layer that sees pixels, whose constants are multiples of 2^-22."""
    weight, bias = (np.rint(constants[f"{name}.{k}"] * 2.0**22).astype(np.int64) for k in ("weight", "bias"))
    total = convolved(known, weight, "edge") + bias[:, None, None]
    return np.clip(divided(total, np.full(len(bias), 22)), low, high)


def features(constants: Constants, name: str, f: np.ndarray, low: int, high: int) -> np.ndarray:
    """A layer that sees features."""
    weight, bias, scale = (constants[f"{name}.{k}"] for k in ("weight", "bias", "scale"))
    total = convolved(f, weight.astype(np.int64), "constant") + bias.astype(np.int64)[:, None, None]
    return np.clip(divided(total, np.rint(-np.log2(scale)).astype(int)), low, high)


def trunk(constants: Constants, name: str, known: np.ndarray, carried: np.ndarray | None, step: int) -> np.ndarray:
    """Features of a phase."""
    f = pixels(constants, f"{name}/enter", known, *((0, 255) if carried is None else (-128, 127)))
    if carried is not None:
        f = np.clip(step * f + step * features(constants, f"{name}/carry", carried, -128, 127), 0, 255)
    block = 0
    while f"{name}/inner.{block}.bias" in constants:
        inner = features(constants, f"{name}/inner.{block}", f, 0, 255)
        f = np.clip(f + step * features(constants, f"{name}/outer.{block}", inner, -128, 127), 0, 255)
        block += 1
    return f


def head(constants: Constants, name: str, rows: np.ndarray) -> np.ndarray:
    """Rows (n, K) to mean, log scale and tail, (3, n)."""
    columns = rows.T[:, :, None]
    hidden = features(constants, f"{name}/hidden", columns, 0, 255)[:, :, 0]
    halves = constants[f"{name}/out.weight"].astype(np.int64).T  # the upper halves of three outputs, then the lower
    total = (128 * halves[:3] + halves[3:]) @ hidden + constants[f"{name}/out.bias"].astype(np.int64)
    shift = np.rint(-np.log2(constants[f"{name}/out.scale"][:, 0])).astype(int)
    return np.clip(divided(total, shift), -8191, 8191)


def row(f: np.ndarray, r: np.ndarray, y: int, x: int, width: int) -> list[int]:
    """What a head sees of one position: f (C, h, w); r (3, h + 2, w + 2), zeros around."""
    square = [r[k, y + tap // 3, x + tap % 3] + 128 for tap in range(9) for k in (0, 1)]
    cross = [r[2, y + dy, x + dx] + 128 for dy, dx in ((0, 1), (1, 0), (1, 2), (2, 1))]
    seen = [*f[:, y, x], *square, *cross]
    return seen + [0] * (width - len(seen))


def table(mean: np.ndarray, log_scale: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Table index and centre from a head's integers."""
    scale = np.clip((log_scale + 192 + 4) >> 3, 0, 57)
    weight = np.clip((tail + 320 + 32) >> 6, 0, 7)
    bits_of = np.array([4] * 15 + [3] * 13 + [2] * 9 + [1] * 10 + [0] * 11)
    first = np.cumsum(np.append(0, 8 << bits_of))
    bits = bits_of[scale]
    nearest = (mean + (8 >> bits)) >> (4 - bits)
    return first[scale] + (weight << bits) + nearest % (1 << bits), nearest >> bits


Read = Callable[[int, int, np.ndarray, list[np.ndarray]], np.ndarray]


def phase(
    constants: Constants, name: str, f: np.ndarray, linear: np.ndarray, here: np.ndarray, read: Read, groups: int
) -> None:
    """Luma, Co, Cg; of each the black squares, then the white; `here` is (3, h, w)."""
    h, w = here.shape[1:]
    r = np.zeros((3, h + 2, w + 2), np.int64)
    for group in range(groups):
        colour = group // 2
        there = [(y, x) for y in range(h) for x in range(w) if (y + x) % 2 == group % 2]
        if not there:
            continue
        width = constants[f"{name}.heads.{group}/hidden.weight"].shape[1]
        rows = np.array([row(f, r, y, x, width) for y, x in there])
        found = head(constants, f"{name}.heads.{group}", rows)
        mean = found[0] + np.array([linear[colour, y, x] for y, x in there])
        before = [np.array([here[k, y, x] for y, x in there]) for k in range(colour)]
        values = read(colour, group % 2, np.stack([mean, found[1], found[2]]), before)
        assert values.min() >= RANGES[colour][0], "damaged"
        assert values.max() <= RANGES[colour][1], "damaged"
        for (y, x), value, m in zip(there, values, mean, strict=True):
            here[colour, y, x] = value
            r[colour, y + 1, x + 1] = np.clip(value - ((m + 8) >> 4), -127, 127)


def webp(stream: bytes) -> bytes:
    """Interleaved RGB of the content of a VP8L chunk."""
    chunk = b"VP8L" + len(stream).to_bytes(4, "little") + stream + bytes(len(stream) % 2)
    file = b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    return Image.open(io.BytesIO(file)).convert("RGB").tobytes()


def decode(model: Model, passes: Sequence[bytes], height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3) of a whole tile."""
    mode, payload = passes[0][0], passes[0][1:]
    flags = 0
    if mode in (6, 7):
        flags, payload, mode = payload[0], payload[1:], mode - 6
    if mode >= 2:
        if mode == 9:
            return reference_indices.decode(payload, height, width)
        raw = {4: zlib.decompress, 8: webp}.get(mode, bytes)(payload)
        stored = {2: (1, 1, 3), 5: (height, width, 1)}.get(mode, (height, width, 3))
        return np.broadcast_to(np.frombuffer(raw, np.uint8).reshape(stored), (height, width, 3))
    decoders = [Decoder(data) for data in (payload, *passes[1:])]
    constants, tables, levels, step = model

    colours = SeenColours(tables)
    neighbours = Neighbours(tables, 1 if mode == 1 else 3)

    def read(
        level: int, number: int, colour: int, white: int, told: np.ndarray, before: list[np.ndarray]
    ) -> np.ndarray:
        decoder = decoders[3 + number if level == 0 else max(0, 3 - level)]
        at = positions((1, height, width), level, number, white)
        values = np.zeros(len(at), np.int64)
        neighbours.open(level, number, colour, white)
        for band in band_slices(len(at)) if flags else [slice(None)]:
            index, centre = table(*told[:, band])
            if flags & 8:
                index, centre = map(np.array, neighbours.predict(at[band], *told[:, band].tolist()))
            if flags >> colour & 1:
                values[band] = colours.take(decoder, colour, index, centre, [b[band] for b in before])
            else:
                values[band] = np.array(take(decoder, index.tolist(), tables), np.int64) + centre
            if flags & 8:
                neighbours.learn(values[band].tolist())
        if flags >> colour & 1:
            colours.count(colour, values, before)
        return values

    x = np.zeros((3, height, width), np.int64)
    for colour in range(1 if mode == 1 else 3):
        x[colour, 0, 0] = take(decoders[0], [len(tables) - 2 + (colour > 0)], tables)[0]
        neighbours.first(colour, [x[colour, 0, 0]])
    for level in reversed(range(max(height - 1, width - 1).bit_length())):
        s = 1 << level
        known = [x[:, :: 2 * s, :: 2 * s].copy()]
        f = None
        for number, (top, left) in enumerate(PHASES):
            name, seen = f"levels.{min(level, levels - 1)}.{number}", np.concatenate(known)
            f = trunk(constants, f"{name}.trunk", seen, f, step)
            linear = pixels(constants, f"{name}.trunk/linear", seen, -8191, 8191)
            here = x[:, top * s :: 2 * s, left * s :: 2 * s]
            phase(constants, name, f, linear, here, partial(read, level, number), 2 if mode == 1 else 6)
            now = known[0].copy()
            now[:, : here.shape[1], : here.shape[2]] = here
            known.append(now)
    y, co, cg = x[0] + 128, x[1], x[2]
    t = y - (cg >> 1)
    b = t - (co >> 1)
    return np.stack([b + co, cg + t, b], -1).astype(np.uint8)
