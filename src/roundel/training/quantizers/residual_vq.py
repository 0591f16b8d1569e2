"""Vector quantisation in stages: each codebook describes what the ones before left over."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from roundel.training.quantizers.codes import (
    Bottleneck,
    Codes,
    check_codes,
    check_input,
    check_levels,
    straight_through,
)
from roundel.training.quantizers.vq import VectorQuantizer


class ResidualVQ(Bottleneck):
    """The sum of one vector from each codebook. One code channel per stage; any number of first stages decodes.

    Sums do not say which vectors they are of, so there is no way from values back to codes.

    Args:
        dims: D. sizes: K_n of each stage. decay, commitment: see `VectorQuantizer`.
        dropout: probability, in training, that an example gets the values of a random number of stages.

    Source: Zeghidour et al. 2021 (SoundStream), section III-C.
    """

    def __init__(
        self, dims: int, sizes: Sequence[int], *, decay: float = 0.99, commitment: float = 0.25, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dims, self.levels, self.dropout = dims, check_levels(sizes), dropout
        self.stages = nn.ModuleList(VectorQuantizer(dims, k, decay=decay, commitment=commitment) for k in sizes)

    def forward(self, z: Tensor) -> Codes:
        """Quantise z (B, D, ...), codes (B, stages, ...)."""
        z = check_input(z, self)
        total, loss, codes, partial = torch.zeros_like(z), z.new_zeros(()), [], []
        for stage in self.stages:
            found = stage(z - total)
            total = total + found.values.detach()
            loss = loss + found.loss
            codes.append(found.codes)
            partial.append(total)
        hard = total
        if self.training and self.dropout:
            kept = torch.randint(len(partial), (len(z),), device=z.device)
            kept = torch.where(torch.rand(len(z), device=z.device) < self.dropout, kept, len(partial) - 1)
            hard = torch.stack(partial)[kept, torch.arange(len(z), device=z.device)]
        joint = torch.cat(codes, 1)
        return Codes(straight_through(hard, z), joint, joint.float(), loss)

    def values(self, codes: Tensor) -> Tensor:
        """Codes of all or of the first few stages, (B, n, ...), to sums of vectors (B, D, ...)."""
        codes = check_codes(codes, self.levels[: max(1, codes.shape[1])])
        total = torch.zeros(())
        for stage, code in zip(self.stages, codes.split(1, 1), strict=False):
            total = total.to(codes.device) + stage.values(code)  # type: ignore[operator]
        return total
