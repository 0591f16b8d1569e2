"""The hyper nets: what the side information z says about the latents' means and scales."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.exact import ExactConv2d, round_ste
from roundel.nets.precise import PreciseConv1x1
from roundel.nets.quality import QualityTable
from roundel.nets.residual import conv, relu_conv

HYPER_STRIDE = 4
"""Latents per hyper-latent along each axis."""
MAX_SYMBOL = 127
"""Hyper-latents are clamped to ±127, a bound that the exact net's proof needs."""


class HyperAnalysis(nn.Module):
    """Latents (B, M, h, w), h and w multiples of 4, to hyper-latents (B, Z, h/4, w/4)."""

    def __init__(self, latents: int, width: int, hyper: int, *, anchors: int) -> None:
        super().__init__()
        self.enter = conv(latents, width, 1)
        self.shift = QualityTable(width, anchors)
        self.down1 = relu_conv(width, width, stride=2)
        self.down2 = conv(width, hyper, stride=2)
        with torch.no_grad():
            self.down2.weight.mul_(0.5)  # mostly 0 and ±1 once rounded: information is added as it pays

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        h = F.relu(self.enter(y) + self.shift(t)[:, :, None, None])
        return self.down2(F.relu(self.down1(h)))


class MeanNet(nn.Module):
    """Hyper-latents (B, Z, h/4, w/4) to means of the latents (B, M, h, w). Float: it moves pixels, never symbols."""

    def __init__(self, hyper: int, width: int, latents: int, *, anchors: int) -> None:
        super().__init__()
        self.enter = relu_conv(hyper, width)
        self.shift = QualityTable(width, anchors)
        self.up1 = relu_conv(width, 4 * width, 1)
        self.middle = relu_conv(width, width)
        self.up2 = relu_conv(width, 4 * width, 1)
        self.late = relu_conv(width, width)
        self.leave = PreciseConv1x1(width, latents)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        h = F.relu(self.enter(z) + self.shift(t)[:, :, None, None])
        h = F.relu(self.middle(F.pixel_shuffle(self.up1(h), 2)))
        h = F.relu(self.late(F.pixel_shuffle(self.up2(h), 2)))
        return self.leave(h)


class ScaleNet(nn.Module):
    """Hyper-latent symbols (B, Z, h/4, w/4) to scale indices (B, M, h, w), in exact integer arithmetic.

    The index counts steps of a geometric grid of scales, before the quality's own offset and the clamp to the grid;
    `index_limit` bounds it. Everything here decides probabilities, so nothing here is float once frozen.
    """

    def __init__(self, hyper: int, width: int, latents: int, *, anchors: int, index_limit: int = 128) -> None:
        super().__init__()
        hidden = partial(ExactConv2d, max_input=255, out_range=(0, 255))
        # Symbols are mostly 0 and ±1, activations count sixteenths, and indices count grid steps.
        self.enter = ExactConv2d(hyper, width, max_input=MAX_SYMBOL, out_range=(-255, 255), gain=32.0)
        self.shift = QualityTable(width, anchors)
        self.up1 = hidden(width, 4 * width, 1)
        self.middle = hidden(width, width)
        self.up2 = hidden(width, 4 * width, 1)
        self.leave = ExactConv2d(width, latents, 1, max_input=255, out_range=(-index_limit, index_limit), gain=1 / 64)

    def layers(self) -> dict[str, ExactConv2d]:
        """The exact layers by name, in order of use."""
        return {name: layer for name, layer in self.named_children() if isinstance(layer, ExactConv2d)}

    def offsets(self, t: Tensor) -> Tensor:
        """Integer offsets (B, width) of the first layer's outputs at qualities t (B,)."""
        return round_ste(self.shift(t) * 16).clamp(-255, 255)

    def forward(self, z: Tensor, offsets: Tensor) -> Tensor:
        h = (self.enter(z) + offsets[:, :, None, None]).clamp(0, 255)
        h = self.middle(F.pixel_shuffle(self.up1(h), 2))
        return self.leave(F.pixel_shuffle(self.up2(h), 2))
