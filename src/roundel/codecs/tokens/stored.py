"""A token model's weights file: nets and tables, and the test that this machine computes what the file's maker did."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.tokens.nets import Guesses, Nets
from roundel.codecs.tokens.symbols import ChainCoder, CosetCoder, FactorizedCoder, TokenCoder
from roundel.codecs.tokens.walk import PHASES, TAPS
from roundel.codecs.weights import Weights
from roundel.coding import Tables
from roundel.errors import ModelError

TABLES = "tables."
MAX_LEVELS = 256
"""Codes less their middles are bytes in the nets."""
MAX_TOKEN_PX, MAX_REACH = 256, 256
SIDE = 5
"""Tokens along each side of the pictures of the self-test."""


def load(weights: Weights) -> tuple[Nets, TokenCoder, int]:
    """Nets, the coder of the codes, and how many tokens away a token can matter; tested on this machine.

    Raises:
        ModelError: the weights are not those of a token model, or give other integers here.
    """
    try:
        shape = _Shape(weights.shape)
        thresholds = weights.tensor("thresholds")
        if thresholds.dtype != np.int32 or thresholds.shape != (len(shape.levels), max(shape.levels) - 1):
            raise ValueError(f"thresholds {thresholds.dtype} {thresholds.shape}")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{weights.path}: not the weights of a token model: {error}") from error
    nets = Nets(
        weights.graph("analysis"), weights.graph("synthesis"), shape.levels, thresholds,
        token_px=shape.token_px, joined=shape.reach > 0,
    )  # fmt: skip
    tables = Tables.from_arrays({k.removeprefix(TABLES): v for k, v in weights.tensors.items() if k.startswith(TABLES)})
    coder = _coder(weights, shape, tables)
    weights.require(selftest(nets, coder))
    return nets, coder, shape.reach


class _Shape:
    """The sizes in the file. Raises: KeyError, TypeError, ValueError."""

    def __init__(self, shape: Mapping[str, Any]) -> None:
        self.levels = tuple(int(n) for n in shape["levels"])
        self.token_px, self.reach, self.prior = int(shape["token_px"]), int(shape["reach"]), str(shape["prior"])
        if not self.levels or not 2 <= min(self.levels) <= max(self.levels) <= MAX_LEVELS:
            raise ValueError(f"levels {self.levels}")
        if not 1 <= self.token_px <= MAX_TOKEN_PX or not 0 <= self.reach <= MAX_REACH:
            raise ValueError(f"tokens of {self.token_px} px that see {self.reach} others")


def _coder(weights: Weights, shape: _Shape, tables: Tables) -> TokenCoder:
    if shape.prior == "factorized":
        if tables.sizes.tolist() != [n + 1 for n in shape.levels]:
            raise ModelError(
                f"{weights.path}: {len(tables)} probability tables do not fit {len(shape.levels)} channels"
            )
        return FactorizedCoder(shape.levels, tables)
    if shape.prior not in ("chain", "coset"):
        raise ModelError(f"{weights.path}: prior {shape.prior!r} is unknown; known: factorized, chain, coset")
    kind = ChainCoder if shape.prior == "chain" else CosetCoder
    return kind(shape.levels, Guesses(weights.graph("prior")), tables)


def selftest(nets: Nets, coder: TokenCoder) -> str:
    """Hash of what all nets make of fixed inputs, extreme ones among them; 32 hexadecimal digits."""
    digest = hashlib.sha256()
    px, levels = nets.token_px, nets.levels
    size = SIDE if nets.joined else 1
    noise = pattern(3 * (size * px) ** 2).reshape(1, size * px, size * px, 3)
    for pixels in (noise, np.where(noise < 128, 0, 255).astype(np.uint8)):
        digest.update(nets.analyse(pixels).astype("<i4").tobytes())
    bytes_ = pattern(len(levels) * size**2).reshape(1, len(levels), size, size).astype(np.int32)
    tops = np.array(levels, np.int32)[None, :, None, None]
    for codes in (bytes_ * tops // 256, np.where(bytes_ < 128, 0, tops - 1)):
        digest.update(nets.synthesise(codes, size * px, size * px).tobytes())
    if isinstance(coder, CosetCoder | ChainCoder):
        each = len(PHASES) if isinstance(coder, CosetCoder) else 1
        taps = len(TAPS) if isinstance(coder, CosetCoder) else 1
        for number in range(len(levels) * each):
            inputs = np.repeat(np.array(levels[: number // each + 1]), taps)[:, None]
            shares = pattern(inputs.size * SIDE).reshape(-1, SIDE)
            known = np.hstack([inputs * shares // 256, np.where(shares < 128, 0, inputs - 1)]) - inputs // 2
            digest.update(coder.guess(number, known.astype(np.float32)).astype("<i4").tobytes())
    return digest.hexdigest()[:32]


def pattern(count: int) -> NDArray[np.uint8]:
    """Bytes that look like noise, the same everywhere."""
    return (np.arange(count, dtype=np.uint64) * 2654435761 % 2**32 >> 24).astype(np.uint8)
