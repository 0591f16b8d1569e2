"""The autoencoders of `net` in integers, with rounding in the loop: what is trained is what the exported graphs do.

Pictures enter grids as levels less 128, vectors as levels; codes as codes less their middles. Latents leave in
1/LATENT_UNIT, pictures of grids as levels less 128, those of vectors as logits. The heavy layers of the synthesis,
which every reader runs, are of bytes; those that see codes or say pictures are finer. So is the analysis: bytes would
round too much of what becomes codes.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ImageError
from roundel.training.exact.sums import ExactSum, Part

ZERO = 128
"""Level of a pixel that is 0 to the nets."""
LATENT_UNIT = 256
LATENT_MAX = 8191
PIXEL_UNIT = 4
PIXEL_MAX = 2047
LOGIT_UNIT = 64
LOGIT_MAX = 511
FINE_MAX = 511
"""Of activations in the analysis: float32 holds their sums, and rounding costs next to nothing."""
VECTOR_MAX = (2047, 1023, 511, 1023)
"""The same after each layer of a vector's analysis: the fewer sums they go into, the more."""
EDGES = (1, 1, 1, 1)
POSITIVE, SIGNED = (0, 255), (-128, 127)
FINE_POSITIVE, FINE_SIGNED = (0, FINE_MAX), (-FINE_MAX, FINE_MAX)
LATENTS, PIXELS, LOGITS = (-LATENT_MAX, LATENT_MAX), (-PIXEL_MAX, PIXEL_MAX), (-LOGIT_MAX, LOGIT_MAX)


