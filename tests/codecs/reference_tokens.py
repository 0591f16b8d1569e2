"""The codes of a token model in NumPy alone, after docs/format.md: neither torch nor constriction."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from roundel.coding import Tables
from tests.coding.reference import Decoder, take

Tensors = Mapping[str, np.ndarray]
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
KNOWN = ((), (0, 2, 6, 8), (1, 3, 5, 7), (0, 1, 2, 3, 5, 6, 7, 8))


def layer(x: np.ndarray, tensors: Tensors, name: str, low: int, high: int) -> np.ndarray:
    """(C_in, N) to (C_out, N), int64."""
    weight, bias, shift = (tensors[f"exact.{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    total = weight[:, :, 0, 0] @ x + bias[:, None]
    return np.clip(np.floor(total / np.exp2(shift)[:, None] + 0.5), low, high).astype(np.int64)


def neighbours(
    codes: np.ndarray, middles: np.ndarray, channel: int, phase: int
) -> Iterator[tuple[int, int, list[int]]]:
    """Positions of a phase in raster order, with x."""
    height, width = codes.shape[1:]
    row, column = PHASES[phase]
    for r in range(row, height, 2):
        for c in range(column, width, 2):
            x = []
            for tap in range(9):
                rr, cc = r + tap // 3 - 1, c + tap % 3 - 1
                inside = 0 <= rr < height and 0 <= cc < width
                for k in range(channel + 1):
                    known = inside and (k < channel or tap in KNOWN[phase])
                    x.append(int(codes[k, rr, cc] - middles[k]) if known else 0)
            yield r, c, x


def tables_of(tensors: Tensors) -> Tables:
    """The stored tables."""
    return Tables.from_arrays({k: tensors[f"tables.{k}"] for k in ("frequencies", "starts", "offsets")})


def table_index(x: np.ndarray, tensors: Tensors, name: str, levels: Sequence[int], channel: int) -> list[int]:
    """Table indices (N,) that the net of this name gives for inputs (C, N)."""
    hidden = layer(x, tensors, f"{name}.enter", 0, 255)
    m, s = layer(x, tensors, f"{name}.direct", -511, 511) + layer(hidden, tensors, f"{name}.leave", -511, 511)
    n = levels[channel]
    first = sum(20 * (4 * (m - 1) + 1) for m in set(levels) if m < n)
    i, j = np.clip(m + 4 * (n // 2), 0, 4 * (n - 1)), np.clip(s + 12, 0, 19)
    return (first + 20 * i + j).tolist()


def chain_codes(data: bytes, shape: tuple[int, int, int, int], levels: Sequence[int], tensors: Tensors) -> np.ndarray:
    """Codes (B, K, h, w) of one pass under the prior "chain"."""
    count, channels, height, width = shape
    tables, decoder = tables_of(tensors), Decoder(data)
    known = np.zeros((channels + 1, count * height * width), np.int64)  # less the middles
    for channel, n in enumerate(levels):
        index = table_index(known[: channel + 1], tensors, f"guesses.{channel}", levels, channel)
        known[channel] = np.array(take(decoder, index, tables)) - n // 2
    codes = known[:-1] + np.array(levels)[:, None] // 2
    return codes.reshape(channels, count, height, width).swapaxes(0, 1)


def coset_codes(
    passes: Sequence[bytes], height: int, width: int, levels: Sequence[int], tensors: Tensors
) -> np.ndarray:
    """Codes (K, height, width) of one picture of so many tokens."""
    tables, middles = tables_of(tensors), np.array(levels) // 2
    codes = np.broadcast_to(middles[:, None, None], (len(levels), height, width)).copy()
    for channel, data in enumerate(passes):
        decoder = Decoder(data)
        for phase in range(4):
            places = list(neighbours(codes, middles, channel, phase))
            if not places:
                continue
            x = np.array([p[2] for p in places]).T
            index = table_index(x, tensors, f"guesses.{4 * channel + phase}", levels, channel)
            found = take(decoder, index, tables)
            for (r, c, _), code in zip(places, found, strict=True):
                codes[channel, r, c] = code
    return codes
