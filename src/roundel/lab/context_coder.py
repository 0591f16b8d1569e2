"""Real bytes of priors with a context model: both sides walk over the latents in the same order.

As all of the research coders, floats choose the tables: such bytes decode only where they were made.
"""

import numpy as np
import torch
from torch import Tensor

from roundel import coding
from roundel.errors import FormatError
from roundel.lab.classic_stream import HEAD, channels_of, head, ints, lattice, read_head, tensor
from roundel.lab.classic_tables import learned
from roundel.lab.context import Step
from roundel.lab.context_prior import ContextPrior
from roundel.lab.heads import Prediction
from roundel.lab.tiles import Grid, picture_of, tiles_of
from roundel.training.quantizers import Quantizer

STRIDE = 64
"""Pixels of a hyper-latent."""


class ContextCoder:
    """See `classic_coder.coder_of`."""

    def __init__(self, model: ContextPrior, quantizer: Quantizer, tile_px: int | None = None) -> None:
        self.model, self.quantizer, self.tile_px = model.eval(), quantizer, tile_px
        self.z_tables = learned(model.density.bits, model.density.matrices[0].shape[0])

    @torch.inference_mode()
    def encode(self, pixels: np.ndarray) -> bytes:
        """See `Coder.encode`."""
        y = self.model.analysis(tiles_of(pixels, Grid.over(pixels.shape, STRIDE, self.tile_px)))
        z = torch.floor(self.model.side(y) + 0.5)
        z_data = coding.encode(ints(z), channels_of(z.shape), self.z_tables)
        writer = coding.Writer()

        def act(step: Step, predicted: Prediction) -> Tensor:
            part = y[:, :, step.rows, step.columns][..., None]
            offset = lattice(self.quantizer, predicted.loc, predicted.bits)
            symbols = self.quantizer.test(part, predicted.loc, predicted.bits).symbols
            _put(writer, ints(symbols), predicted, offset)
            return symbols + offset

        self.model.walk(z, act)
        return head(pixels, z_data) + z_data + writer.close()

    @torch.inference_mode()
    def decode(self, data: bytes) -> np.ndarray:
        """See `Coder.decode`."""
        height, width, split = read_head(data)
        grid = Grid.over((height, width), STRIDE, self.tile_px)
        shape = grid.shape(self.z_tables.offsets.size, STRIDE)
        z = tensor(coding.decode(data[HEAD.size : split], channels_of(shape), self.z_tables), shape)
        reader, again = coding.Reader(data[split:]), coding.Writer()

        def act(step: Step, predicted: Prediction) -> Tensor:
            offset = lattice(self.quantizer, predicted.loc, predicted.bits)
            found = [reader.take(index, tables) + centre for index, centre, tables in predicted.calls(offset)]
            symbols = np.concatenate(found)
            _put(again, symbols, predicted, offset)
            return tensor(symbols, tuple(offset.shape)) + offset

        y_hat = self.model.walk(z, act)
        if again.close() != data[split:]:
            raise FormatError(f"{len(data) - split} bytes are not the code of these latents; the string is damaged")
        return picture_of(self.model.synthesis(y_hat), grid, height, width)


def _put(writer: coding.Writer, symbols: np.ndarray, predicted: Prediction, offset: Tensor) -> None:
    done = 0
    for index, centre, tables in predicted.calls(offset):
        writer.put(symbols[done : done + len(index)] - centre, index, tables)
        done += len(index)
