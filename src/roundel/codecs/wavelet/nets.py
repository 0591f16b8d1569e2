"""The nets of the wavelet model as it runs them: contexts at a quality and a tuning, and the filter."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.engine import Graph

Bytes = NDArray[np.uint8]


class LevelContext(NamedTuple):
    """The three nets of a level, and what the quality adds to their biases."""

    graphs: tuple[Graph, Graph, Graph]
    up_bias: NDArray[np.int32]
    head_biases: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]

    def white(self, known: Bytes, features: Bytes | None) -> tuple[Bytes, Bytes]:
        """Features (1, h, w, C) of this level and what they say of luma on white fields, (h, w, 6).

        Args:
            known: signed magnitudes (1, h, w, C) of the coarser level. features: of the coarser level, if there is one.
        """
        inputs = {} if features is None else {"features": features}
        found, said = self.graphs[0].run(known=known, up=self.up_bias, head=self.head_biases[0], **inputs)
        return found, said[0]

    def black(self, features: Bytes, luma: Bytes) -> tuple[Bytes, Bytes]:
        """The next features, and what they say of luma on black fields, (h, w, 6); luma: signed magnitudes so far."""
        found, said = self.graphs[1].run(features=features, known=luma, head=self.head_biases[1])
        return found, said[0]

    def colours(self, features: Bytes, luma: Bytes) -> tuple[Bytes, Bytes]:
        """The last features, and what they say of the colours, (h, w, 12)."""
        found, said = self.graphs[2].run(features=features, known=luma, head=self.head_biases[2])
        return found, said[0]


class Contexts(NamedTuple):
    """What says how uncertain coefficients are, at a quality and a tuning."""

    levels: tuple[LevelContext, ...]
    """Coarsest first."""
    low_index: NDArray[np.uint8]
    """(3, STAGES): scale indices of the low band."""


class Filter(NamedTuple):
    """Repairs decoded pictures, at a quality."""

    graph: Graph
    bias: NDArray[np.int32]
    """Of its first layer."""
    gain: int
    """What its output is multiplied by, in 1/4096 of a pixel value."""

    def corrections(self, pixels: Bytes) -> Bytes:
        """Of pixels (H, W, 3), sides multiples of 8: (H, W, 3) with zero point 128, in units of `gain`."""
        height, width, _ = pixels.shape
        cells = pixels.reshape(height // 4, 4, width // 4, 12).transpose(0, 2, 1, 3)
        (out,) = self.graph.run(
            pixels=np.ascontiguousarray(cells).reshape(1, height // 4, width // 4, 48), bias=self.bias
        )
        back = out.reshape(height // 4, width // 4, 4, 12).transpose(0, 2, 1, 3)
        return np.ascontiguousarray(back).reshape(height, width, 3)
