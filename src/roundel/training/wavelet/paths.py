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

LIVE = 1.0
"""Smaller coefficients of scale index 0, in steps, are taken to lie in runs that are not coded."""


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
def choose(y: Tensor, place: Tensor, skew: Tensor, worth: Tensor, fields: Tensor | None, tables: Tables) -> Chosen:
    """The encoder's choice.

    Args:
        y: (B, C, h, w) coefficients in steps. place, skew: scale indices and skews, real-valued. worth: squared error
            that a bit is worth, broadcast to y. fields: (h, w) bool, where there is something to code.
    """
    scale = place.round().clamp(0, SCALES - 1).to("cpu", torch.int64).numpy()
    tilt = skew.round().clamp(0, SKEWS - 1).to("cpu", torch.int64).numpy()
    own = y.float().cpu().numpy()
    held = (scale > 0) | (np.abs(own) >= LIVE)
    if fields is not None:
        held &= fields.cpu().numpy()
    table, turned = TABLE_OF[scale[held], tilt[held]], (tilt[held] < SKEWS // 2).astype(np.uint8)
    price = worth.float().expand_as(y).cpu().numpy()[held]
    path = decide(own[held], turned, table, price, SECOND, tables)
    values, odd = np.zeros(own.shape, np.float32), np.zeros(own.shape, np.float32)
    values[held], odd[held] = path.values, path.odd
    return Chosen(torch.from_numpy(values).to(y.device), torch.from_numpy(odd).to(y.device))
