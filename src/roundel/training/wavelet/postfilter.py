"""What a linear transform leaves to be desired: a residual network on the decoded picture."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.nets.quality import QualityTable
from roundel.training.nets.residual import ResidualBlock, conv, zero_conv

FILTER_STRIDE = 8
"""Pixels per sample of the coarsest features."""
MIDDLE_GREY = 0.5


class PostFilter(nn.Module):
    """Pixels (B, 3, H, W), decoded, to better ones; H and W are multiples of 8. Starts as the identity.

    Features at 1/4 and 1/8 of the resolution; the correction counts in rounding steps of the quality.

    Args:
        c4, c8: channels at 1/4 and 1/8. blocks4, blocks8: residual blocks there; one more at 1/4 ends it.
        log_steps: (anchors,) log of the rounding step at the quality's knots.
    """

    def __init__(self, c4: int, c8: int, *, blocks4: int, blocks8: int, log_steps: Tensor) -> None:
        super().__init__()
        anchors = len(log_steps)
        self.enter = conv(3 * 4**2, c4)
        with torch.no_grad():
            self.enter.weight.mul_(4.0)  # features of about unit size from pixels of ±½ that vary together
        self.gain = QualityTable(c4, anchors, 1.0)
        self.shift = QualityTable(c4, anchors)
        self.blocks4 = nn.Sequential(*(ResidualBlock(c4) for _ in range(blocks4)))
        self.down = conv(c4, c8, stride=2)
        self.blocks8 = nn.Sequential(*(ResidualBlock(c8) for _ in range(blocks8)))
        self.up = zero_conv(c8, 4 * c4, 1)
        self.last = ResidualBlock(c4)
        self.leave = zero_conv(c4, 3 * 4**2)
        self.log_scale = QualityTable(1, anchors, log_steps[:, None])

    @property
    def reach_px(self) -> int:
        """Pixels on each side that a pixel can depend on."""
        return 4 * (2 + 2 * len(self.blocks4) + 2) + 8 * (1 + 2 * len(self.blocks8)) + 8

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = self.enter(F.pixel_unshuffle(x - MIDDLE_GREY, 4))
        h = h * self.gain(t)[:, :, None, None] + self.shift(t)[:, :, None, None]
        h = self.blocks4(h)
        h = h + F.pixel_shuffle(self.up(self.blocks8(self.down(h))), 2)
        out = F.pixel_shuffle(self.leave(self.last(h)), 4).float()
        return x + out * torch.exp(self.log_scale(t))[:, :, None, None]
