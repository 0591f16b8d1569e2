"""Discrete autoencoders wired: a net, a bottleneck and a prior of its codes, from a shape in a configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.entropy.categorical import CategoricalPrior
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.quantizers.adaptive import NOTCHES, AdaptiveFSQ
from roundel.training.quantizers.codes import Bottleneck, Codes, Soft
from roundel.training.quantizers.fsq import FSQ
from roundel.training.quantizers.fsq_as_written import FSQAsWritten
from roundel.training.quantizers.lfq import LFQ
from roundel.training.quantizers.residual_fsq import ResidualFSQ
from roundel.training.quantizers.residual_vq import ResidualVQ
from roundel.training.quantizers.scaled_residual_fsq import ScaledResidualFSQ
from roundel.training.quantizers.soft_to_hard import SoftToHardVQ
from roundel.training.quantizers.uniform_fsq import UniformFSQ
from roundel.training.quantizers.vq import VectorQuantizer
from roundel.training.tokens.chain import ChainNet
from roundel.training.tokens.coset import CosetNet
from roundel.training.tokens.integer_net import IntegerGrid, IntegerVector
from roundel.training.tokens.net import GridAutoencoder, VectorAutoencoder
from roundel.training.tokens.two_scale import TwoScaleAutoencoder


@dataclass(frozen=True)
class AutoencoderShape:
    """`[shape]` of a configuration."""

    net: str = "vector"
    """"vector" (the paper's, 32 × 32 pixels to one vector) or "grid" (any size, tokens at 1/8); with "integer-" before
    it the same in integers: such models make files, for `quantizer` "fsq", the others are for research. "two-scale" is
    "grid" with coarse vectors at 1/16 above fine ones."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels from fine to coarse: four for vectors, one for grids."""
    blocks: int = 3
    """Residual blocks of each branch, for grids."""
    dims: int = 64
    quantizer: str = "fsq"
    """"fsq", "uniform-fsq", "adaptive-fsq", "residual-fsq", "scaled-residual-fsq", "vq", "soft-to-hard-vq",
    "residual-vq" or "lfq"."""
    levels: tuple[int, ...] = (8,)
    """fsq: of each dimension, or one number for all; adaptive-fsq: all of them at first; residual: of each stage; vq:
    size of the codebook; lfq has no choice."""
    dropout: float = 0.0
    """Of stages, for the residual quantisers."""
    mode: str = "corrected"
    """"as_written" keeps the FSQ paper's printed equations, as a negative control."""
    temperature: float = 1.0
    """T of the printed equations; unused otherwise."""
    prior: str = "factorized"
    """"factorized" (each code channel by itself), "chain" (from the channels before it in the same token) or "coset"
    (from those, and neighbours decoded before, for grids)."""
    prior_width: int = 24
    """Hidden channels of the chain and coset priors."""
    coarse: int = 0
    """Of `dims`, those of the coarse scale, for net "two-scale"; the rest are four fine vectors'."""


class Reconstruction(NamedTuple):
    """What a discrete autoencoder makes of pictures (B, 3, H, W)."""

    raw: Tensor
    """(B, 3, H, W) as synthesis gives it; `net.picture` makes pixels of it."""
    codes: Codes
    bits: Tensor
    """(B,) of the codes under the prior; its gradient reaches the prior alone."""
    rate: Tensor
    """(B,) the same; its gradient reaches the encoder alone."""


class DiscreteAutoencoder(nn.Module):
    """Analysis, bottleneck, synthesis, and a prior of the codes.

    Raises:
        ModelError: the shape names something unknown, or its parts do not fit.
    """

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        self.shape = shape
        if shape.net not in NETS:
            raise ModelError(f"net = {shape.net!r} is unknown; known: {', '.join(NETS)}")
        vector = shape.net.endswith("vector")
        if len(shape.widths) != (4 if vector else 1):
            raise ModelError(f"widths = {shape.widths}: net {shape.net!r} takes {4 if vector else 1}")
        if shape.prior not in ("factorized", "chain", "coset") or (shape.prior == "coset" and vector):
            raise ModelError(f'prior = {shape.prior!r}: known are "factorized", "chain" and, for grids, "coset"')
        self.bottleneck = bottleneck(shape)
        self.net = _net(shape, self.bottleneck)
        # Adaptive levels move while the prior learns, so it has room for the most.
        adaptive = isinstance(self.bottleneck, AdaptiveFSQ)
        levels = (NOTCHES[-1],) * shape.dims if adaptive else self.bottleneck.levels
        self.prior: CategoricalPrior | GuessedPrior
        if shape.prior == "factorized":
            self.prior = CategoricalPrior(levels)
        else:
            self.prior = GuessedPrior((CosetNet if shape.prior == "coset" else ChainNet)(levels, shape.prior_width))

    def forward(self, x: Tensor, temperature: float = 0.0) -> Reconstruction:
        """Pictures in [0, 1] through the bottleneck; softly where it can and the temperature is above 0."""
        z = self.net.analysis(x)
        soft = temperature > 0 and isinstance(self.bottleneck, Soft)
        codes = self.bottleneck.soften(z, temperature) if soft else self.bottleneck(z)  # type: ignore[operator]
        raw = self.net.synthesis(codes.values, x.shape[2], x.shape[3])
        # Both inside forward, so that training on several processes averages the prior's gradients, too.
        bits, rate = (part.flatten(1).sum(1) for part in self.prior(codes.codes, codes.position))
        return Reconstruction(raw, codes, bits, rate)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Pictures to codes (B, K) or (B, K, ⌈H/8⌉, ⌈W/8⌉) int64; in eval mode."""
        return self.bottleneck(self.net.analysis(x)).codes

    @torch.no_grad()
    def decode(self, codes: Tensor, height: int, width: int) -> Tensor:
        """Codes to pictures (B, 3, H, W) in [0, 1]. Raises: ModelError, codes out of range."""
        return self.net.picture(self.net.synthesis(self.bottleneck.values(codes), height, width)).clamp(0, 1)


Net = VectorAutoencoder | GridAutoencoder | IntegerVector | IntegerGrid
NETS = ("vector", "grid", "two-scale", "integer-vector", "integer-grid")


def _net(shape: AutoencoderShape, quantizer: Bottleneck) -> Net:
    if shape.net == "vector":
        return VectorAutoencoder(shape.dims, shape.widths)
    if shape.net == "grid":
        return GridAutoencoder(shape.dims, shape.widths[0], shape.blocks)
    if shape.net == "two-scale":
        return TwoScaleAutoencoder(shape.dims, shape.coarse, shape.widths[0], shape.blocks)
    if type(quantizer) is not FSQ:
        raise ModelError(f'net = {shape.net!r} is for quantizer = "fsq" in its corrected mode')
    if shape.net == "integer-vector":
        return IntegerVector(quantizer.levels, shape.widths)
    return IntegerGrid(quantizer.levels, shape.widths[0], shape.blocks)


def bottleneck(shape: AutoencoderShape) -> Bottleneck:
    """The quantiser that a shape names. Raises: ModelError, it is unknown or its settings do not fit."""
    dims, levels = shape.dims, shape.levels
    if shape.mode not in ("corrected", "as_written"):
        raise ModelError(f"mode = {shape.mode!r} is unknown; known: corrected, as_written")
    if shape.mode == "as_written":
        if shape.quantizer != "fsq" or len(levels) != 1:
            raise ModelError('mode = "as_written" is for quantizer = "fsq" with one number of levels')
        return FSQAsWritten(dims, levels[0], shape.temperature)
    scalar: dict[str, type[FSQ]] = {"fsq": FSQ, "uniform-fsq": UniformFSQ}
    if shape.quantizer in scalar:
        if len(levels) not in (1, dims):
            raise ModelError(f"levels = {levels}: expected one number, or one for each of {dims} dimensions")
        return scalar[shape.quantizer](levels * dims if len(levels) == 1 else levels)
    residual: dict[str, type[ResidualFSQ]] = {"residual-fsq": ResidualFSQ, "scaled-residual-fsq": ScaledResidualFSQ}
    if shape.quantizer in residual:
        return residual[shape.quantizer](dims, levels, shape.dropout)
    if shape.quantizer == "residual-vq":
        return ResidualVQ(dims, levels, dropout=shape.dropout)
    one: dict[str, Callable[[int, int], Bottleneck]] = {
        "vq": VectorQuantizer, "soft-to-hard-vq": SoftToHardVQ, "adaptive-fsq": AdaptiveFSQ
    }  # fmt: skip
    if shape.quantizer in one:
        if len(levels) != 1:
            raise ModelError(f"levels = {levels}: quantizer = {shape.quantizer!r} takes one number")
        return one[shape.quantizer](dims, levels[0])
    if shape.quantizer == "lfq":
        return LFQ(dims)
    known = ", ".join((*scalar, *residual, *one, "residual-vq", "lfq"))
    raise ModelError(f"quantizer = {shape.quantizer!r} is unknown; known: {known}")
