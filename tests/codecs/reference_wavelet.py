"""The symbols of a tile of the wavelet model in NumPy alone, after docs/format.md: neither torch nor constriction."""

from collections.abc import Mapping, Sequence

import numpy as np

from roundel.coding import Tables
from tests.codecs.reference_lossy import shuffle
from tests.coding import reference

Tensors = Mapping[str, np.ndarray]
Coordinates = list[tuple[int, int, int]]


def exact_layer(
    inputs: Sequence[np.ndarray], tensors: Tensors, name: str, low: int, high: int, add: np.ndarray | int = 0
) -> np.ndarray:
    """Several inputs (C_i, h, w) int64 to (C_out, h, w) int64."""
    bias, shift = (tensors[f"exact.contexts.levels.{name}.{part}"].astype(np.int64) for part in ("bias", "shift"))
    total = bias[:, None, None]
    for i, x in enumerate(inputs):
        weight = tensors[f"exact.contexts.levels.{name}.weight{i}"].astype(np.int64)
        r = weight.shape[2] // 2
        padded = np.pad(x, ((0, 0), (r, r), (r, r)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], (1, 2))
        total = total + np.einsum("oikl,ihwkl->ohw", weight, windows, optimize=True)
    scaled = np.floor(total / np.exp2(shift)[:, None, None] + 0.5)
    return np.clip(scaled + add, low, high).astype(np.int64)


def magnitudes(s: np.ndarray) -> np.ndarray:
    return np.minimum(np.floor(16 * np.log2(1 + np.minimum(np.abs(s), 255)) + 0.5), 127).astype(np.int64)


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
    """Parts of a pass one after the other."""

    def __init__(self, data: bytes, tables: Tables) -> None:
        self.reader, self.tables = reference.Decoder(data), tables

    def take(self, index: np.ndarray) -> np.ndarray:
        return np.array(reference.take(self.reader, index.tolist(), self.tables), np.int64)


def symbols(passes: Sequence[bytes], height: int, width: int, quality: int, tensors: Tensors) -> list[np.ndarray]:
    """The low band (3, h, w) and the details (9, …) of the five levels of a tile of height × width pixels."""
    tables = Tables.from_arrays({key: tensors[f"tables.{key}"] for key in ("frequencies", "starts", "offsets")})
    h, w = -(-height // 32), -(-width // 32)
    stream = Stream(passes[0], tables)
    low, residual = np.zeros((3, h, w), np.int64), np.zeros((3, h, w), np.int64)
    for kind, stride, around, samples in stages(h, w):
        index = np.repeat(tensors["low_index"][quality][:, kind], len(samples)) - 1
        found = stream.take(index).reshape(3, len(samples))
        guesses = np.zeros_like(found)
        for n, (y, x) in enumerate(samples):
            known = [(y + dy * stride, x + dx * stride) for dy, dx in around]
            known = [(a, b) for a, b in known if 0 <= a < h and 0 <= b < w]
            if known:
                total = sum(low[:, a, b] for a, b in known)
                guesses[:, n] = (2 * total + len(known)) // (2 * len(known))
        for n, (y, x) in enumerate(samples):
            residual[:, y, x] = found[:, n]
            low[:, y, x] = found[:, n] + guesses[:, n]
    parts = [low]
    coarse = [magnitudes(residual)]
    entered = 0
    for level, data in enumerate(passes):
        stream = stream if level == 0 else Stream(data, tables)
        width_here = len(tensors[f"exact.contexts.levels.{level}.white.bias"])
        shift = tensors["shift"][quality][entered : entered + width_here].astype(np.int64)
        entered += width_here
        offset = tensors["offset"][quality][9 * level : 9 * level + 9].astype(np.int64)[:, None, None]
        finer = 2 if level else 1
        f = exact_layer(coarse, tensors, f"{level}.up", 0, 255, np.repeat(shift, finer**2)[:, None, None])
        f = shuffle(f) if finer == 2 else f
        rows, columns = np.indices(f.shape[1:])
        white = (rows + columns) % 2 == 0
        f = exact_layer([f], tensors, f"{level}.white", 0, 255)
        details = np.zeros((9, *f.shape[1:]), np.int64)

        def read(name: str, features: np.ndarray, channels: slice, fields: np.ndarray, stream=stream, details=details,
                 offset=offset, level=level) -> None:  # fmt: skip
            eighths = exact_layer([features], tensors, f"{level}.{name}", -1023, 1023) + offset[channels]
            index = np.clip((eighths + 4) // 8, 0, 63)
            held = (index > 0) & fields
            details[channels][held] = stream.take(index[held] - 1)

        read("white_out", f, slice(0, 3), white)
        g = exact_layer([f, magnitudes(details[:3])], tensors, f"{level}.black", 0, 255, f)
        read("black_out", g, slice(0, 3), ~white)
        k = exact_layer([g, magnitudes(details[:3])], tensors, f"{level}.chroma", 0, 255, g)
        read("chroma_out", k, slice(3, 9), np.ones_like(white))
        parts.append(details)
        coarse = [magnitudes(details), k]
    return parts
