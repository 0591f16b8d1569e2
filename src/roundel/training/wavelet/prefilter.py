"""What an encoder does to a picture before it codes it: a residual network, trained through the codec for the eye.

It prepares what the codec would lose: faint texture is drawn a little stronger, detail that costs bits and is not seen
goes. Decoders know nothing of it, so it is free to be float.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from roundel.training.graphs import Builder
from roundel.training.nets.quality import QualityTable
from roundel.training.nets.residual import ResidualBlock, conv, zero_conv

GREY = 0.5


class PreFilter(nn.Module):
    """Pixels (B, 3, H, W) in [0, 1] to those that are coded; H and W are multiples of 8. Starts as the identity.

    Features at 1/4 and 1/8 of the resolution.

    Args:
        c4, c8: channels there. blocks4, blocks8: residual blocks there; one more at 1/4 ends it.
        anchors: knots of what varies with the quality.
    """

    def __init__(self, c4: int = 48, c8: int = 64, *, blocks4: int = 1, blocks8: int = 2, anchors: int = 9) -> None:
        super().__init__()
        self.enter = conv(3 * 4**2, c4)
        self.gain = QualityTable(c4, anchors, 1.0)
        self.shift = QualityTable(c4, anchors)
        self.blocks4 = nn.Sequential(*(ResidualBlock(c4) for _ in range(blocks4)))
        self.down = conv(c4, c8, stride=2)
        self.blocks8 = nn.Sequential(*(ResidualBlock(c8) for _ in range(blocks8)))
        self.up = zero_conv(c8, 4 * c4, 1)
        self.last = ResidualBlock(c4)
        self.leave = zero_conv(c4, 3 * 4**2)
        self.log_scale = QualityTable(1, anchors)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Pictures at qualities t (B,)."""
        h = self.enter(F.pixel_unshuffle(x - GREY, 4))
        h = self.blocks4(h * self.gain(t)[:, :, None, None] + self.shift(t)[:, :, None, None])
        h = h + F.pixel_shuffle(self.up(self.blocks8(self.down(h))), 2)
        out = F.pixel_shuffle(self.leave(self.last(h)), 4).float()
        return x + out * torch.exp(self.log_scale(t))[:, :, None, None]


@torch.no_grad()
def prefilter_parts(net: PreFilter, t: Tensor) -> tuple[dict[str, NDArray[Any]], bytes]:
    """What varies with the quality, at qualities t (Q,), and the graph; names are those of `nets.Preparation`."""
    tensors = {
        "gain": net.gain(t).numpy().astype(np.float16),
        "shift": net.shift(t).numpy().astype(np.float16),
        "scale": torch.exp(net.log_scale(t)[:, 0]).numpy().astype(np.float32),
    }
    return tensors, prefilter_graph(net)


def prefilter_graph(net: PreFilter) -> bytes:
    """The graph: pixels (1, 3, h, w) in [0, 1] and a quality's tables to pixels."""
    b = Builder()
    x = b.input("pixels", np.float32, [1, 3, "h", "w"])
    gain, shift = (b.input(name, np.float32, [1, len(net.enter.weight), 1, 1]) for name in ("gain", "shift"))
    scale = b.input("scale", np.float32, [1])
    cells = b.node("SpaceToDepth", [b.node("Sub", [x, b.scalar(GREY, np.float32)])], blocksize=4)
    # SpaceToDepth has a cell's colours side by side, pixel_unshuffle a colour's cells.
    order = torch.arange(3 * 4**2).reshape(3, 4**2).T.flatten()
    h = _conv(b, cells, net.enter, net.enter.weight[:, order])
    h = b.node("Add", [b.node("Mul", [h, gain]), shift])
    for block in net.blocks4:
        h = _block(b, h, block)
    g = _conv(b, h, net.down)
    for block in net.blocks8:
        g = _block(b, g, block)
    up = b.node("DepthToSpace", [_conv(b, g, net.up)], blocksize=2, mode="CRD")
    h = _block(b, b.node("Add", [h, up]), net.last)
    out = b.node("DepthToSpace", [_conv(b, h, net.leave)], blocksize=4, mode="CRD")
    b.output(b.node("Add", [x, b.node("Mul", [out, scale])]), "prepared", np.float32)
    return b.to_bytes()


def _conv(b: Builder, x: str, layer: nn.Conv2d, weight: Tensor | None = None) -> str:
    own = (layer.weight if weight is None else weight).detach().numpy()
    assert layer.bias is not None
    # Half precision in the file: the encoder's own affair, so that nothing has to be exact.
    stored = b.cast(b.store(own, np.float16), np.float32)
    bias = b.store(layer.bias.detach().numpy(), np.float32)
    kernel = own.shape[2]
    return b.node(
        "Conv", [x, stored, bias], kernel_shape=[kernel, kernel], pads=[kernel // 2] * 4, strides=list(layer.stride)
    )


def _block(b: Builder, x: str, block: Any) -> str:
    assert isinstance(block, ResidualBlock)
    return b.node("Add", [x, _conv(b, b.node("Relu", [_conv(b, x, block.conv1)]), block.conv2)])
