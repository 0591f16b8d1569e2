"""Parameters that vary smoothly with the quality, for each tuning."""

import torch
from torch import Tensor, nn


class TunedTable(nn.Module):
    """A vector per quality and tuning, linear between learned vectors that stand evenly over the quality.

    Args:
        channels: length of the vectors. anchors: learned vectors of a tuning. tunings: how many.
        initial: (tunings, anchors, channels), or anything that broadcasts to it.
    """

    def __init__(self, channels: int, anchors: int, tunings: int, initial: Tensor | float = 0.0) -> None:
        super().__init__()
        self.knots = nn.Parameter(torch.zeros(tunings, anchors, channels) + initial)

    def forward(self, t: Tensor, tuning: Tensor) -> Tensor:
        """Qualities (B,) in [0, 1] and tunings (B,) int64 to vectors (B, channels)."""
        last = self.knots.shape[1] - 1
        place = t.clamp(0, 1) * last
        low = place.floor().clamp(max=last - 1).long()
        part = (place - low)[:, None]
        return self.knots[tuning, low] * (1 - part) + self.knots[tuning, low + 1] * part
