"""Autoencoders around a discrete bottleneck: the paper's, to one vector, and one for any size, to a grid."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ImageError
from roundel.training.nets.residual import ResidualBlock, conv, zero_conv


class VectorAutoencoder(nn.Module):
    """32 × 32 pictures to one vector and back.

    Args:
        dims: D of the vector. widths: channels at 16, 8, 4 and 2 pixels; the paper does not say them.

    Source: FSQ paper, eq. 1–5 and section 2.3. Batch normalisation in the decoder, too, is ours.
    """

    token_px = 32
    reach = 0

    def __init__(self, dims: int = 64, widths: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__()
        down: list[nn.Module] = []
        for c_in, c_out in pairwise((3, *widths)):
            down += [nn.Conv2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.ReLU()]
        up: list[nn.Module] = []
        for c_in, c_out in pairwise(tuple(widths)[::-1]):
            up += [nn.ConvTranspose2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.ReLU()]
        self.shape = (widths[-1], self.token_px >> len(widths), self.token_px >> len(widths))
        features = self.shape[0] * self.shape[1] * self.shape[2]
        self.down, self.to_latent = nn.Sequential(*down), nn.Linear(features, dims)
        self.from_latent = nn.Linear(dims, features)
        self.up = nn.Sequential(*up, nn.ConvTranspose2d(widths[0], 3, 4, 2, 1))

    def analysis(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, 32, 32) in [0, 1] to (B, D). Raises: ImageError, another size."""
        if x.shape[1:] != (3, self.token_px, self.token_px):
            raise ImageError(
                f"pictures of {x.shape[3]} × {x.shape[2]} pixels; this autoencoder takes 32 × 32 in colour, "
                "the convolutional one any size"
            )
        return self.to_latent(self.down(x).flatten(1))

    def synthesis(self, values: Tensor, height: int = token_px, width: int = token_px) -> Tensor:
        """(B, D) to logits of pixels (B, 3, 32, 32); their sigmoid is in [0, 1]."""
        return self.up(self.from_latent(values).view(-1, *self.shape))

    def picture(self, raw: Tensor) -> Tensor:
        """Logits as pixels in [0, 1]."""
        return torch.sigmoid(raw)


class GridAutoencoder(nn.Module):
    """Pictures of any size to a grid of vectors at 1/8 and back: linear maps of 3 × 3 tokens and residual branches.

    The branches start at zero; after `set_linear` the linear maps are a lapped transform of blocks.

    Args:
        dims: D of each vector. width: channels of the branches. blocks: residual blocks of each branch.
    """

    token_px = 8

    def __init__(self, dims: int = 8, width: int = 128, blocks: int = 3) -> None:
        super().__init__()
        pixels = 3 * self.token_px**2
        self.analysis_linear = Linear3(pixels, dims)
        self.analysis_branch = _branch(pixels, width, dims, blocks)
        self.synthesis_linear = Linear3(dims, pixels)
        self.synthesis_branch = _branch(dims, width, pixels, blocks)
        self.dims = dims
        self.reach = 2 * blocks + 2
        """Tokens on each side that a token, or the pixels of one, can depend on."""

    def analysis(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], any size ≥ 1 × 1, to (B, D, ⌈H/8⌉, ⌈W/8⌉)."""
        blocks = self.blocks(x)
        return (self.analysis_linear(blocks) + self.analysis_branch(blocks)).float()

    def synthesis(self, values: Tensor, height: int, width: int) -> Tensor:
        """(B, D, ⌈H/8⌉, ⌈W/8⌉) to pixels less ½, (B, 3, H, W)."""
        blocks = (self.synthesis_linear(values) + self.synthesis_branch(values)).float()
        return F.pixel_shuffle(blocks, self.token_px)[:, :, :height, :width]

    def picture(self, raw: Tensor) -> Tensor:
        """What synthesis gives, as pixels in about [0, 1]; not clamped, so that all errors have a gradient."""
        return raw + 0.5

    def seen(self, values: Tensor) -> Tensor:
        """Values as the synthesis sees them."""
        return values

    def start(self, analysis: tuple[Tensor, Tensor], synthesis: tuple[Tensor, Tensor] | None = None) -> None:
        """Set the linear maps.

        Args:
            analysis: weights (D, 192, 9) and biases (D,) from `blocks` to latents.
            synthesis: weights (192, D · 9) and biases (192,) from values as `seen` to blocks.
        """
        self.analysis_linear.set(*analysis)
        if synthesis is not None:
            self.synthesis_linear.set(*synthesis)

    def blocks(self, x: Tensor) -> Tensor:
        """Pixels less ½ of each token's block as channels, edges repeated, (B, 192, ⌈H/8⌉, ⌈W/8⌉)."""
        n = self.token_px
        return F.pixel_unshuffle(F.pad(x, (0, -x.shape[3] % n, 0, -x.shape[2] % n), mode="replicate") - 0.5, n)


class Linear3(nn.Module):
    """A 3 × 3 convolution at its own learning rate (`linear`, see `lab.optim`)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(c_in, c_out, 3, 1, 1)

    @torch.no_grad()
    def set(self, weight: Tensor, bias: Tensor) -> None:
        """Start as these: weights of (C_out, C_in, 9), in any shape, and biases (C_out,)."""
        self.linear.weight.copy_(weight.reshape(self.linear.weight.shape))
        assert self.linear.bias is not None
        self.linear.bias.copy_(bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


def _branch(c_in: int, width: int, c_out: int, blocks: int) -> nn.Sequential:
    parts = {f"block{i}": ResidualBlock(width) for i in range(blocks)}
    return nn.Sequential(OrderedDict[str, nn.Module](enter=conv(c_in, width), **parts, leave=zero_conv(width, c_out)))
