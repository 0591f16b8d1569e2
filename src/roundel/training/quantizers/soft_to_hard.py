"""Soft-to-hard quantisation: a softmax over centres by distance, hardened during training.

Source: Agustsson et al. 2017 ("Soft-to-hard vector quantization"); Mentzer et al. 2018 take hard values forward and the
softmax for gradients alone. Soft values are a continuous function of latents, and nothing stops an encoder from hiding
in them what no symbol carries: on the toy sources a net that learns from scratch does just that, until they harden.
"""

import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.quantizers.codes import (
    Bottleneck,
    Codes,
    check_codes,
    check_dims,
    check_finite,
    check_input,
    straight_through,
)
from roundel.training.quantizers.protocol import Bits, Tested, Trained
from roundel.training.quantizers.rounding import centred
from roundel.training.quantizers.vq import nearest

NEIGHBOURS = 4
"""Integers on each side that a soft value is a mean of: those further away weigh under e⁻¹⁶ at hardness 1."""


class SoftToHardVQ(Bottleneck):
    """The nearest of `size` vectors that are learned by gradients, through soft assignments. One code channel.

    Args:
        dims: D. size: K ≥ 2. hardness: σ of softmax(−σ‖z − c‖²) where none is given by `soften`.
    """

    def __init__(self, dims: int, size: int, *, hardness: float = 1.0) -> None:
        super().__init__()
        if size < 2:
            raise ModelError(f"a codebook of {size} vectors codes nothing; expected 2 or more")
        self.dims, self.levels, self.hardness = check_dims(dims), (size,), hardness
        self.codebook = nn.Parameter(torch.randn(size, dims, dtype=torch.float32))

    def forward(self, z: Tensor) -> Codes:
        """The nearest vectors of z (B, D, ...), codes (B, 1, ...); gradients are those of soft assignments."""
        soft = self.soften(z, 1 / self.hardness)
        return soft._replace(values=straight_through(self.values(soft.codes), soft.values))

    def soften(self, z: Tensor, temperature: float) -> Codes:
        """For training only: means of all vectors, weighted at a temperature 1/σ > 0; the codes are the hard ones.

        Raises:
            ModelError: the temperature is 0 or less.
        """
        if temperature <= 0:
            raise ModelError(f"a temperature of {temperature}: soft assignments need one above 0; forward is hard")
        z = check_input(z, self)
        flat = z.movedim(1, -1).reshape(-1, self.dims)
        check_finite(flat.square().sum(1), self)  # or distances would overflow
        codes = self.codes(z)
        # ‖z‖² is the same for all vectors.
        with torch.autocast(z.device.type, enabled=False):
            squares = torch.addmm(self.codebook.square().sum(1), flat, -2 * self.codebook.T)
            soft = torch.softmax(-squares / temperature, 1) @ self.codebook
        values = soft.view(len(z), *z.shape[2:], self.dims).movedim(-1, 1)
        return Codes(values, codes, codes.float(), z.new_zeros(()))

    def values(self, codes: Tensor) -> Tensor:
        """Codes (B, 1, ...) to vectors (B, D, ...). Raises: ModelError, codes out of range."""
        return self.codebook[check_codes(codes, self.levels)[:, 0]].movedim(-1, 1)

    def codes(self, values: Tensor) -> Tensor:
        """The codes (B, 1, ...) of the vectors nearest to values (B, D, ...)."""
        flat = check_input(values, self).detach().movedim(1, -1).reshape(-1, self.dims)
        return nearest(flat, self.codebook.detach()).view(len(values), 1, *values.shape[2:])


class SoftValues:
    """The same for latents: the centres are the integers around the means, for decoder and rate alike.

    Args:
        hardness: σ > 0. For uniform fractional parts the mean distance to rounding is (ln 2 − ln(1 + e^−σ))/σ once
            only the two nearest integers weigh.
    """

    def __init__(self, hardness: float) -> None:
        if not hardness > 0:
            raise ModelError(f"soft-to-hard: the hardness is {hardness:g}; it must be above 0")
        self.hardness = hardness

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        residual = y - loc
        around = torch.arange(-NEIGHBOURS, NEIGHBOURS + 1, device=y.device)
        centres = torch.floor(residual.detach() + 0.5)[..., None] + around
        weights = torch.softmax(-self.hardness * (residual[..., None] - centres).square(), -1)
        y_hat = (weights * centres).sum(-1) + loc
        return Trained(y_hat, y_hat)

    def test(self, y: Tensor, loc: Tensor, bits: Bits) -> Tested:
        """See `Quantizer.test`."""
        return centred(y, loc)


class SoftGradients(SoftValues):
    """Rounding forward, gradients of the soft values: Mentzer et al. 2018."""

    def train(self, y: Tensor, loc: Tensor, bits: Bits) -> Trained:
        """See `Quantizer.train`."""
        soft = super().train(y, loc, bits).for_decoder
        y_hat = soft + (centred(y, loc).y_hat - soft).detach()
        return Trained(y_hat, y_hat)


class SoftToHard:
    """Soft gradients whose hardness grows geometrically from 1, where they are nearly straight through, to `last`."""

    def __init__(self, last: float = 8.0) -> None:
        if not last > 0:
            raise ModelError(f"soft-to-hard: the last hardness is {last:g}; it must be above 0")
        self.last = last

    def at(self, progress: float) -> SoftValues:
        """See `Annealed.at`."""
        return SoftGradients(self.last**progress)


class SoftToHardValues(SoftToHard):
    """Soft values, hardened in the same way: Agustsson et al. 2017, whose networks had learned without before."""

    def __init__(self, last: float = 30.0) -> None:
        super().__init__(last)

    def at(self, progress: float) -> SoftValues:
        """See `Annealed.at`."""
        return SoftValues(self.last**progress)
