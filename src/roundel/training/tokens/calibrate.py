"""From a trained autoencoder to its twin in integers: scales from what its layers say of training pictures.

Every channel of a layer gets the scale at which rounding and saturation together lose least. The layers after
it undo the scales, so that the twin computes what the trained one does but for rounding.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.exact.sums import ExactSum
from roundel.training.nets.residual import ResidualBlock
from roundel.training.quantizers.fsq import FSQ
from roundel.training.tokens.integer_net import (
    FINE_MAX,
    LATENT_UNIT,
    LOGIT_UNIT,
    PIXEL_UNIT,
    SIGNED,
    ZERO,
    Block,
    FineBlock,
    IntegerGrid,
    IntegerVector,
)
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.tokens.net import GridAutoencoder, VectorAutoencoder

QUANTILES = (0.9999, 0.9995, 0.999, 0.9975, 0.995, 0.99, 0.98, 0.96)
"""Of |activation|: where its integers may end."""
HEADROOM = 1.1
"""Or this, times the largest."""
PEAK = 8.0
"""What the largest integer of a layer becomes in floats that are made of integers: of the order of trained ones."""
SAMPLES = 20000
"""Of a channel, at most, that quantiles are of."""


def has_twin(model: DiscreteAutoencoder) -> bool:
    """Whether the model has a form in integers: one of the nets that ship, around canonical FSQ."""
    return type(model.net) in (GridAutoencoder, VectorAutoencoder) and type(model.bottleneck) is FSQ


@torch.no_grad()
def integer_twin(model: DiscreteAutoencoder, pictures: Tensor) -> DiscreteAutoencoder:
    """The model in integers.

    Args:
        model: with float nets around an FSQ. pictures: uint8 (N, 3, S, S) of its training.

    Raises:
        ModelError: the model has another net or quantiser.
    """
    if not has_twin(model):
        raise ModelError('only "grid" and "vector" nets around "fsq" have a form in integers; others are for research')
    model = model.cpu().eval()
    twin = DiscreteAutoencoder(replace(model.shape, net=f"integer-{model.shape.net}")).eval()
    twin.prior.load_state_dict(model.prior.state_dict())
    x = pictures.float() / 255
    values = model.bottleneck(model.net.analysis(x)).values
    if isinstance(model.net, GridAutoencoder):
        assert isinstance(twin.net, IntegerGrid)
        _grid(model.net, twin.net, x, values)
    else:
        assert isinstance(model.net, VectorAutoencoder)
        assert isinstance(twin.net, IntegerVector)
        _vector(model.net, twin.net, x, values)
    return twin


def scale_of(activations: list[Tensor], top: int) -> Tensor:
    """(C,) steps per unit, up to `top` steps, in which activations (B, C, h, w), all in the same ones, lose least."""
    flat = torch.cat([a.transpose(0, 1).flatten(1) for a in activations], 1)
    peaks = flat.abs().amax(1)
    sample = flat[:, :: -(-flat.shape[1] // SAMPLES)].abs()
    ends = [HEADROOM * peaks, *torch.quantile(sample, torch.tensor(QUANTILES), dim=1)]
    best, least = torch.ones(len(flat)), torch.full((len(flat),), torch.inf)
    for end in ends:
        scale = top / end.clamp_min(1e-4)
        steps = flat * scale[:, None]
        lost = (steps - torch.round(steps).clamp(-top, top)).square().mean(1) / scale.square()
        best, least = torch.where(lost < least, scale, best), torch.minimum(lost, least)
    # Channels that hardly say anything would only make the steps of weights coarse.
    return torch.minimum(best, 16 * best.median())


def real(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Weights and biases of a convolution."""
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    assert layer.bias is not None
    return layer.weight, layer.bias


def put(layer: ExactSum, weight: Tensor, bias: Tensor, seen: Tensor | float, said: Tensor | float) -> None:
    """Make a layer compute `weight` and `bias` of real numbers.

    Args:
        seen: steps per unit of its input channels, (C_in,). said: of its output channels, (C_out,).
    """
    out = torch.as_tensor(said) * torch.ones(len(bias))
    steps = weight * out[:, None, None, None] / (torch.as_tensor(seen) * torch.ones(weight.shape[1]))[:, None, None]
    layer.weights[0].copy_(steps / (layer.unit if layer.scaled else 1))
    layer.bias.copy_(bias * out / layer.unit)


