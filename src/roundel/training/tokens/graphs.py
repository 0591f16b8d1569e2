"""A trained autoencoder in integers as exact graphs: analysis, synthesis, and the nets of its prior."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from roundel.training.entropy.bounded import MEANS, SCALE_START, SCALES, first_tables
from roundel.training.exact.nodes import CHANNELS_FIRST, CHANNELS_LAST, narrow, numbers, wide
from roundel.training.exact.sums import ExactSum
from roundel.training.graphs import Builder, prove
from roundel.training.tokens.chain import ChainNet
from roundel.training.tokens.coset import CosetNet, Guess
from roundel.training.tokens.integer_net import (
    FINE_SIGNED,
    LOGIT_MAX,
    LOGIT_UNIT,
    PIXEL_UNIT,
    Block,
    FineBlock,
    GridAnalysis,
    GridSynthesis,
    IntegerGrid,
    IntegerVector,
    VectorAnalysis,
    VectorSynthesis,
)

Net = IntegerGrid | IntegerVector


def analysis_graph(net: Net) -> bytes:
    """`squares` uint8 (B, h, w, 3·p²), or (B, 3·p²) of a vector's, to `latents` int32 (B, D, h, w)."""
    b = Builder()
    if isinstance(net, IntegerGrid):
        latents = _grid_analysis(b, net.encoder, b.input("squares", np.uint8, ("b", "h", "w", 3 * net.token_px**2)))
    else:
        side = net.token_px
        latents = _vector_analysis(b, net.encoder, b.input("squares", np.uint8, ("b", side * side * 3)), side)
    b.output(b.cast(latents, np.int32), "latents", np.int32)
    return b.to_bytes()


def synthesis_graph(net: Net, levels: tuple[int, ...]) -> bytes:
    """`codes` uint8 (B, h, w, D), or (B, D) of a vector's, less their middles plus 128, to `squares` likewise."""
    b = Builder()
    if isinstance(net, IntegerGrid):
        squares = _grid_synthesis(b, net.decoder, b.input("codes", np.uint8, ("b", "h", "w", len(levels))))
    else:
        squares = _vector_synthesis(b, net.decoder, b.input("codes", np.uint8, ("b", len(levels))))
    b.output(squares, "squares", np.uint8)
    return b.to_bytes()


def _grid_analysis(b: Builder, net: GridAnalysis, squares: str) -> str:
    pixels = b.transpose(numbers(b, squares, signed=True), CHANNELS_FIRST)
    f = wide(b, "enter", net.enter, pixels)
    for number, block in enumerate(net.blocks):
        assert isinstance(block, FineBlock)
        hidden = wide(b, f"blocks.{number}.inner", block.inner, f)
        f = b.node("Add", [f, wide(b, f"blocks.{number}.outer", block.outer, hidden)])
        f = b.node("Clip", [f, *(b.scalar(bound, np.float32) for bound in FINE_SIGNED)])
    return b.node("Add", [wide(b, "leave", net.leave, f), wide(b, "shortcut.linear", net.shortcut.linear, pixels)])


def _grid_synthesis(b: Builder, net: GridSynthesis, codes: str) -> str:
    given = b.transpose(numbers(b, codes, signed=True), CHANNELS_FIRST)
    f = b.transpose(b.quantize8(wide(b, "enter", net.enter, given), signed=True), CHANNELS_LAST)
    branch = numbers(b, narrow(b, "leave", net.leave, _blocks(b, net.blocks, f)), signed=True)
    quarters = wide(b, "shortcut.linear", net.shortcut.linear, given)
    linear = b.transpose(b.node("Mul", [quarters, b.scalar(1 / PIXEL_UNIT, np.float32)]), CHANNELS_LAST)
    return b.quantize8(b.node("Add", [linear, branch]), signed=True)


def _vector_analysis(b: Builder, net: VectorAnalysis, squares: str, side: int) -> str:
    pixels = b.node("Reshape", [numbers(b, squares, signed=False), b.store([-1, side, side, 3], np.int64)])
    x, channels = b.transpose(pixels, CHANNELS_FIRST), 3
    for number, layer in enumerate(net.down):
        side //= 2
        x = b.node("Reshape", [_edged(b, x), b.store([-1, channels, side + 1, 2, side + 1, 2], np.int64)])
        shape = b.store([-1, 4 * channels, side + 1, side + 1], np.int64)
        x = b.node("Reshape", [b.transpose(x, (0, 3, 5, 1, 2, 4)), shape])
        x, channels = wide(b, f"down.{number}", _exact(layer), x), len(layer.bias)  # type: ignore[arg-type]
    flat = b.node("Reshape", [x, b.store([-1, channels * side**2, 1, 1], np.int64)])
    return wide(b, "leave", net.leave, flat)


