"""Lookup-free quantisation: the signs, and an entropy loss that keeps them sure and diverse."""

import torch
import torch.nn.functional as F
from torch import Tensor

from roundel.training.quantizers.codes import Bottleneck, Codes, check_codes, check_dims, check_input, straight_through


class LFQ(Bottleneck):
    """Values ±1, one bit per dimension and code channel.

    Args:
        dims: D ≥ 1. entropy_weight: of mean entropy less γ·entropy of the mean. diversity: γ.
        commitment: weight of the mean squared ‖z − sg[v]‖². temperature: of the soft assignment.

    Source: Yu et al. 2023 (MAGVIT-v2), section 3.1. The entropy of the mean is summed over dimensions as if they were
    independent, which bounds the joint one from above; 2^D terms are out of reach for large D.
    """

    def __init__(
        self,
        dims: int,
        *,
        entropy_weight: float = 0.1,
        diversity: float = 1.0,
        commitment: float = 0.25,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.dims, self.levels = check_dims(dims), (2,) * dims
        self.entropy_weight, self.diversity = entropy_weight, diversity
        self.commitment, self.temperature = commitment, temperature

    def forward(self, z: Tensor) -> Codes:
        """The signs of z (B, D, ...); 0 counts as positive."""
        z = check_input(z, self)
        codes = (z >= 0).long()
        hard = self.values(codes)
        # softmax over ±1 of −(z ∓ 1)²/T is a sigmoid of 4z/T.
        up = torch.sigmoid(4 * z / self.temperature).transpose(0, 1).flatten(1)
        entropy = binary_entropy(up).mean() - self.diversity * binary_entropy(up.mean(1)).mean()
        loss = self.commitment * F.mse_loss(z, hard) + self.entropy_weight * entropy
        return Codes(straight_through(hard, z), codes, (z + 1) / 2, loss)

    def values(self, codes: Tensor) -> Tensor:
        """Codes 0 and 1 (B, D, ...) to −1 and 1. Raises: ModelError, codes out of range."""
        return check_codes(codes, self.levels).float() * 2 - 1

    def codes(self, values: Tensor) -> Tensor:
        """The signs of values (B, D, ...) as codes int64."""
        return (check_input(values, self) >= 0).long()


def binary_entropy(p: Tensor) -> Tensor:
    """Entropy in nats of coins that show heads with probability p; same shape."""
    p = p.clamp(1e-6, 1 - 1e-6)
    return -p * torch.log(p) - (1 - p) * torch.log1p(-p)
