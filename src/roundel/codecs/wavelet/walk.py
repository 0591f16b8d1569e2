"""The order in which wavelet coefficients are coded: one walk that encoder, decoder and self-test share.

The low band first, coarse samples before those between them; then level by level, coarsest first, as `nets.subbands`
says. The walk asks a `Symbols` for each group; an encoder decides them, a decoder reads them.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.coding import Tables
from roundel.training.entropy.scales import SCALES
from roundel.training.wavelet import interpolation
from roundel.training.wavelet.net import COLOURS, WaveletNet
from roundel.training.wavelet.subbands import INDEX_UNIT, magnitudes
from roundel.training.wavelet.transform import BANDS

DETAILS = COLOURS * BANDS


@dataclass(frozen=True)
class Integers:
    """Everything besides the nets that the decoder's probabilities depend on; Q is the quality, 0 … 100."""

    offset: NDArray[np.int32]
    """(101, levels · 9): what a band adds to its scale indices, in eighths of a step of the grid."""
    shift: NDArray[np.int32]
    """(101, sum of widths): what is added to the features that enter a level, levels side by side."""
    low_index: NDArray[np.int32]
    """(101, 3, STAGES): scale indices of the low band, 1 … 63."""
    tables: Tables
    """63 tables, of scale indices 1 … 63; details of index 0 are zero and not coded."""


class Group(NamedTuple):
    """Coefficients that are coded together."""

    part: int
    """0 the low band, then levels, coarsest first."""
    channels: slice
    fields: NDArray[np.bool_] | None
    """(h, w) where they are; None for everywhere."""


class Symbols(Protocol):
    """Where the walk gets symbols from."""

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """Values of a group, (C, h, w), 0 where there is none.

        Args:
            index: scale indices (C, h, w). guess: what is predicted; the symbols to code are the difference.
        """
        ...


@torch.inference_mode()
def walk(
    net: WaveletNet, stored: Integers, symbols: Symbols, height: int, width: int, quality: int, levels: int
) -> list[NDArray[np.int32]]:
    """The low band (3, height, width) and the details of the first `levels` levels, (9, …) each.

    Args:
        net: frozen. height, width: of the low band.
    """
    device = net.table.device
    low = torch.zeros(1, COLOURS, height, width, device=device)
    residual = torch.zeros_like(low)
    for stage in interpolation.stages(height, width, device):
        fields = stage.fields.cpu().numpy()
        guess = interpolation.predict(low, stage)
        index = np.broadcast_to(stored.low_index[quality][:, stage.kind, None, None], low.shape[1:])
        group = Group(0, slice(0, COLOURS), fields)
        values = symbols.next(group, index.astype(np.uint8), guess[0].cpu().numpy().astype(np.int32))
        found = torch.from_numpy(values)[None].to(low)
        residual = torch.where(stage.fields, found - guess, residual)
        low = torch.where(stage.fields, found, low)
    parts = [low[0].cpu().numpy().astype(np.int32)]
    coarse = [magnitudes(residual)]
    shifts = np.split(stored.shift[quality], np.cumsum(net.shape.widths)[:-1])
    for number, (level, shift) in enumerate(zip(net.contexts.steps()[:levels], shifts, strict=False), 1):
        offset = torch.from_numpy(stored.offset[quality, (number - 1) * DETAILS : number * DETAILS]).float().to(device)
        level_groups = _Level(symbols, number, offset[:, None, None])
        coarse = list(level(coarse, torch.from_numpy(shift)[None].float().to(device), level_groups.step))
        parts.append(level_groups.details())
    return parts


class _Level:
    """Gets the symbols of one level as its contexts ask."""

    def __init__(self, symbols: Symbols, part: int, offset: Tensor) -> None:
        self._symbols, self._part, self._offset = symbols, part, offset
        self._found: list[NDArray[np.int32]] = []

    def step(self, channels: slice, index: Tensor, fields: Tensor | None) -> Tensor:
        """See `LevelContext.forward`."""
        eighths = index[0] + (self._offset[channels] + INDEX_UNIT // 2)
        place = (eighths / INDEX_UNIT).floor_().clamp_(0, SCALES - 1).to(torch.uint8).cpu().numpy()
        group = Group(self._part, channels, None if fields is None else fields.cpu().numpy())
        values = self._symbols.next(group, place, 0)
        self._found.append(values)
        return torch.from_numpy(values)[None].to(index)

    def details(self) -> NDArray[np.int32]:
        """(9, h, w)."""
        white, black, colours = self._found
        return np.concatenate([white + black, colours])
