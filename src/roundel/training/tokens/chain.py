"""Which integers come before a code of the same token: nets that guess each dimension of it from those before."""

import torch
from torch import Tensor

from roundel.training.tokens.coset import Guesses


class ChainNet(Guesses):
    """A `Guess` for every dimension, one after the other; each token by itself.

    Args:
        levels: (D,) of the codes. width: of the hidden layers.
    """

    def __init__(self, levels: tuple[int, ...], width: int) -> None:
        super().__init__(levels, range(1, len(levels) + 1), width)

    def guess(self, codes: Tensor, channel: int) -> Tensor:
        """Mean less centre and log-scale (B, 2, h, w) of one dimension of codes (B, C ≥ channel, h, w) as float32."""
        before = codes[:, :channel] - self.centre[:channel]
        # A layer has at least one input: the own code, which nobody knows.
        return self.guesses[channel](torch.cat([before, torch.zeros_like(codes[:, :1])], 1))

    def forward(self, codes: Tensor) -> Tensor:
        """Parameters of all codes (B, D) or (B, D, h, w), each given those before it: (B, D, 2) or (B, D, 2, h, w)."""
        grid = codes.view(*codes.shape[:2], -1, 1)
        out = torch.stack([self.guess(grid, channel).float() for channel in range(len(self.levels))], 1)
        return out.view(*codes.shape[:2], 2, *codes.shape[2:])
