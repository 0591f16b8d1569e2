"""Parameters that vary smoothly with the quality, so that one network serves all rates."""

import torch
from torch import Tensor, nn


class QualityTable(nn.Module):
    """A vector per quality, linear between `anchors` learned vectors (gain units: Cui et al. 2021).

    Args:
        channels: length of the vectors. anchors: knots, evenly spaced over the quality in [0, 1].
        initial: (anchors, channels) or anything that broadcasts to it.
    """

    def __init__(self, channels: int, anchors: int, initial: Tensor | float = 0.0) -> None:
        super().__init__()
        self.knots = nn.Parameter(torch.zeros(anchors, channels) + initial)

    def forward(self, t: Tensor) -> Tensor:
        """Qualities (B,) in [0, 1] to vectors (B, channels)."""
        last = len(self.knots) - 1
        place = t.clamp(0, 1) * last
        low = place.floor().clamp(max=last - 1).long()
        part = (place - low)[:, None]
        return self.knots[low] * (1 - part) + self.knots[low + 1] * part