class Block(nn.Module):
    """x + outer(inner(x)), all of it bytes that saturate; the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = ExactSum([Part(width, 3, 128, narrow=True)], width, POSITIVE)
        self.outer = ExactSum([Part(width, 3, 255, narrow=True)], width, SIGNED, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return saturated(x + self.outer(self.inner(x)), *SIGNED)


class FineBlock(nn.Module):
    """The same with steps finer than bytes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = ExactSum([Part(width, 3, FINE_MAX)], width, FINE_POSITIVE)
        self.outer = ExactSum([Part(width, 3, FINE_MAX)], width, FINE_SIGNED, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return saturated(x + fine(self.outer, fine(self.inner, x)), *FINE_SIGNED)


class Shortcut(nn.Module):
    """A fine layer at its own learning rate (`linear`, see `training.optim`)."""

    def __init__(self, layer: ExactSum) -> None:
        super().__init__()
        self.linear = layer

    @torch.no_grad()
    def set(self, weight: Tensor, bias: Tensor) -> None:
        """Start as these: weights of (C_out, C_in, 9), in any shape, and biases (C_out,), in steps of the output."""
        layer = self.linear
        layer.weights[0].copy_(weight.reshape(layer.weights[0].shape) / (layer.unit if layer.scaled else 1))
        layer.bias.copy_(bias / layer.unit)

    def forward(self, x: Tensor) -> Tensor:
        return fine(self.linear, x)


class GridAnalysis(nn.Module):
    """Squares of pixels (B, 3·p², h, w) to latents (B, D, h, w), both integers."""

    def __init__(self, pixels: int, dims: int, width: int, blocks: int) -> None:
        super().__init__()
        self.enter = ExactSum([Part(pixels, 3, 128)], width, FINE_SIGNED)
        self.blocks = nn.ModuleList(FineBlock(width) for _ in range(blocks))
        self.leave = ExactSum([Part(width, 3, FINE_MAX)], dims, LATENTS, gain=0.1)
        self.shortcut = Shortcut(ExactSum([Part(pixels, 3, 128)], dims, LATENTS, unit=LATENT_UNIT))

    def forward(self, x: Tensor) -> Tensor:
        f = fine(self.enter, x)
        for block in self.blocks:
            f = block(f)
        return fine(self.leave, f) + self.shortcut(x)


class GridSynthesis(nn.Module):
    """Codes less their middles (B, D, h, w) to squares of pixels (B, 3·p², h, w) in 1/PIXEL_UNIT.

    The linear part is that fine, what is added to it whole levels.
    """

    def __init__(self, pixels: int, bound: int, dims: int, width: int, blocks: int) -> None:
        super().__init__()
        self.enter = ExactSum([Part(dims, 3, bound)], width, SIGNED, scaled=True)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.leave = ExactSum([Part(width, 3, 128, narrow=True)], pixels, SIGNED, gain=0.1)
        self.shortcut = Shortcut(ExactSum([Part(dims, 3, bound)], pixels, PIXELS, scaled=True))

    def forward(self, codes: Tensor) -> Tensor:
        f = fine(self.enter, codes)
        for block in self.blocks:
            f = block(f)
        return self.shortcut(codes) + PIXEL_UNIT * self.leave(f)


class IntegerGrid(nn.Module):
    """Pictures of any size to a grid of vectors at 1/8 and back. Arguments: see `GridAutoencoder`; levels: (D,)."""

    token_px = 8
    middles: Tensor

    def __init__(self, levels: Sequence[int], width: int = 128, blocks: int = 3) -> None:
        super().__init__()
        pixels, dims = 3 * self.token_px**2, len(levels)
        self.encoder = GridAnalysis(pixels, dims, width, blocks)
        self.decoder = GridSynthesis(pixels, max(levels) // 2, dims, width, blocks)
        self.dims = dims
        self.reach = 2 * blocks + 2
        """Tokens on each side that a token, or the pixels of one, can depend on."""
        self.register_buffer("middles", _middles(levels)[:, None, None], persistent=False)

    def analysis(self, x: Tensor) -> Tensor:
        """See `GridAutoencoder.analysis`."""
        return self.encoder(self.blocks(x)) / LATENT_UNIT

    def synthesis(self, values: Tensor, height: int, width: int) -> Tensor:
        """(B, D, ⌈H/8⌉, ⌈W/8⌉) to levels less 128, (B, 3, H, W), not yet whole."""
        squares = self.decoder(self.seen(values)) / PIXEL_UNIT
        return to_squares(squares, self.token_px)[:, :, :height, :width]

    def picture(self, raw: Tensor) -> Tensor:
        """What synthesis gives, as pixels in about [0, 1]; not clamped, so that all errors have a gradient."""
        return (raw + ZERO) / 255

    def seen(self, values: Tensor) -> Tensor:
        """Values as the synthesis sees them: codes less their middles."""
        return values * self.middles

    def start(self, analysis: tuple[Tensor, Tensor], synthesis: tuple[Tensor, Tensor] | None = None) -> None:
        """Set the shortcuts, see `GridAutoencoder.start`."""
        self.encoder.shortcut.set(*(LATENT_UNIT * part for part in analysis))
        if synthesis is not None:
            self.decoder.shortcut.set(*(PIXEL_UNIT * part for part in synthesis))

    def blocks(self, x: Tensor) -> Tensor:
        """Levels less 128 of each token's square as channels, edges repeated, (B, 192, ⌈H/8⌉, ⌈W/8⌉)."""
        n = self.token_px
        padded = F.pad(x, (0, -x.shape[3] % n, 0, -x.shape[2] % n), mode="replicate")
        return to_channels(torch.round(padded * 255) - ZERO, n)


class VectorAnalysis(nn.Module):
    """Levels of pictures (B, 3, 32, 32) to latents (B, D, 1, 1), both integers."""

    def __init__(self, dims: int, widths: Sequence[int], features: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            ExactSum([Part(4 * c_in, 2, bound, padded=True)], c_out, (0, top))
            for (c_in, c_out), (bound, top) in zip(pairwise((3, *widths)), pairwise((255, *VECTOR_MAX)), strict=True)
        )
        self.leave = ExactSum([Part(features, 1, VECTOR_MAX[-1])], dims, LATENTS, unit=LATENT_UNIT)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.down:
            assert isinstance(layer, ExactSum)
            x = fine(layer, to_channels(F.pad(x, EDGES), 2))
        return fine(self.leave, x.flatten(1)[:, :, None, None])


class VectorSynthesis(nn.Module):
    """Codes less their middles (B, D, 1, 1) to logits of pixels (B, 3, 32, 32) in 1/LOGIT_UNIT."""

    def __init__(self, bound: int, dims: int, widths: Sequence[int], shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.enter = ExactSum([Part(dims, 1, bound)], shape[0] * shape[1] * shape[2], SIGNED, scaled=True)
        bounds = (128, *(255,) * len(widths))
        self.up = nn.ModuleList(
            ExactSum([Part(c_in, 2, bound, narrow=True, padded=True)], 4 * c_out, POSITIVE)
            for (c_in, c_out), bound in zip(pairwise(tuple(widths)[::-1]), bounds, strict=False)
        )
        self.leave = ExactSum([Part(widths[0], 2, 255, padded=True)], 12, LOGITS)

    def forward(self, codes: Tensor) -> Tensor:
        f = fine(self.enter, codes).view(-1, *self.shape)
        for layer in self.up:
            f = inner(to_squares(layer(F.pad(f, EDGES)), 2))
        return inner(to_squares(fine(self.leave, F.pad(f, EDGES)), 2))


class IntegerVector(nn.Module):
    """32 × 32 pictures to one vector and back. Arguments: see `VectorAutoencoder`; levels: (D,).

    Its strided and transposed convolutions are 2 × 2 ones from and to squares of 2 × 2 pixels as channels, whose grid
    lies one pixel off the picture's.
    """

    token_px = 32
    reach = 0
    middles: Tensor

    def __init__(self, levels: Sequence[int], widths: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__()
        side = self.token_px >> len(widths)
        shape = (widths[-1], side, side)
        self.encoder = VectorAnalysis(len(levels), widths, shape[0] * side**2)
        self.decoder = VectorSynthesis(max(levels) // 2, len(levels), widths, shape)
        self.register_buffer("middles", _middles(levels), persistent=False)

    def analysis(self, x: Tensor) -> Tensor:
        """See `VectorAutoencoder.analysis`."""
        if x.shape[1:] != (3, self.token_px, self.token_px):
            raise ImageError(
                f"pictures of {x.shape[3]} × {x.shape[2]} pixels; this autoencoder takes 32 × 32 in colour"
            )
        return self.encoder(torch.round(x * 255))[:, :, 0, 0] / LATENT_UNIT

    def synthesis(self, values: Tensor, height: int = token_px, width: int = token_px) -> Tensor:
        """(B, D) to logits of pixels (B, 3, 32, 32)."""
        return self.decoder((values * self.middles)[:, :, None, None]) / LOGIT_UNIT

    def picture(self, raw: Tensor) -> Tensor:
        """Logits as pixels in [0, 1]; the exported net looks them up."""
        return torch.sigmoid(raw)


def fine(layer: ExactSum, x: Tensor) -> Tensor:
    """A layer in float32, also where others train in bfloat16, which cannot hold its digits."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


def saturated(x: Tensor, low: int, high: int) -> Tensor:
    """Clamped; a tenth of the gradient passes beyond, to pull values back."""
    clamped = x.clamp(low, high)
    leak = 0.1 * (x - clamped)
    return clamped + (leak - leak.detach())


def inner(x: Tensor) -> Tensor:
    """Without the outermost pixels."""
    return x[:, :, 1:-1, 1:-1]


def to_channels(x: Tensor, side: int) -> Tensor:
    """(B, C, H, W) to (B, side²·C, H/side, W/side): the row in a square, the column, the channel."""
    b, c, h, w = x.shape
    squares = x.reshape(b, c, h // side, side, w // side, side).permute(0, 3, 5, 1, 2, 4)
    return squares.reshape(b, side**2 * c, h // side, w // side)


def to_squares(x: Tensor, side: int) -> Tensor:
    """The inverse of `to_channels`."""
    b, c, h, w = x.shape
    squares = x.reshape(b, side, side, c // side**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return squares.reshape(b, c // side**2, h * side, w * side)


def _middles(levels: Sequence[int]) -> Tensor:
    return torch.tensor([max(n // 2, 1) for n in levels], dtype=torch.float32)
