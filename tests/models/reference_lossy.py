"""The symbols of a lossy tile in NumPy alone, after docs/format.md: neither torch nor constriction."""

from collections.abc import Mapping, Sequence

import numpy as np

from roundel.coding import Tables
from tests.coding import reference

Tensors = Mapping[str, np.ndarray]


def exact_layer(x: np.ndarray, tensors: Tensors, name: str, low: int, high: int) -> np.ndarray:
    """(C_in, h, w) int64 to (C_out, h, w) int64."""
    weight, bias, shift = (tensors[f"exact.{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    k = weight.shape[2]
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (1, 2))
    total = np.einsum("oikl,ihwkl->ohw", weight, windows, optimize=True) + bias[:, None, None]
    divisor = np.exp2(shift)[:, None, None]
    return np.clip(np.floor(total / divisor + 0.5), low, high).astype(np.int64)


def shuffle(x: np.ndarray) -> np.ndarray:
    """(4C, h, w) to (C, 2h, 2w)."""
    c, h, w = x.shape
    return x.reshape(c // 4, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(c // 4, 2 * h, 2 * w)


def tables(tensors: Tensors, name: str) -> Tables:
    return Tables.from_arrays({key: tensors[f"{name}.{key}"] for key in ("frequencies", "starts", "offsets")})


def symbols(
    passes: Sequence[bytes], height: int, width: int, quality: int, tensors: Tensors, groups: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Hyper-latents z (Z, ⌈h/4⌉, ⌈w/4⌉) and residuals r (M, h, w) of a tile of height × width pixels."""
    h, w = -(-height // 16), -(-width // 16)
    loc, index = tensors["z_loc"][quality], tensors["z_index"][quality]
    cells = -(-h // 4) * -(-w // 4)
    coded = reference.decode(passes[0], np.repeat(index, cells).tolist(), tables(tensors, "z_tables"))
    z = np.array(coded, np.int64).reshape(len(loc), -(-h // 4), -(-w // 4)) + loc[:, None, None]
    a = exact_layer(z, tensors, "enter", -255, 255) + tensors["scale_shift"][quality][:, None, None]
    a = shuffle(exact_layer(np.clip(a, 0, 255), tensors, "up1", 0, 255))
    a = shuffle(exact_layer(exact_layer(a, tensors, "middle", 0, 255), tensors, "up2", 0, 255))
    a = exact_layer(a, tensors, "leave", -128, 128)[:, :h, :w]
    base = np.clip(a + tensors["index_offset"][quality][:, None, None], 0, 63)
    r, start = np.zeros(base.shape, np.int64), 0
    for number, (end, data) in enumerate(zip(groups, passes[1:], strict=True)):
        index = base[start:end]
        if number:
            hidden = exact_layer(np.minimum(np.abs(r[:start]), 15), tensors, f"context.{number - 1}.enter", 0, 255)
            index = index + exact_layer(hidden, tensors, f"context.{number - 1}.leave", -40, 40)
        coded = base[start:end] > 0
        at = np.clip(index, 1, 63)[coded] - 1
        r[start:end][coded] = reference.decode(data, at.tolist(), tables(tensors, "y_tables"))
        start = end
    return z, r
