"""Analysis and synthesis of the lossy model: a 16 × 16 block transform with residual branches beside it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.nets.precise import PreciseConv1x1
from roundel.nets.quality import QualityTable
from roundel.nets.residual import ResidualBlock, conv, zero_conv

STRIDE = 16
"""Pixels per latent along each axis."""
MIDDLE_GREY = 0.5


class Analysis(nn.Module):
    """Pixels (B, 3, H, W) in [0, 1] to latents (B, M, H/16, W/16); H and W are multiples of 16.

    A linear shortcut on 16 × 16 blocks (the PCA of natural images after `set_basis`) plus a branch at 1/8 and 1/16 that
    starts at zero: the codec is a transform codec before its first training step. The branch knows the quality through
    a gain and a bias per channel, and its output counts in rounding steps.

    Args:
        log_steps: (anchors,) log of the rounding step at the quality's knots, where training starts.
    """

    def __init__(self, c8: int, c16: int, latents: int, *, blocks8: int, blocks16: int, log_steps: Tensor) -> None:
        super().__init__()
        anchors = len(log_steps)
        self.linear = PreciseConv1x1(3 * STRIDE**2, latents)
        self.enter = conv(3 * 8**2, c8)
        with torch.no_grad():
            self.enter.weight.mul_(4.0)  # features of about unit size from pixels of ±½ that vary together
        self.gain = QualityTable(c8, anchors, 1.0)
        self.shift = QualityTable(c8, anchors)
        self.blocks8 = nn.Sequential(*(ResidualBlock(c8) for _ in range(blocks8)))
        self.down = conv(c8, c16, stride=2)
        self.blocks16 = nn.Sequential(*(ResidualBlock(c16) for _ in range(blocks16)))
        self.leave = zero_conv(c16, latents, 1)
        self.log_scale = QualityTable(1, anchors, log_steps[:, None])

    @torch.no_grad()
    def set_basis(self, basis: Tensor, mean: Tensor) -> None:
        """Start the shortcut as the projection on `basis` (M, 768) of blocks (768,) less their `mean`."""
        self.linear.weight.copy_(basis[:, :, None, None])
        self.linear.bias.copy_(-basis @ mean)  # type: ignore[union-attr]

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        x = x - MIDDLE_GREY
        h = self.enter(F.pixel_unshuffle(x, 8))
        h = h * self.gain(t)[:, :, None, None] + self.shift(t)[:, :, None, None]
        h = self.blocks16(self.down(self.blocks8(h)))
        branch = self.leave(h).float() * torch.exp(self.log_scale(t))[:, :, None, None]
        return self.linear(F.pixel_unshuffle(x, STRIDE)) + branch


class Synthesis(nn.Module):
    """Latents (B, M, h, w) to pixels (B, 3, 16 h, 16 w), not clamped: the mirror of `Analysis`.

    The branch sees latents in rounding steps, in which what quantisation did looks alike at all qualities, and its
    output counts in steps too.

    Args:
        log_steps: (anchors,) log of the rounding step at the quality's knots, where training starts.
    """

    def __init__(self, c8: int, c16: int, latents: int, *, blocks8: int, blocks16: int, log_steps: Tensor) -> None:
        super().__init__()
        anchors = len(log_steps)
        self.linear = PreciseConv1x1(latents, 3 * STRIDE**2)
        self.enter = conv(latents, c16, 1)
        # Fine steps make large numbers: keep the features of one size.
        self.gain = QualityTable(c16, anchors, torch.exp(0.5 * (log_steps - log_steps[0]))[:, None])
        self.shift = QualityTable(c16, anchors)
        self.blocks16 = nn.Sequential(*(ResidualBlock(c16) for _ in range(blocks16)))
        self.up = conv(c16, 4 * c8, 1)
        self.blocks8 = nn.Sequential(*(ResidualBlock(c8) for _ in range(blocks8)))
        self.leave = zero_conv(c8, 3 * 8**2)
        self.log_scale = QualityTable(1, anchors, log_steps[:, None])

    @torch.no_grad()
    def set_basis(self, basis: Tensor, mean: Tensor) -> None:
        """Start the shortcut as the transpose of an orthonormal `basis` (M, 768), plus `mean` (768,)."""
        self.linear.weight.copy_(basis.T[:, :, None, None])
        self.linear.bias.copy_(mean)  # type: ignore[union-attr]

    @property
    def reach(self) -> int:
        """Latents on each side that a pixel can depend on."""
        # Each 3 × 3 at 1/8 reaches half a latent; the last convolution adds one more half.
        return 2 * len(self.blocks16) + -(-(2 * len(self.blocks8) + 1) // 2)

    def forward(self, y: Tensor, step: Tensor, t: Tensor) -> Tensor:
        """Latents y in steps of `step`, (B, M, 1, 1), at qualities t (B,)."""
        h = self.enter(y) * self.gain(t)[:, :, None, None] + self.shift(t)[:, :, None, None]
        h = self.blocks8(F.pixel_shuffle(self.up(self.blocks16(h)), 2))
        branch = F.pixel_shuffle(self.leave(h), 8) * torch.exp(self.log_scale(t))[:, :, None, None]
        return F.pixel_shuffle(self.linear(y * step), STRIDE) + branch + MIDDLE_GREY
