"""The nets of the wavelet model as it runs them: contexts at a quality and a tuning, and the filter."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundel.coding import compiled
from roundel.engine import Graph

Bytes = NDArray[np.uint8]


def with_biases(graph: Graph, places: NDArray[np.int64], biases: Sequence[NDArray[np.int32]]) -> Graph:
    """The graph with other biases in it.

    They are written into the file, which is the quickest way that all versions of ONNX Runtime are exact with.

    Args:
        places: (N,) where in the file each array of biases begins; the last of them stands at all places that are left.
    """
    data = bytearray(graph.data)
    own = [*biases, *[biases[-1]] * (places.size - len(biases))]
    for place, bias in zip(places.tolist(), own, strict=True):
        raw = bias.astype("<i4").tobytes()
        data[place : place + len(raw)] = raw
    return Graph(bytes(data))


class LevelContext(NamedTuple):
    """The three nets of a level."""

    graphs: tuple[Graph, Graph, Graph]

    def white(self, known: Bytes, features: Bytes | None) -> tuple[Bytes, Bytes]:
        """Features (1, h, w, C) of this level and what they say of luma on white fields, (h, w, 6).

        Args:
            known: signed magnitudes (1, h, w, C) of the coarser level. features: of the coarser level, if there is one.
        """
        inputs = {} if features is None else {"features": features}
        return _one_each(*self.graphs[0].run(known=known, **inputs))

    def black(self, features: Bytes, luma: Bytes) -> tuple[Bytes, Bytes]:
        """The next features, and what they say of luma on black fields, (h, w, 6); luma: signed magnitudes so far."""
        return _one_each(*self.graphs[1].run(features=features, known=luma))

    def colours(self, features: Bytes, luma: Bytes) -> tuple[Bytes, Bytes]:
        """The last features, and what they say of the colours, (h, w, 12)."""
        return _one_each(*self.graphs[2].run(features=features, known=luma))


def _one_each(features: Bytes, said: Bytes) -> tuple[Bytes, Bytes]:
    """What is said, a row of bytes for each pixel: heads may take neighbours together."""
    return features, said.reshape(*features.shape[1:3], -1)


class Contexts(NamedTuple):
    """What says how uncertain coefficients are, at a quality and a tuning."""

    levels: tuple[LevelContext, ...]
    """Coarsest first."""
    low_index: NDArray[np.uint8]
    """(3, STAGES): scale indices of the low band."""


def _cells(x: Bytes, out: Bytes, height: int, width: int, *, back: bool) -> Bytes:
    """Pixels (height, width, 3) to cells of 4 × 4, or back."""
    native = compiled.native()
    if native:
        native.cells(np.ascontiguousarray(x), out, height, width, back)
        return out
    shape = (height // 4, width // 4, 4, 12) if back else (height // 4, 4, width // 4, 12)
    return np.ascontiguousarray(x.reshape(shape).transpose(0, 2, 1, 3)).reshape(out.shape)


class Filter(NamedTuple):
    """Makes better pictures of decoded ones, or better ones to code, at a quality."""

    graph: Graph
    gain: int
    """What its output is multiplied by, in 1/4096 of a pixel value."""

    def corrections(self, pixels: Bytes) -> Bytes:
        """Of pixels (H, W, 3), sides multiples of 8: (H, W, 3) with zero point 128, in units of `gain`."""
        height, width, _ = pixels.shape
        cells = _cells(pixels, np.empty((1, height // 4, width // 4, 48), np.uint8), height, width, back=False)
        (out,) = self.graph.run(pixels=cells)
        return _cells(out, np.empty(pixels.shape, np.uint8), height, width, back=True)

    def change(self, pixels: Bytes) -> NDArray[np.float32]:
        """The same in pixel values."""
        values = (np.arange(256, dtype=np.float32) - 128) * np.float32(self.gain / 4096)
        return values.take(self.corrections(pixels))
