"""Real bytes of the models of the literature: a picture to a string and back, with the integer coder.

Symbols go through the same stored-integer tables as everywhere, but which table a latent uses comes from a float net:
such bytes are for measuring, and decode only with the machine, the libraries and the thread count that made them.
"""

import math
import struct
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roundel import coding
from roundel.errors import FormatError, ModelError
from roundel.lab.classic import FactorizedPrior, Hyperprior
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.entropy.factorized import Factorized
from roundel.training.entropy.logistic import logistic_index
from roundel.training.quantizers import Bits, Quantizer

SCALES = np.geomspace(0.11, 256.0, 96)
UNIT_LOG2 = 6
"""Means count in 64ths of a step; no table needs more fractions."""
TAIL_MASS = 2.0**-16
REACH = 255
"""Symbols of learned densities that tables hold at most, on both sides of zero."""
_HEAD = struct.Struct("<HHI")
"""Height and width in pixels, bytes of the hyper-latents."""


class Coder(Protocol):
    """A model of the literature as a codec."""

    def encode(self, pixels: np.ndarray) -> bytes:
        """Bytes of uint8 (H, W, 3)."""
        ...

    def decode(self, data: bytes) -> np.ndarray:
        """The picture, uint8 (H, W, 3). Raises: FormatError."""
        ...


def coder_of(model: torch.nn.Module, quantizer: Quantizer, tile_px: int | None = None) -> Coder:
    """A trained model as a codec that rounds as this quantiser does at test.

    Args:
        tile_px: the nets see a picture as squares of this side, a multiple of 64; None for all of it at once. A model
            that was trained on small crops has never seen what surrounds a hyper-latent in a large picture.

    Raises:
        ModelError: no codec is known for such a model.
    """
    if isinstance(model, Hyperprior):
        return HyperpriorCoder(model, quantizer, tile_px)
    if isinstance(model, FactorizedPrior):
        return FactorizedCoder(model, quantizer, tile_px)
    raise ModelError(f"{type(model).__name__} is no model of the literature; use its own codec")


class Bank(NamedTuple):
    """Tables of Gaussians on the grid `SCALES`, each at some fractions of a step."""

    tables: coding.Tables
    fractions: np.ndarray


@lru_cache(maxsize=2)
def gaussians(*, centred: bool) -> Bank:
    """Tables of means 0, or of as many fractional means as lose under 0.001 bits a symbol."""
    counts = 2 ** np.ceil(np.log2(8 / SCALES)).clip(0, UNIT_LOG2).astype(int)
    fractions = np.ones_like(counts) if centred else counts
    pmfs, offsets = [], []
    for scale, count in zip(SCALES, fractions, strict=True):
        reach = math.ceil(4.6 * float(scale)) + 1  # two-sided tail below 2⁻¹⁶, as the escape has it
        for j in range(int(count)):
            place = torch.arange(-reach, reach + 2, dtype=torch.float64) - j / int(count)
            pmfs.append(torch.exp2(-gaussian_bits(place, torch.tensor(float(scale)).double())).numpy())
            offsets.append(-reach)
    return Bank(coding.Tables.from_pmfs(pmfs, offsets, TAIL_MASS), fractions)


@torch.no_grad()
def learned(density: Factorized, channels: int) -> coding.Tables:
    """One table for each channel's density."""
    at = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    mass = torch.exp2(-density.bits(at.expand(1, channels, 1, -1))).double()[0, :, 0].numpy()
    pmfs, offsets, escapes = [], [], []
    for row in mass:
        below = np.cumsum(row)
        first = int(np.searchsorted(below, TAIL_MASS / 2))
        last = max(first, int(np.searchsorted(below, below[-1] - TAIL_MASS / 2)))
        pmfs.append(row[first : last + 1])
        offsets.append(first - REACH)
        escapes.append(min(max(1 - pmfs[-1].sum(), TAIL_MASS), 0.5))
    return coding.Tables.from_pmfs(pmfs, offsets, escapes)


class HyperpriorCoder:
    """See `coder_of`."""

    def __init__(self, model: Hyperprior, quantizer: Quantizer, tile_px: int | None = None) -> None:
        self.model, self.quantizer, self.tile_px = model.eval(), quantizer, tile_px
        self.z_tables = learned(model.density, model.density.matrices[0].shape[0])

    @torch.inference_mode()
    def encode(self, pixels: np.ndarray) -> bytes:
        """See `Coder.encode`."""
        y = self.model.analysis(_image(pixels, Grid.over(pixels.shape, 64, self.tile_px)))
        z = torch.floor(self.model.side(y) + 0.5)
        loc, scale = self.model.predict(z)
        symbols = self.quantizer.test(y, loc, partial(gaussian_bits, scale=scale)).symbols
        z_data = coding.encode(_ints(z), _channels(z.shape), self.z_tables)
        index, centre, tables = self._call(loc, scale)
        return _head(pixels, z_data) + z_data + coding.encode(_ints(symbols) - centre, index, tables)

    @torch.inference_mode()
    def decode(self, data: bytes) -> np.ndarray:
        """See `Coder.decode`."""
        height, width, split = _read_head(data)
        grid = Grid.over((height, width), 64, self.tile_px)
        shape = grid.shape(self.z_tables.offsets.size, 64)
        z = _tensor(coding.decode(data[_HEAD.size : split], _channels(shape), self.z_tables), shape)
        loc, scale = self.model.predict(z)
        index, centre, tables = self._call(loc, scale)
        symbols = _tensor(coding.decode(data[split:], index, tables) + centre, loc.shape)
        y_hat = symbols + _lattice(self.quantizer, loc, partial(gaussian_bits, scale=scale))
        return _pixels(self.model.synthesis(y_hat), grid, height, width)

    def _call(self, loc: Tensor, scale: Tensor) -> tuple[np.ndarray, np.ndarray, coding.Tables]:
        """Tables and centres of symbols; both sides must compute the very same."""
        mean = (loc - _lattice(self.quantizer, loc, partial(gaussian_bits, scale=scale))).flatten().double().numpy()
        bank = gaussians(centred=bool(np.abs(mean).max() < 2.0**-10))
        place = np.log(scale.flatten().double().numpy() / SCALES[0]) / np.log(SCALES[1] / SCALES[0])
        grid = np.floor(place + 0.5).clip(0, len(SCALES) - 1).astype(np.int32)
        steps = np.floor(mean * 2**UNIT_LOG2 + 0.5).astype(np.int32)
        index, centre = logistic_index(grid, steps, UNIT_LOG2, bank.fractions)
        return index, centre, bank.tables


