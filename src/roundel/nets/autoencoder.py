"""Autoencoders around a discrete bottleneck: the paper's, to one vector, and one for any size, to a grid."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ImageError
from roundel.nets.residual import ResidualBlock, conv

TOKEN_PX = 8
"""Pixels per token of the grid along each axis."""


class VectorAutoencoder(nn.Module):
    """32 × 32 pictures to one vector and back.

    Args:
        dims: D of the vector. widths: channels at 16, 8, 4 and 2 pixels; the paper does not say them.

    Source: FSQ paper, eq. 1–5 and section 2.3. Batch normalisation in the decoder, too, is ours.
    """

    side_px = 32

    def __init__(self, dims: int = 64, widths: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__()
        down: list[nn.Module] = []
        for c_in, c_out in pairwise((3, *widths)):
            down += [nn.Conv2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.ReLU()]
        up: list[nn.Module] = []
        for c_in, c_out in pairwise(tuple(widths)[::-1]):
            up += [nn.ConvTranspose2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.ReLU()]
        self.shape = (widths[-1], self.side_px >> len(widths), self.side_px >> len(widths))
        features = self.shape[0] * self.shape[1] * self.shape[2]
        self.down, self.to_latent = nn.Sequential(*down), nn.Linear(features, dims)
        self.from_latent = nn.Linear(dims, features)
        self.up = nn.Sequential(*up, nn.ConvTranspose2d(widths[0], 3, 4, 2, 1))

    def analysis(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, 32, 32) in [0, 1] to (B, D). Raises: ImageError, another size."""
        if x.shape[1:] != (3, self.side_px, self.side_px):
            raise ImageError(
                f"pictures of {x.shape[3]} × {x.shape[2]} pixels; this autoencoder takes 32 × 32 in colour, "
                "the convolutional one any size"
            )
        return self.to_latent(self.down(x).flatten(1))

    def synthesis(self, values: Tensor, height: int = side_px, width: int = side_px) -> Tensor:
        """(B, D) to logits of pixels (B, 3, 32, 32); their sigmoid is in [0, 1]."""
        return self.up(self.from_latent(values).view(-1, *self.shape))


class GridAutoencoder(nn.Module):
    """Pictures of any size to a grid of vectors at 1/8 and back; convolutions only.

    Args:
        dims: D of each vector. widths: channels at 1/4 and 1/8. blocks: residual blocks at each of the two.
    """

    def __init__(self, dims: int = 6, widths: Sequence[int] = (64, 128), blocks: int = 2) -> None:
        super().__init__()
        fine, coarse = widths
        self.enter = conv(3 * 4**2, fine)
        with torch.no_grad():
            self.enter.weight.mul_(4.0)  # features of about unit size from pixels of ±½ that vary together
        self.down = nn.Sequential(
            *(ResidualBlock(fine) for _ in range(blocks)),
            conv(fine, coarse, stride=2),
            *(ResidualBlock(coarse) for _ in range(blocks)),
        )
        self.to_latent = conv(coarse, dims, 1)
        self.from_latent = conv(dims, coarse)
        self.up = nn.Sequential(
            *(ResidualBlock(coarse) for _ in range(blocks)),
            conv(coarse, 4 * fine, 1),
            nn.PixelShuffle(2),
            *(ResidualBlock(fine) for _ in range(blocks)),
        )
        self.leave = conv(fine, 3 * 4**2)

    def analysis(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], any size ≥ 1 × 1, to (B, D, ⌈H/8⌉, ⌈W/8⌉)."""
        padded = F.pad(x, (0, -x.shape[3] % TOKEN_PX, 0, -x.shape[2] % TOKEN_PX), mode="replicate")
        return self.to_latent(self.down(self.enter(F.pixel_unshuffle(padded - 0.5, 4))))

    def synthesis(self, values: Tensor, height: int, width: int) -> Tensor:
        """(B, D, ⌈H/8⌉, ⌈W/8⌉) to logits of pixels (B, 3, H, W); their sigmoid is in [0, 1]."""
        return F.pixel_shuffle(self.leave(self.up(self.from_latent(values))), 4)[:, :, :height, :width]
