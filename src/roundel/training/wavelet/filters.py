"""Nets from pictures to better ones, in bytes, before and after the codec.

After it they add what a linear transform leaves to be desired; before it, faint texture is drawn a little stronger, and
detail that is not seen goes.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from roundel.training.nets.quality import QualityTable
from roundel.training.wavelet.narrow import SIGNED, Narrow
from roundel.training.wavelet.subbands import shuffle

UNIT = 16
"""Steps to a unit of the features."""
OUT_UNIT = 64
"""Steps of the output to a rounding step of the quality."""


class Block(nn.Module):
    """x + conv3(ReLU(conv3(x))), x of −128 … 127; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Narrow(channels, channels, 3)
        self.conv2 = Narrow(channels, channels, 3, SIGNED, gain=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.conv2(self.conv1(x))).clamp(*SIGNED)


class FilterShape(NamedTuple):
    """Channels at 1/4 and 1/8 of the resolution, and residual blocks there; one more at 1/4 ends the net."""

    c4: int
    c8: int
    blocks4: int
    blocks8: int


class Filter(nn.Module):
    """Pixels (B, 3, H, W) to better ones; H and W are multiples of 8. Starts nearly as the identity.

    It sees the picture in whole pixel values. The correction counts in rounding steps of the quality.

    Args:
        anchors: knots of what varies with the quality.
    """

    def __init__(self, shape: FilterShape, anchors: int) -> None:
        super().__init__()
        c4, c8 = shape.c4, shape.c8
        self.enter = Narrow(3 * 4**2, c4, 3, SIGNED, gain=4.0, scale=UNIT / 255)
        self.shift = QualityTable(c4, anchors)
        self.blocks4 = nn.ModuleList(Block(c4) for _ in range(shape.blocks4))
        self.down = Narrow(c4, c8, 3, SIGNED, stride=2)
        self.blocks8 = nn.ModuleList(Block(c8) for _ in range(shape.blocks8))
        self.up = Narrow(c8, 4 * c4, 1, SIGNED, gain=0.01)
        self.last = Block(c4)
        self.leave = Narrow(c4, 3 * 4**2, 3, SIGNED, gain=0.01, unit=OUT_UNIT, scale=OUT_UNIT / UNIT)
        self.log_scale = QualityTable(1, anchors)
        """Natural logarithm of how many rounding steps a unit of the output is."""

    @property
    def reach_px(self) -> int:
        """Pixels on each side that a pixel can depend on."""
        return 4 * (2 + 2 * len(self.blocks4) + 2) + 8 * (1 + 2 * len(self.blocks8)) + 8

    def forward(self, x: Tensor, t: Tensor, step: Tensor) -> Tensor:
        """Pictures in [0, 1] at qualities t (B,) whose rounding steps are `step` (B,), to better ones.

        The result is not rounded to whole pixel values.
        """
        return x + self.change(x, t, step)

    def change(self, x: Tensor, t: Tensor, step: Tensor) -> Tensor:
        """What `forward` adds."""
        pixels = x * 255
        whole = pixels + (pixels.detach().round().clamp(0, 255) - pixels.detach())
        shift = self.shift(t) * UNIT
        h = self.enter(unshuffle(whole - 128), shift)
        for block in self.blocks4:
            h = block(h)
        g = self.down(h)
        for block in self.blocks8:
            g = block(g)
        h = (h + shuffle(self.up(g), 2)).clamp(*SIGNED)
        out = shuffle(self.leave(self.last(h)), 4).float()
        return out * (torch.exp(self.log_scale(t)[:, :, None, None]) * step[:, None, None, None] / OUT_UNIT)


def unshuffle(x: Tensor) -> Tensor:
    """(B, 3, H, W) to (B, 48, H/4, W/4), the inverse of `shuffle` by 4."""
    b, c, h, w = x.shape
    cells = x.permute(0, 2, 3, 1).reshape(b, h // 4, 4, w // 4, 4 * c).transpose(2, 3)
    return cells.reshape(b, h // 4, w // 4, 16 * c).permute(0, 3, 1, 2)
