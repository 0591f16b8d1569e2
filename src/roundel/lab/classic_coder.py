"""Real bytes of the models of the literature: a picture to a string and back, with the integer coder.

Symbols go through the same stored-integer tables as everywhere, but which table a latent uses comes from a float net:
such bytes are for measuring, and decode only with the machine, the libraries and the thread count that made them.
"""

from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from roundel import coding
from roundel.errors import ModelError
from roundel.lab.classic import FactorizedPrior, Hyperprior
from roundel.lab.classic_stream import HEAD, channels_of, head, ints, lattice, read_head, tensor
from roundel.lab.classic_tables import Call, gaussian_call, learned
from roundel.lab.context_coder import ContextCoder
from roundel.lab.context_prior import ContextPrior
from roundel.lab.tiles import Grid, picture_of, tiles_of
from roundel.training.entropy.densities import gaussian_bits
from roundel.training.quantizers import Quantizer


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
    if isinstance(model, ContextPrior):
        return ContextCoder(model, quantizer, tile_px)
    raise ModelError(f"{type(model).__name__} is no model of the literature; use its own codec")


class HyperpriorCoder:
    """See `coder_of`."""

    def __init__(self, model: Hyperprior, quantizer: Quantizer, tile_px: int | None = None) -> None:
        self.model, self.quantizer, self.tile_px = model.eval(), quantizer, tile_px
        self.z_tables = learned(model.density.bits, model.density.matrices[0].shape[0])

    @torch.no_grad()
    def latents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents and hyper-latents to round, of tiles (N, 3, h, w) in [0, 1]."""
        y = self.model.analysis(x)
        return y, self.model.side(y)

    def encode(self, pixels: np.ndarray) -> bytes:
        """See `Coder.encode`."""
        y, z = self.latents(tiles_of(pixels, Grid.over(pixels.shape, 64, self.tile_px)))
        with torch.inference_mode():
            return self._coded(pixels, y, torch.floor(z + 0.5))

    def _coded(self, pixels: np.ndarray, y: Tensor, z: Tensor) -> bytes:
        loc, scale = self.model.predict(z)
        symbols = self.quantizer.test(y, loc, partial(gaussian_bits, scale=scale)).symbols
        z_data = coding.encode(ints(z), channels_of(z.shape), self.z_tables)
        index, centre, tables = self._call(loc, scale)
        return head(pixels, z_data) + z_data + coding.encode(ints(symbols) - centre, index, tables)

    @torch.inference_mode()
    def decode(self, data: bytes) -> np.ndarray:
        """See `Coder.decode`."""
        height, width, split = read_head(data)
        grid = Grid.over((height, width), 64, self.tile_px)
        shape = grid.shape(self.z_tables.offsets.size, 64)
        z = tensor(coding.decode(data[HEAD.size : split], channels_of(shape), self.z_tables), shape)
        loc, scale = self.model.predict(z)
        index, centre, tables = self._call(loc, scale)
        symbols = tensor(coding.decode(data[split:], index, tables) + centre, loc.shape)
        y_hat = symbols + lattice(self.quantizer, loc, partial(gaussian_bits, scale=scale))
        return picture_of(self.model.synthesis(y_hat), grid, height, width)

    def _call(self, loc: Tensor, scale: Tensor) -> Call:
        """Tables and centres of symbols; both sides must compute the very same."""
        return gaussian_call(loc - lattice(self.quantizer, loc, partial(gaussian_bits, scale=scale)), scale)


class FactorizedCoder:
    """See `coder_of`."""

    def __init__(self, model: FactorizedPrior, quantizer: Quantizer, tile_px: int | None = None) -> None:
        self.model, self.quantizer, self.tile_px = model.eval(), quantizer, tile_px
        self.tables = learned(model.bits, model.density.matrices[0].shape[0])

    @torch.inference_mode()
    def encode(self, pixels: np.ndarray) -> bytes:
        """See `Coder.encode`."""
        y = self.model.analysis(tiles_of(pixels, Grid.over(pixels.shape, 16, self.tile_px)))
        symbols, y_hat = self.quantizer.test(y, torch.zeros_like(y), self.model.bits)
        if not torch.equal(symbols, y_hat):
            raise ModelError("a factorized prior has tables of integers only; dithered latents need a hyperprior")
        return head(pixels, b"") + coding.encode(ints(symbols), channels_of(y.shape), self.tables)

    @torch.inference_mode()
    def decode(self, data: bytes) -> np.ndarray:
        """See `Coder.decode`."""
        height, width, split = read_head(data)
        grid = Grid.over((height, width), 16, self.tile_px)
        shape = grid.shape(self.tables.offsets.size, 16)
        y_hat = tensor(coding.decode(data[split:], channels_of(shape), self.tables), shape)
        return picture_of(self.model.synthesis(y_hat), grid, height, width)