def _vector_synthesis(b: Builder, net: VectorSynthesis, codes: str) -> str:
    dims = net.enter.parts[0].channels
    given = b.node("Reshape", [numbers(b, codes, signed=True), b.store([-1, dims, 1, 1], np.int64)])
    f = b.quantize8(wide(b, "enter", net.enter, given), signed=True)
    x = b.transpose(b.node("Reshape", [f, b.store([-1, *net.shape], np.int64)]), CHANNELS_LAST)
    side = net.shape[1]
    for number, layer in enumerate(net.up):
        x = _spread(b, narrow(b, f"up.{number}", _exact(layer), x), side, len(layer.bias) // 4)  # type: ignore[arg-type]
        side *= 2
    logits = wide(b, "leave", net.leave, _edged(b, b.transpose(numbers(b, x, signed=False), CHANNELS_FIRST)))
    place = b.cast(b.node("Add", [b.transpose(logits, CHANNELS_LAST), b.scalar(LOGIT_MAX, np.float32)]), np.int32)
    b.layer = "pixels"
    steps = np.arange(-LOGIT_MAX, LOGIT_MAX + 1) / LOGIT_UNIT
    table = b.store(np.rint(255 / (1 + np.exp(-steps))), np.uint8, "table")
    return _spread(b, b.node("Gather", [table, place], axis=0), side, 3)


def _edged(b: Builder, x: str) -> str:
    """(B, C, H, W) with zeros around, one pixel wide."""
    return b.node("Pad", [x, b.store([0, 0, 1, 1, 0, 0, 1, 1], np.int64)])


def _blocks(b: Builder, blocks: nn.ModuleList, x: str) -> str:
    for number, block in enumerate(blocks):
        assert isinstance(block, Block)
        hidden = narrow(b, f"blocks.{number}.inner", block.inner, x)
        x = b.add8(x, narrow(b, f"blocks.{number}.outer", block.outer, hidden), signed=(True, True, True))
    return x


def _exact(layer: nn.Module) -> ExactSum:
    assert isinstance(layer, ExactSum)
    return layer


def _spread(b: Builder, x: str, side: int, channels: int) -> str:
    """(B, side + 1, side + 1, 4·C) to (B, 2·side, 2·side, C): squares of pixels without the outermost ones."""
    x = b.node("Reshape", [x, b.store([-1, side + 1, side + 1, 2, 2, channels], np.int64)])
    shape = b.store([-1, 2 * side + 2, 2 * side + 2, channels], np.int64)
    x = b.node("Reshape", [b.transpose(x, (0, 1, 3, 2, 4, 5)), shape])
    start, end = (b.store([at, at], np.int64) for at in (1, 2 * side + 1))
    return b.node("Slice", [x, start, end, b.store([1, 2], np.int64)])


def prior_graph(net: CosetNet | ChainNet) -> bytes:
    """`known` float32 (n, N), the inputs of net `number`, to `index` int32 (N,), the table of each code.

    All nets in one, their weights one after the other; columns beyond the inputs that a net has are not looked at.
    """
    b = Builder()
    known, number = b.input("known", np.float32, ("n", "positions")), b.input("number", np.int64, ())
    guesses = [guess for guess in net.guesses if isinstance(guess, Guess)]
    levels = np.repeat(net.levels, len(guesses) // len(net.levels))
    first = first_tables(net.levels)

    def of_net(values: NDArray[Any], dtype: Any = np.float32, role: str = "") -> str:
        return b.node("Gather", [b.store(values, dtype, role), number], axis=0)

    def column(values: NDArray[np.integer]) -> str:
        return of_net(values[:, None])

    def layer(name: str, layers: list[ExactSum], x: str, *, sliced: bool) -> str:
        b.layer = name
        weights, biases, scales = stacked(layers)
        weight = b.cast(of_net(weights, np.int16, "weight"), np.float32)
        if sliced:
            count = b.node("Shape", [x], start=0, end=1)
            weight = b.node("Slice", [weight, b.store([0], np.int64), count, b.store([1], np.int64)])
        sums = b.node("Add", [b.node("MatMul", [weight, x]), of_net(biases, role="bias")])
        return b.round(b.node("Mul", [sums, of_net(scales, role="scale")]), *layers[0].out_range)

    hidden = layer("enter", [guess.enter for guess in guesses], known, sliced=True)
    direct = layer("direct", [guess.direct for guess in guesses], known, sliced=True)
    said = b.node("Add", [direct, layer("leave", [guess.leave for guess in guesses], hidden, sliced=False)])
    mean, scale = b.node("Split", [said], axis=0, num_outputs=2, outputs=2)
    mean = b.node("Min", [b.node("Add", [mean, column(MEANS * (levels // 2))]), column(MEANS * (levels - 1))])
    mean = b.node("Max", [mean, b.scalar(0, np.float32)])
    scale = b.node("Add", [scale, b.scalar(SCALE_START, np.float32)])
    scale = b.node("Clip", [scale, b.scalar(0, np.float32), b.scalar(SCALES - 1, np.float32)])
    index = b.node("Add", [b.node("Mul", [mean, b.scalar(SCALES, np.float32)]), scale])
    index = b.node("Add", [index, column(np.array([first[n] for n in levels]))])
    flat = b.node("Reshape", [index, b.store([-1], np.int64)])
    b.output(b.cast(flat, np.int32), "index", np.int32)
    return b.to_bytes()


def stacked(layers: list[ExactSum]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Weights (layers, C_out, most inputs), 0 beyond a layer's own, biases and 2^-shift, both (layers, C_out, 1).

    Raises:
        ModelError: a layer is not exact.
    """
    most = max(layer.parts[0].channels for layer in layers)
    weights = np.zeros((len(layers), len(layers[0].bias), most), np.int64)
    biases = np.zeros((len(layers), len(layers[0].bias), 1), np.int64)
    scales = np.ones(biases.shape)
    for number, layer in enumerate(layers):
        (weight,), bias, shift = layer.integers()
        prove(weight, bias, layer.parts[0].max_input, narrow=False)
        weights[number, :, : weight.shape[1]] = weight[:, :, 0, 0]
        biases[number, :, 0], scales[number, :, 0] = bias, np.exp2(-shift.astype(np.float64))
    return weights, biases, scales