def _grid(net: GridAutoencoder, twin: IntegerGrid, x: Tensor, values: Tensor) -> None:
    # Levels less 128 are seen, where the trained net sees pixels less ½; channels are in another order.
    side, offset = net.token_px, (ZERO - 127.5) / 255
    order = torch.arange(3 * side**2).view(3, side, side).permute(1, 2, 0).flatten()

    def pixels_in(layer: nn.Module) -> tuple[Tensor, Tensor]:
        weight, bias = real(layer)
        return weight[:, order], bias + offset * weight.sum((1, 2, 3))

    def pixels_out(layer: nn.Module) -> tuple[Tensor, Tensor]:
        return tuple(part[order] for part in real(layer))  # type: ignore[return-value]

    branch, own = net.analysis_branch, twin.encoder
    scale = _branch(branch, net.blocks(x), own.blocks, FINE_MAX, FINE_MAX)
    put(own.enter, *pixels_in(branch.get_submodule("enter")), 255, scale)
    put(own.leave, *real(branch.get_submodule("leave")), scale, LATENT_UNIT)
    put(own.shortcut.linear, *pixels_in(net.analysis_linear.linear), 255, LATENT_UNIT)
    branch, back = net.synthesis_branch, twin.decoder
    middles = twin.middles.flatten()
    scale = _branch(branch, values, back.blocks, SIGNED[1], 255)
    put(back.enter, *real(branch.get_submodule("enter")), middles, scale)
    put(back.leave, *pixels_out(branch.get_submodule("leave")), scale, 255)
    weight, bias = pixels_out(net.synthesis_linear.linear)
    put(back.shortcut.linear, weight, bias - offset, middles, 255 * PIXEL_UNIT)


def _branch(branch: nn.Sequential, x: Tensor, blocks: nn.ModuleList, top: int, inner_top: int) -> Tensor:
    """Set the blocks of a branch; steps per unit of the numbers that pass through them all, ±`top` at most."""
    h = branch.get_submodule("enter")(x)
    stream, hidden = [h], []
    for block in branch:
        if isinstance(block, ResidualBlock):
            hidden.append(F.relu(block.conv1(h)))
            step = block.conv2(hidden[-1])
            h = h + step
            stream += [step, h]
    scale = scale_of(stream, top)
    trained = [block for block in branch if isinstance(block, ResidualBlock)]
    for block, own, seen in zip(trained, blocks, hidden, strict=True):
        assert isinstance(own, Block | FineBlock)
        inside = scale_of([seen], inner_top)
        put(own.inner, *real(block.conv1), scale, inside)
        put(own.outer, *real(block.conv2), inside, scale)
    return scale


@torch.no_grad()
def reals(twin: IntegerGrid, net: GridAutoencoder) -> None:
    """Make a net of floats compute what a net of integers does but for rounding, the inverse of `integer_twin`.

    Of the scales that calibration gave each channel nothing is left: all channels get those of `PEAK`.
    """
    side, offset = net.token_px, (ZERO - 127.5) / 255
    order = torch.argsort(torch.arange(3 * side**2).view(3, side, side).permute(1, 2, 0).flatten())
    middles = twin.middles.flatten()

    def take(layer: nn.Module, own: ExactSum, seen: Tensor | float, said: float) -> tuple[Tensor, Tensor]:
        weight, bias = real(layer)
        weight.copy_(own.weights[0] * (own.unit if own.scaled else 1) / said)
        weight.mul_((torch.as_tensor(seen) * torch.ones(weight.shape[1]))[:, None, None])
        bias.copy_(own.bias * own.unit / said)
        return weight, bias

    def pixels_in(layer: nn.Module, own: ExactSum, said: float) -> None:
        weight, bias = take(layer, own, 255, said)
        weight.copy_(weight[:, order])
        bias.sub_(offset * weight.sum((1, 2, 3)))

    for branch, back, top, inner_top in (
        (net.analysis_branch, twin.encoder, FINE_MAX, FINE_MAX), (net.synthesis_branch, twin.decoder, SIGNED[1], 255)
    ):  # fmt: skip
        scale, inside = top / PEAK, inner_top / PEAK
        for block, own in zip((b for b in branch if isinstance(b, ResidualBlock)), back.blocks, strict=True):
            assert isinstance(own, Block | FineBlock)
            take(block.conv1, own.inner, scale, inside)
            take(block.conv2, own.outer, inside, scale)
    pixels_in(net.analysis_branch.get_submodule("enter"), twin.encoder.enter, FINE_MAX / PEAK)
    take(net.analysis_branch.get_submodule("leave"), twin.encoder.leave, FINE_MAX / PEAK, LATENT_UNIT)
    pixels_in(net.analysis_linear.linear, twin.encoder.shortcut.linear, LATENT_UNIT)
    take(net.synthesis_branch.get_submodule("enter"), twin.decoder.enter, middles, SIGNED[1] / PEAK)
    for layer, own, said in (
        (net.synthesis_branch.get_submodule("leave"), twin.decoder.leave, 255),
        (net.synthesis_linear.linear, twin.decoder.shortcut.linear, 255 * PIXEL_UNIT),
    ):
        seen = middles if said > 255 else SIGNED[1] / PEAK
        weight, bias = take(layer, own, seen, said)
        weight.copy_(weight[order])
        bias.copy_(bias[order])
    real(net.synthesis_linear.linear)[1].add_(offset)


