"""What the encoder codes while it is trained: values of dependent quantisation under the tables that files have."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from roundel.codecs.wavelet.places import SECOND, TABLE_OF
from roundel.coding import Tables
from roundel.coding.dependent import decide
from roundel.training.entropy.lookup import lookup_bits
from roundel.training.wavelet import density
from roundel.training.wavelet.density import SCALES, SKEWS


class Chosen(NamedTuple):
    """Values of coefficients of any one shape, integer-valued float32."""

    values: Tensor
    odd: Tensor
    """1 where the second quantiser is on."""

    def bits(self, place: Tensor, skew: Tensor, table: Tensor) -> Tensor:
        """With a gradient for places. Args: place: scale indices. table: see `families.size_bits`."""
        size = (self.values.abs() + self.odd * (self.values != 0)) / 2
        return lookup_bits(size, place + SCALES * self.odd, table) + density.sign_bits(self.values, skew)


@torch.no_grad()
def choose(
    y: Tensor, place: Tensor, skew: Tensor, worth: Tensor, fields: Tensor | None, tables: Tables, table: Tensor
) -> Chosen:
    """The encoder's choice: where the scale index is 0, values are 0 unless one is worth that its run is coded.

    Args:
        y: (B, C, h, w) coefficients in steps. place, skew: scale indices and skews, real-valued. worth: squared error
            that a bit is worth, broadcast to y. fields: (h, w) bool, where there is something to code.
        table: bits of sizes, see `families.size_bits`.
    """
    scale = place.round().clamp(0, SCALES - 1).to("cpu", torch.int64).numpy()
    tilt = skew.round().clamp(0, SKEWS - 1).to("cpu", torch.int64).numpy()
    own = y.float().cpu().numpy()
    price = worth.float().expand_as(y).cpu().numpy()
    silent = table[0].cpu().numpy()
    symbol = np.floor(np.abs(own) / 2 + 0.5)
    saved = np.square(own) - np.square(np.abs(own) - 2 * symbol)
    bits = silent[np.minimum(symbol, silent.size - 1).astype(np.int64)] - silent[0]
    held = (scale > 0) | ((symbol > 0) & (saved > price * bits))
    if fields is not None:
        held &= fields.cpu().numpy()
    index, turned = TABLE_OF[scale[held], tilt[held]], (tilt[held] < SKEWS // 2).astype(np.uint8)
    path = decide(own[held], turned, index, price[held], SECOND, tables)
    values, odd = np.zeros(own.shape, np.float32), np.zeros(own.shape, np.float32)
    values[held], odd[held] = path.values, path.odd
    return Chosen(torch.from_numpy(values).to(y.device), torch.from_numpy(odd).to(y.device))
