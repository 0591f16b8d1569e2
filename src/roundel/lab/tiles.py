"""Pictures as batches of equal tiles for nets whose strides a picture's sides need not divide."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Grid(NamedTuple):
    """How a picture, padded to the right and below, lies in equal tiles."""

    rows: int
    columns: int
    tile_height: int
    """In pixels, as is the width."""
    tile_width: int

    @classmethod
    def over(cls, size: Sequence[int], step: int, tile_px: int | None) -> "Grid":
        """Square tiles over (height, width, …); without, one tile whose sides are multiples of the step."""
        if tile_px is None:
            return cls(1, 1, -(-size[0] // step) * step, -(-size[1] // step) * step)
        return cls(-(-size[0] // tile_px), -(-size[1] // tile_px), tile_px, tile_px)

    def shape(self, channels: int, step: int) -> tuple[int, int, int, int]:
        """Of the latents of all tiles."""
        return self.rows * self.columns, channels, self.tile_height // step, self.tile_width // step


def tiles_of(pixels: np.ndarray, grid: Grid) -> Tensor:
    """The tiles of a picture uint8 (H, W, 3), row by row, (N, 3, h, w) in [0, 1]; edges are repeated."""
    x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
    right, below = grid.columns * grid.tile_width - x.shape[3], grid.rows * grid.tile_height - x.shape[2]
    x = F.pad(x, (0, right, 0, below), mode="replicate")
    x = x.reshape(3, grid.rows, grid.tile_height, grid.columns, grid.tile_width).permute(1, 3, 0, 2, 4)
    return x.flatten(0, 1).contiguous()


def picture_of(x: Tensor, grid: Grid, height: int, width: int) -> np.ndarray:
    """The inverse: tiles (N, 3, h, w) to a picture uint8 (H, W, 3)."""
    x = x.reshape(grid.rows, grid.columns, *x.shape[1:]).permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2, 3)
    x = x[:, :height, :width].mul(255).add(0.5).clamp(0, 255)
    return x.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