def _vector(net: VectorAutoencoder, twin: IntegerVector, x: Tensor, values: Tensor) -> None:
    h, seen = x, torch.full((3,), 255.0)
    for own, (layer, norm) in zip(twin.encoder.down, _pairs(net.down), strict=True):
        assert isinstance(own, ExactSum)
        weight, bias = folded(layer, norm)
        h = F.relu(norm(layer(h)))
        said = scale_of([h], own.out_range[1])
        put(own, strided(weight), bias, seen.repeat(4), said)
        seen = said
    places = h.shape[2] * h.shape[3]
    put(twin.encoder.leave, net.to_latent.weight[:, :, None, None], net.to_latent.bias,
        seen.repeat_interleave(places), LATENT_UNIT)  # fmt: skip
    h = net.from_latent(values).view(-1, *net.shape)
    seen = scale_of([h], SIGNED[1])
    put(twin.decoder.enter, net.from_latent.weight[:, :, None, None], net.from_latent.bias, twin.middles,
        seen.repeat_interleave(places))  # fmt: skip
    for own, (layer, norm) in zip(twin.decoder.up, _pairs(net.up), strict=True):
        assert isinstance(own, ExactSum)
        weight, bias = folded(layer, norm)
        h = F.relu(norm(layer(h)))
        said = scale_of([h], 255)
        put(own, transposed(weight), bias.repeat(4), seen, said.repeat(4))
        seen = said
    weight, bias = real(net.up[-1])
    put(twin.decoder.leave, transposed(weight), bias.repeat(4), seen, LOGIT_UNIT)


def _pairs(layers: nn.Sequential) -> list[tuple[nn.Module, nn.BatchNorm2d]]:
    """Convolutions and the batch normalisation that follows each."""
    return [(a, b) for a, b in zip(layers, list(layers)[1:], strict=False) if isinstance(b, nn.BatchNorm2d)]


def folded(layer: nn.Module, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and biases of a convolution, in its own order of axes, that normalises as well."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = real(layer)
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shape = (1, -1, 1, 1) if isinstance(layer, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    return weight * gain.view(shape), (bias - norm.running_mean) * gain + norm.bias


def strided(weight: Tensor) -> Tensor:
    """(C_out, C_in, 4, 4) of stride 2 as (C_out, 4·C_in, 2, 2) on squares of 2 × 2 pixels as channels."""
    out = weight.new_zeros(len(weight), 2, 2, weight.shape[1], 2, 2)
    for y, x in np.ndindex(4, 4):
        out[:, y % 2, x % 2, :, y // 2, x // 2] = weight[:, :, y, x]
    return out.flatten(1, 3)


def transposed(weight: Tensor) -> Tensor:
    """(C_in, C_out, 4, 4) of a transposed convolution, stride 2, as (4·C_out, C_in, 2, 2) to squares of 2 × 2 pixels.

    A pixel of the input spreads over two squares each way; as a convolution, each square hears two pixels each way.
    """
    out = weight.new_zeros(2, 2, weight.shape[1], len(weight), 2, 2)
    for y, x in np.ndindex(4, 4):
        out[y % 2, x % 2, :, :, 1 - y // 2, 1 - x // 2] = weight[:, :, y, x].T
    return out.flatten(0, 2)
