"""The graphs of the wavelet model as ONNX files, with marks where biases of a quality are to stand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet.walk import FOLD
from roundel.errors import ModelError
from roundel.training.graphs import Builder
from roundel.training.wavelet.filters import Block, Filter
from roundel.training.wavelet.narrow import Narrow
from roundel.training.wavelet.subbands import Both, LevelContext
from roundel.training.wavelet.transform import BANDS

PAIR = 2
"""Neighbours in a row that heads take together: pixels of so few channels each leave processors half idle. Levels from
the second on have even widths."""


def bias_places(graph: bytes, biases: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
    """Where in an ONNX file biases begin that a quality replaces."""
    found = []
    for bias in biases:
        raw = bias.astype("<i4").tobytes()
        if graph.count(raw) != 1:
            raise ModelError(f"biases of {bias.size} channels stand {graph.count(raw)} times in a graph")
        found.append(graph.index(raw))
    return np.array(found, np.int64)


def marks(count: int, which: int) -> NDArray[np.int32]:
    """(count,) numbers that stand nowhere else in a graph. Args: which: of its layers to mark, from 0."""
    return np.arange(1, 1 + count, dtype=np.int32) + 10_000 * which


def level_graphs(level: LevelContext) -> dict[str, tuple[bytes, NDArray[np.int64]]]:
    """The three graphs of a level's contexts, and where in each the biases begin that a quality replaces.

    Names of inputs are those of `nets.LevelContext`.
    """
    width = level.white.weight.shape[0]
    entrance = marks(len(level.entrance.weight), 0)
    graphs = {}
    b = Builder()
    known = b.input("known", np.uint8, [1, "h", "w", _filled(level.entrance.weight.shape[1])])
    if isinstance(level.up, Both):
        features = b.input("features", np.uint8, [1, "h", "w", level.before])
        x = _shuffled(b, _both(b, features, known, level.up, "up", entrance), level.finer, width)
    else:
        x = _bytes(b, known, level.up, "up", entrance)
    together = PAIR if isinstance(level.up, Both) else 1
    said = _said(b, _bytes(b, x, level.white, "context"), level.white_out, together)
    graphs["white"] = _placed(b, [entrance, *said])
    for name, layer, head in (("black", level.black, level.black_out), ("colours", level.chroma, level.chroma_out)):
        b = Builder()
        features = b.input("features", np.uint8, [1, "h", "w", width])
        known = b.input("known", np.uint8, [1, "h", "w", _filled(2 * BANDS)])
        graphs[name] = _placed(b, _said(b, _both(b, features, known, layer, "context"), head, together))
    return graphs


def _placed(b: Builder, biases: Sequence[NDArray[np.int32]]) -> tuple[bytes, NDArray[np.int64]]:
    graph = b.to_bytes()
    return graph, bias_places(graph, biases)


def _filled(channels: int) -> int:
    return -(-channels // FOLD) * FOLD


def _bytes(
    b: Builder, x: str, layer: Narrow, name: str, bias: NDArray[np.int32] | None = None, *, signed: bool = False
) -> str:
    """A layer whose input may have more channels, which are zeros. Args: bias: instead of its own."""
    own = layer.integers()
    zeros = np.zeros((len(own.weight), -own.weight.shape[1] % FOLD, *own.weight.shape[2:]), np.int8)
    b.layer = name
    weight = np.concatenate([own.weight, zeros], 1)
    return b.conv8(x, weight, own.bias if bias is None else bias, own.shift, signed_out=signed)


def _both(b: Builder, features: str, known: str, layer: Both, name: str, bias: NDArray[np.int32] | None = None) -> str:
    said = _bytes(b, features, layer.features, f"{name}.features", signed=True)
    seen = _bytes(b, known, layer.known, f"{name}.known", bias, signed=True)
    return b.add8(said, seen, signed=(True, True, False))


def _said(b: Builder, f: str, head: Narrow, together: int) -> list[NDArray[np.int32]]:
    """The outputs; gives the head's marks. Args: together: so many neighbours in a row are one pixel of the head."""
    out = head.integers()
    biases = [marks(len(out.weight), 1 + k) for k in range(together)]
    b.output(f, "features_out", np.uint8)
    own = np.kron(np.eye(together, dtype=np.int8), out.weight[:, :, 0, 0])[:, :, None, None]
    x = "features_out"
    if together > 1:
        x = b.node("Reshape", [x, b.store([0, 0, -1, own.shape[1]], np.int64)])
    b.layer = "said"
    b.output(b.conv8(x, own, np.concatenate(biases), np.tile(out.shift, together)), "said", np.uint8)
    return biases


def _shuffled(b: Builder, x: str, finer: int, channels: int) -> str:
    """See `subbands.shuffle`, channels last."""
    cells = b.node("Reshape", [x, b.store([0, 0, 0, finer, finer * channels], np.int64)])
    rows = b.transpose(cells, (0, 1, 3, 2, 4))
    sides = b.node("Mul", [b.node("Shape", [x], start=1, end=3), b.store([finer], np.int64)])
    one, last = b.store([1], np.int64), b.store([channels], np.int64)
    return b.node("Reshape", [rows, b.node("Concat", [one, sides, last], axis=0)])


def filter_graph(own: Filter) -> tuple[bytes, NDArray[np.int64]]:
    """The graph of a filter, and where the biases of its first layer begin; its input is that of `nets.Filter`."""
    b = Builder()
    enter = own.enter.integers()
    width = len(enter.bias)
    bias = marks(width, 0)
    x = b.input("pixels", np.uint8, [1, "h", "w", enter.weight.shape[1]])
    b.layer = "enter"
    h = b.conv8(x, enter.weight, bias, enter.shift, signed_in=True, signed_out=True)
    for k, block in enumerate(own.blocks4):
        h = _block(b, h, block, f"blocks4.{k}")
    g = _signed(b, h, own.down, "down", stride=2)
    for k, block in enumerate(own.blocks8):
        g = _block(b, g, block, f"blocks8.{k}")
    g = _shuffled(b, _signed(b, g, own.up, "up"), 2, width)
    h = _block(b, b.add8(h, g, signed=(True, True, True)), own.last, "last")
    b.output(_signed(b, h, own.leave, "leave"), "corrections", np.uint8)
    return _placed(b, [bias])


def _block(b: Builder, x: str, block: Any, name: str) -> str:
    assert isinstance(block, Block)
    first, second = block.conv1.integers(), block.conv2.integers()
    b.layer = f"{name}.conv1"
    inner = b.conv8(x, first.weight, first.bias, first.shift, signed_in=True)
    b.layer = f"{name}.conv2"
    change = b.conv8(inner, second.weight, second.bias, second.shift, signed_out=True)
    return b.add8(x, change, signed=(True, True, True))


def _signed(b: Builder, x: str, layer: Narrow, name: str, stride: int = 1) -> str:
    own = layer.integers()
    b.layer = name
    return b.conv8(x, own.weight, own.bias, own.shift, signed_in=True, signed_out=True, stride=stride)
