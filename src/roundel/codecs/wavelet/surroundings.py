"""What known symbols of the wavelet model say of one another: their scales, and what one does to the bits of others."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from roundel.codecs.wavelet.walk import DETAILS, Integers
from roundel.training.entropy.lookup import lookup_bits
from roundel.training.entropy.scales import SCALES
from roundel.training.exact.sums import ExactSum
from roundel.training.wavelet import interpolation
from roundel.training.wavelet.net import WaveletNet
from roundel.training.wavelet.subbands import INDEX_UNIT, SubbandContexts, magnitudes


class Surroundings(NamedTuple):
    """Of the details of a level, (1, 9, h, w)."""

    place: Tensor
    """Places in the grid of scales, whole numbers; within a step of what the coder will find."""
    influence: Tensor
    """Bits that all other symbols cost more if this one's magnitude were one more."""


@torch.no_grad()
def thaw(contexts: SubbandContexts) -> SubbandContexts:
    """A copy with the frozen integers as real weights, which has gradients."""
    out = copy.deepcopy(contexts)
    for layer in out.modules():
        if not isinstance(layer, ExactSum) or layer.frozen is None:
            continue
        weight, bias, step = layer.frozen
        scale = layer.unit if layer.scaled else 1
        # Parts lie side by side; one of a larger kernel than the smallest has its taps among the channels.
        sizes = [p.channels * (p.kernel // weight.shape[2]) ** 2 for p in layer.parts]
        for kernel, own in zip(layer.weights, weight.split(sizes, 1), strict=True):
            kernel.copy_(own.reshape(kernel.shape) * step[:, :, None, None] / scale)
        layer.bias.copy_((bias * step[:, 0] - 0.5) / layer.unit)
        layer.frozen = None
    return out


def look(
    net: WaveletNet, contexts: SubbandContexts, stored: Integers, symbols: Sequence[Tensor], quality: int
) -> list[Surroundings]:
    """The surroundings of the details of every level, coarsest first.

    Args:
        contexts: of the net, thawed. symbols: (1, C, h, w) of every part, the low band first.
    """
    with torch.inference_mode(False), torch.enable_grad():
        sizes = [s.clone().abs().requires_grad_() for s in symbols[1:]]
        residual, _ = interpolation.residuals(symbols[0].clone())
        coarse = [magnitudes(residual)]
        offsets = torch.from_numpy(stored.offset[quality]).to(residual).split(DETAILS)
        shifts = torch.from_numpy(stored.shift[quality]).to(residual).split(list(net.shape.widths))
        total, found = residual.new_zeros(()), []
        for level, own, offset, shift in zip(contexts.steps(), sizes, offsets, shifts, strict=True):
            asked = _Asked(own, offset[:, None, None], net.table)
            coarse = list(level(coarse, shift[None], asked.step))
            total = total + asked.bits
            found.append(asked.place)
        influences = torch.autograd.grad(total, sizes)
    return [Surroundings(torch.floor(p + 0.5), i) for p, i in zip(found, influences, strict=True)]


class _Asked:
    """Answers the contexts of one level with known magnitudes."""

    def __init__(self, sizes: Tensor, offset: Tensor, table: Tensor) -> None:
        self._sizes, self._offset, self._table = sizes, offset, table
        self.place = torch.zeros_like(sizes, requires_grad=False)
        self.bits = sizes.new_zeros(())

    def step(self, channels: slice, index: Tensor, fields: Tensor | None) -> Tensor:
        """See `LevelContext.forward`."""
        place = ((index.float() + self._offset[channels]) / INDEX_UNIT).clamp(0, SCALES - 1)
        own = self._sizes[:, channels]
        bits = lookup_bits(own.detach(), place, self._table)
        held = torch.ones_like(bits, dtype=torch.bool) if fields is None else fields.expand_as(bits)
        self.bits = self.bits + (bits * held).sum()
        self.place[:, channels] = torch.where(held, place.detach(), self.place[:, channels])
        return own * held
