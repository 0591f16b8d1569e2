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
    PIXEL_UNIT,
    Block,
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
    f = _blocks(b, net.blocks, narrow(b, "enter", net.enter, squares))
    leave = wide(b, "leave", net.leave, b.transpose(numbers(b, f, signed=True), CHANNELS_FIRST))
    pixels = b.transpose(numbers(b, squares, signed=True), CHANNELS_FIRST)
    return b.node("Add", [leave, wide(b, "shortcut.linear", net.shortcut.linear, pixels)])


def _grid_synthesis(b: Builder, net: GridSynthesis, codes: str) -> str:
    given = b.transpose(numbers(b, codes, signed=True), CHANNELS_FIRST)
    f = b.transpose(b.quantize8(wide(b, "enter", net.enter, given), signed=True), CHANNELS_LAST)
    branch = numbers(b, narrow(b, "leave", net.leave, _blocks(b, net.blocks, f)), signed=True)
    linear = _levels(b, wide(b, "shortcut.linear", net.shortcut.linear, given))
    return b.quantize8(b.node("Add", [linear, branch]), signed=True)


def _vector_analysis(b: Builder, net: VectorAnalysis, squares: str, side: int) -> str:
    x, channels = squares, 3
    for number, layer in enumerate(net.down):
        side //= 2
        x = b.node("Reshape", [x, b.store([-1, side, 2, side, 2, channels], np.int64)])
        x = b.node("Reshape", [b.transpose(x, (0, 1, 3, 2, 4, 5)), b.store([-1, side, side, 4 * channels], np.int64)])
        x, channels = narrow(b, f"down.{number}", _exact(layer), x), len(layer.bias)  # type: ignore[arg-type]
    flat = b.node("Reshape", [b.transpose(x, CHANNELS_FIRST), b.store([-1, channels * side**2, 1, 1], np.int64)])
    return wide(b, "leave", net.leave, numbers(b, flat, signed=False))


def _vector_synthesis(b: Builder, net: VectorSynthesis, codes: str) -> str:
    dims = net.enter.parts[0].channels
    given = b.node("Reshape", [numbers(b, codes, signed=True), b.store([-1, dims, 1, 1], np.int64)])
    f = b.quantize8(wide(b, "enter", net.enter, given), signed=True)
    x = b.transpose(b.node("Reshape", [f, b.store([-1, *net.shape], np.int64)]), CHANNELS_LAST)
    side = net.shape[1]
    for number, layer in enumerate(net.up):
        x = _spread(b, narrow(b, f"up.{number}", _exact(layer), x), side, len(layer.bias) // 4)  # type: ignore[arg-type]
        side *= 2
    last = wide(b, "leave", net.leave, b.transpose(numbers(b, x, signed=False), CHANNELS_FIRST))
    return _spread(b, b.quantize8(_levels(b, last), signed=True), side, 3)


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
    """(B, side, side, 4·C) to (B, 2·side, 2·side, C)."""
    x = b.node("Reshape", [x, b.store([-1, side, side, 2, 2, channels], np.int64)])
    return b.node(
        "Reshape", [b.transpose(x, (0, 1, 3, 2, 4, 5)), b.store([-1, 2 * side, 2 * side, channels], np.int64)]
    )


def _levels(b: Builder, x: str) -> str:
    """(B, C, h, w) in 1/PIXEL_UNIT of a level to (B, h, w, C) in levels."""
    return b.transpose(b.node("Mul", [x, b.scalar(1 / PIXEL_UNIT, np.float32)]), CHANNELS_LAST)


def prior_graph(net: CosetNet | ChainNet) -> bytes:
    """`known` float32 (n, N), the inputs of net `number`, to `index` int32 (N,), the table of each code.

    All nets in one, their weights one after the other; columns beyond the inputs that a net has are not looked at.
    """
    b = Builder()
    known, number = b.input("known", np.float32, ("n", "positions")), b.input("number", np.int64, ())
    guesses = [guess for guess in net.guesses if isinstance(guess, Guess)]
    levels = np.repeat(net.levels, len(guesses) // len(net.levels))
    first = first_tables(net.levels)

    def of_net(values: NDArray[Any], role: str = "") -> str:
        return b.node("Gather", [b.store(values, np.float32, role), number], axis=0)

    def column(values: NDArray[np.integer]) -> str:
        return of_net(values[:, None])

    def layer(name: str, layers: list[ExactSum], x: str, *, sliced: bool) -> str:
        b.layer = name
        kernels, biases = stacked(layers)
        kernel = of_net(kernels, "weight")
        if sliced:
            count = b.node("Shape", [x], start=0, end=1)
            kernel = b.node("Slice", [kernel, b.store([0], np.int64), count, b.store([1], np.int64)])
        return b.round(b.node("Add", [b.node("MatMul", [kernel, x]), of_net(biases, "bias")]), *layers[0].out_range)

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


def stacked(layers: list[ExactSum]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernels (layers, C_out, most inputs), 0 beyond a layer's own, and biases (layers, C_out, 1), both times 2^-shift.

    Raises:
        ModelError: a layer is not exact.
    """
    most = max(layer.parts[0].channels for layer in layers)
    kernels = np.zeros((len(layers), len(layers[0].bias), most))
    biases = np.zeros((len(layers), len(layers[0].bias), 1))
    for kernel, offset, layer in zip(kernels, biases, layers, strict=True):
        (weight,), bias, shift = layer.integers()
        prove(weight, bias, layer.parts[0].max_input, narrow=False)
        scale = np.exp2(-shift.astype(np.float64))[:, None]
        kernel[:, : weight.shape[1]] = weight[:, :, 0, 0] * scale
        offset[:] = bias[:, None] * scale
    return kernels, biases
