"""What the passes already decoded say about the scales of the next one."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from roundel.exact import ExactConv2d

MAX_MAGNITUDE = 15
"""Symbols count as at most this large."""
INDEX_LIMIT = 40
"""Steps by which an index can move at most."""


class PassContext(nn.Module):
    """Magnitudes of the symbols before a pass, (B, C, h, w), to steps to add to its scale indices, (B, C', h, w).

    Where a picture has structure, all its channels do: large symbols foretell large ones beside them. Exact integer
    arithmetic once frozen, as all that decides a probability. Starts at zero.

    Args:
        before: channels of all earlier passes. channels: channels of this pass. width: hidden channels.
    """

    def __init__(self, before: int, channels: int, width: int) -> None:
        super().__init__()
        self.enter = ExactConv2d(before, width, max_input=MAX_MAGNITUDE, out_range=(0, 255), gain=16.0)
        limits = (-INDEX_LIMIT, INDEX_LIMIT)
        self.leave = ExactConv2d(width, channels, 1, max_input=255, out_range=limits, gain=1 / 64)
        nn.init.zeros_(self.leave.weight)

    def forward(self, symbols: Tensor) -> Tensor:
        return self.leave(self.enter(symbols.abs().clamp(max=MAX_MAGNITUDE)))


class Contexts(nn.ModuleList):
    """A `PassContext` for each pass of latents after the first.

    Args:
        ends: channels before the end of each pass. width: hidden channels; 0 for no contexts at all.
    """

    def __init__(self, ends: tuple[int, ...], width: int) -> None:
        super().__init__(PassContext(a, b - a, width) for a, b in pairwise(ends) if width)
        self.ends = ends

    def layers(self) -> dict[str, ExactConv2d]:
        """The exact layers by name, in order of use."""
        return {
            f"context.{k}.{part}": layer
            for k, context in enumerate(self)
            for part, layer in context.named_children()
            if isinstance(layer, ExactConv2d)
        }

    def steps(self, number: int, symbols: Tensor) -> Tensor | float:
        """Steps for the channels of pass `number`, counted from 0, given at least the symbols before it."""
        return self[number - 1](symbols[:, : self.ends[number - 1]]) if number and len(self) else 0.0

    def forward(self, symbols: Tensor, index: Tensor) -> Tensor:
        """Scale indices with the context of all passes added, not clamped; both (B, M, h, w)."""
        if not len(self):
            return index
        starts = (0, *self.ends[:-1])
        parts = [index[:, a:b] + self.steps(k, symbols) for k, (a, b) in enumerate(zip(starts, self.ends, strict=True))]
        return torch.cat(parts, 1)