class FactorizedCoder:
    """See `coder_of`."""

    def __init__(self, model: FactorizedPrior, quantizer: Quantizer, tile_px: int | None = None) -> None:
        self.model, self.quantizer, self.tile_px = model.eval(), quantizer, tile_px
        self.tables = learned(model.density, model.density.matrices[0].shape[0])

    @torch.inference_mode()
    def encode(self, pixels: np.ndarray) -> bytes:
        """See `Coder.encode`."""
        y = self.model.analysis(_image(pixels, Grid.over(pixels.shape, 16, self.tile_px)))
        symbols, y_hat = self.quantizer.test(y, torch.zeros_like(y), self.model.density.bits)
        if not torch.equal(symbols, y_hat):
            raise ModelError("a factorized prior has tables of integers only; dithered latents need a hyperprior")
        return _head(pixels, b"") + coding.encode(_ints(symbols), _channels(y.shape), self.tables)

    @torch.inference_mode()
    def decode(self, data: bytes) -> np.ndarray:
        """See `Coder.decode`."""
        height, width, split = _read_head(data)
        grid = Grid.over((height, width), 16, self.tile_px)
        shape = grid.shape(self.tables.offsets.size, 16)
        y_hat = _tensor(coding.decode(data[split:], _channels(shape), self.tables), shape)
        return _pixels(self.model.synthesis(y_hat), grid, height, width)


class Grid(NamedTuple):
    """How a picture, padded to the right and below, lies in equal tiles."""

    rows: int
    columns: int
    tile_height: int
    """In pixels, as is the width."""
    tile_width: int

    @classmethod
    def over(cls, size: Sequence[int], step: int, tile_px: int | None) -> "Grid":
        """Square tiles over (height, width, …); without, one tile whose sides are multiples of the step."""
        if tile_px is None:
            return cls(1, 1, -(-size[0] // step) * step, -(-size[1] // step) * step)
        return cls(-(-size[0] // tile_px), -(-size[1] // tile_px), tile_px, tile_px)

    def shape(self, channels: int, step: int) -> tuple[int, int, int, int]:
        """Of the latents of all tiles."""
        return self.rows * self.columns, channels, self.tile_height // step, self.tile_width // step


def _lattice(quantizer: Quantizer, loc: Tensor, bits: Bits) -> Tensor:
    """What the decoder adds to symbols: a quantiser says so when it is given the means themselves."""
    tested = quantizer.test(loc, loc, bits)
    return tested.y_hat - tested.symbols


def _image(pixels: np.ndarray, grid: Grid) -> Tensor:
    """The tiles of a picture, row by row, (N, 3, h, w) in [0, 1]."""
    x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
    right, below = grid.columns * grid.tile_width - x.shape[3], grid.rows * grid.tile_height - x.shape[2]
    x = F.pad(x, (0, right, 0, below), mode="replicate")
    x = x.reshape(3, grid.rows, grid.tile_height, grid.columns, grid.tile_width).permute(1, 3, 0, 2, 4)
    return x.flatten(0, 1).contiguous()


def _pixels(x: Tensor, grid: Grid, height: int, width: int) -> np.ndarray:
    """The picture of tiles, uint8 (H, W, 3)."""
    x = x.reshape(grid.rows, grid.columns, *x.shape[1:]).permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2, 3)
    x = x[:, :height, :width].mul(255).add(0.5).clamp(0, 255)
    return x.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _head(pixels: np.ndarray, z_data: bytes) -> bytes:
    return _HEAD.pack(*pixels.shape[:2], len(z_data))


def _read_head(data: bytes) -> tuple[int, int, int]:
    """Height, width and where the latents begin."""
    if len(data) < _HEAD.size or (split := _HEAD.size + _HEAD.unpack_from(data)[2]) > len(data):
        raise FormatError(f"{len(data)} bytes are not a picture of the research coder: they end too soon")
    height, width, _ = _HEAD.unpack_from(data)
    return height, width, split


def _channels(shape: tuple[int, ...]) -> np.ndarray:
    """Table index of each latent of (N, C, h, w): its channel."""
    return np.tile(np.repeat(np.arange(shape[1], dtype=np.int32), shape[2] * shape[3]), shape[0])


def _ints(symbols: Tensor) -> np.ndarray:
    return symbols.flatten().numpy().astype(np.int32)


def _tensor(symbols: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(symbols.astype(np.float32)).reshape(shape)
