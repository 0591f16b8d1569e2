"""Levels that each picture chooses: a nested ladder, its rung sent in two bits."""

import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.quantizers.codes import Codes, check_codes, check_dims, check_input, straight_through

LADDER = (3, 5, 9, 17)
"""Each grid holds the one before: steps of 1, ½, ¼, ⅛."""
SIDE_BITS = 2.0
"""What a picture's rung costs; to be counted in every rate."""


class LadderFSQ(nn.Module):
    """FSQ with the same levels in all dimensions, chosen anew for each picture from `LADDER`.

    Args:
        dims: D.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.dims = check_dims(dims)

    def forward(self, z: Tensor, rung: Tensor) -> Codes:
        """Quantise z (B, D, ...) with levels LADDER[rung], rung (B,) int64 in 0 .. 3.

        Raises:
            ModelError: z or the rungs are not such.
        """
        centre = _centres(rung, z)
        bounded = torch.tanh(check_input(z, self))
        rounded = torch.floor(bounded.detach() * centre + 0.5)
        values = straight_through(rounded / centre, bounded)
        return Codes(values, (rounded + centre).long(), bounded * centre + centre, bounded.new_zeros(()))

    def values(self, codes: Tensor, rung: Tensor) -> Tensor:
        """Codes (B, D, ...) of pictures on these rungs (B,) to values in [−1, 1].

        Raises:
            ModelError: no such rungs, or codes out of range of their rung.
        """
        centre = _centres(rung, codes)
        if bool((check_codes(codes, (LADDER[-1],) * self.dims) > 2 * centre).any()):
            raise ModelError(f"codes up to {int(codes.max())} do not fit the levels of their rungs, {LADDER}")
        return (codes - centre).float() / centre


def choose(distortion: Tensor, bits: Tensor, lmbda: float) -> tuple[Tensor, Tensor]:
    """The rung with the least D + λR for each picture.

    Args:
        distortion, bits: (B, 4), of each picture on each rung. lmbda: distortion per bit.

    Returns:
        rung (B,) int64, and the bits on it with those of the rung itself, (B,).
    """
    rung = (distortion + lmbda * bits).argmin(1)
    return rung, bits.gather(1, rung[:, None])[:, 0] + SIDE_BITS


def rung_of_complexity(x: Tensor, thresholds: Tensor) -> Tensor:
    """The paper's "input complexity" instead: how many of three ascending thresholds the mean |gradient| reaches.

    Args:
        x: pictures (B, C, H, W). thresholds: (3,), for instance quartiles of `complexity` over training pictures.
    """
    return torch.bucketize(complexity(x), thresholds, right=True)


def complexity(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (B,), of pictures (B, C, H, W) with sides ≥ 2."""
    across, down = (x[..., 1:] - x[..., :-1]).abs(), (x[..., 1:, :] - x[..., :-1, :]).abs()
    return (across.flatten(1).mean(1) + down.flatten(1).mean(1)) / 2


def _centres(rung: Tensor, like: Tensor) -> Tensor:
    """⌊L/2⌋ of each picture, (B, 1, ...). Raises: ModelError, the rungs are not (B,) integers in 0 .. 3."""
    if rung.shape != like.shape[:1] or rung.is_floating_point() or bool(((rung < 0) | (rung >= len(LADDER))).any()):
        raise ModelError(
            f"rungs {rung.tolist()}: expected an integer in 0 .. {len(LADDER) - 1} for each of {len(like)}"
        )
    halves = torch.tensor(LADDER, device=rung.device) // 2
    return halves[rung].view(-1, *[1] * (like.ndim - 1))
