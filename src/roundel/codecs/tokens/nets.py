"""Runs the nets of a token model: pictures to codes, codes to pictures, codes to the tables of the next ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.tokens.walk import Codes
from roundel.engine import Graph

ZERO = 128
"""The byte that stands for 0, of pixels less 128 and of codes less their middles."""
PIECES = 4096
"""Tokens that are worked on at a time, where each stands by itself."""


class Nets:
    """A discrete autoencoder in integers.

    Args:
        analysis: uint8 squares to latents. synthesis: uint8 codes to uint8 squares. See docs/format.md.
        levels: (K,) of the codes.
        thresholds: int32 (K, max L − 1); a code is the number of its channel's that are not above the latent.
        token_px: side of a token's square. joined: nets see neighbouring tokens, too; else each by itself.
    """

    def __init__(
        self, analysis: Graph, synthesis: Graph, levels: Sequence[int], thresholds: NDArray[np.int32], *,
        token_px: int, joined: bool,
    ) -> None:  # fmt: skip
        self._analysis, self._synthesis = analysis, synthesis
        self._thresholds = [row[: n - 1] for row, n in zip(thresholds, levels, strict=True)]
        self._offsets = ZERO - np.array(levels, np.int32) // 2
        self.levels, self.token_px, self.joined = tuple(levels), token_px, joined

    def analyse(self, pixels: NDArray[np.uint8]) -> Codes:
        """Pictures (B, H, W, 3) of any size, their edges repeated, to codes (B, K, ⌈H/p⌉, ⌈W/p⌉)."""
        squares = cut(pixels, self.token_px)
        count, height, width = squares.shape[:3]
        squares = squares.reshape(count, height, width, -1)
        if self.joined:
            return self._codes(squares)
        parts = [self._codes(part) for part in _pieces(squares.reshape(-1, squares.shape[3]))]
        return np.ascontiguousarray(np.concatenate(parts).reshape(count, height, width, -1).transpose(0, 3, 1, 2))

    def synthesise(self, codes: NDArray[np.integer], height: int, width: int) -> NDArray[np.uint8]:
        """Codes (B, K, h, w) within their levels to pictures (B, height, width, 3)."""
        given = (codes.transpose(0, 2, 3, 1) + self._offsets).astype(np.uint8)
        side = self.token_px
        if self.joined:
            squares = self._synthesis.run(codes=given)[0]
        else:
            flat = given.reshape(-1, given.shape[3])
            squares = np.concatenate([self._synthesis.run(codes=part)[0] for part in _pieces(flat)])
        return join(squares.reshape(*given.shape[:3], side, side, 3))[:, :height, :width]

    def _codes(self, squares: NDArray[np.uint8]) -> Codes:
        """Codes (B, K, h, w) of squares (B, h, w, 3·p²), or (B, K, 1, 1) of (B, 3·p²)."""
        latents = self._analysis.run(squares=np.ascontiguousarray(squares))[0]
        codes = np.empty(latents.shape, np.int32)
        for channel, steps in enumerate(self._thresholds):
            codes[:, channel] = np.searchsorted(steps, latents[:, channel], side="right")
        return codes


class Guesses:
    """The nets of a prior, in one graph. Calls give table indices (N,) int32. Args: graph: see docs/format.md."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __call__(self, number: int, known: NDArray[np.float32]) -> NDArray[np.int32]:
        """Of net `number`, for inputs (n, N)."""
        return self._graph.run(known=known, number=np.array(number, np.int64))[0]


def cut(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Pictures (B, H, W, 3), their edges repeated, as squares (B, h, w, side, side, 3)."""
    count, height, width, _ = pixels.shape
    bottom, right = -height % side, -width % side
    if bottom or right:
        pixels = np.pad(pixels, ((0, 0), (0, bottom), (0, right), (0, 0)), "edge")
    squares = pixels.reshape(count, pixels.shape[1] // side, side, pixels.shape[2] // side, side, 3)
    return squares.transpose(0, 1, 3, 2, 4, 5)


def join(squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inverse: squares (B, h, w, side, side, 3) as pictures (B, h·side, w·side, 3)."""
    count, height, width, side = squares.shape[:4]
    return squares.transpose(0, 1, 3, 2, 4, 5).reshape(count, height * side, width * side, 3)


def _pieces(rows: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [rows[i : i + PIECES] for i in range(0, len(rows), PIECES)]
