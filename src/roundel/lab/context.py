"""Context models: what a latent may know of the latents decoded before it, in raster or in checkerboard order."""

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 5
"""Side of the window around a latent."""
MARGIN = KERNEL // 2


class Step(NamedTuple):
    """Latents decoded at once: rows and columns, (P,) int64 each."""

    rows: Tensor
    columns: Tensor


class Order(Protocol):
    """Which latents come first, and so which of its window a latent knows."""

    def taps(self) -> Tensor:
        """(KERNEL, KERNEL): 1 where the window is known to a latent that sees anything."""
        ...

    def sighted(self, height: int, width: int) -> Tensor:
        """(height, width): 1 for latents that see their window, 0 for those that see nothing."""
        ...

    def steps(self, height: int, width: int) -> list[Step]:
        """All latents, in the order of decoding."""
        ...


class Raster:
    """Latent after latent, row after row; each sees the rows above and what is left of it.

    Source: Minnen et al. 2018, section 2; van den Oord et al. 2016 (the mask).
    """

    def taps(self) -> Tensor:
        """See `Order.taps`."""
        return (torch.arange(KERNEL * KERNEL) < KERNEL * KERNEL // 2).float().view(KERNEL, KERNEL)

    def sighted(self, height: int, width: int) -> Tensor:
        """See `Order.sighted`."""
        return torch.ones(height, width)

    def steps(self, height: int, width: int) -> list[Step]:
        """See `Order.steps`: height · width of them."""
        places = torch.arange(height * width)
        return [Step(at // width, at % width) for at in places.split(1)]


class Checkerboard:
    """Two steps: the anchors, of one colour of the board, see nothing; the others see all anchors around them.

    Source: He et al. 2021 ("Checkerboard context model for efficient learned image compression").
    """

    def taps(self) -> Tensor:
        """See `Order.taps`: the neighbours of the other colour."""
        return _colours(KERNEL, KERNEL)

    def sighted(self, height: int, width: int) -> Tensor:
        """See `Order.sighted`."""
        return _colours(height, width)

    def steps(self, height: int, width: int) -> list[Step]:
        """See `Order.steps`."""
        colours = _colours(height, width)
        return [Step(*torch.nonzero(colours == k, as_tuple=True)) for k in (0, 1)]


def _colours(height: int, width: int) -> Tensor:
    """0 where row + column is even, as at the window's middle, else 1."""
    return ((torch.arange(height)[:, None] + torch.arange(width)) % 2).float()


class Context(nn.Module):
    """A convolution over latents that sees only what its order has decoded.

    Args:
        channels: of latents. out: features for each latent.
    """

    taps: Tensor

    def __init__(self, channels: int, out: int, order: Order) -> None:
        super().__init__()
        self.order = order
        self.conv = nn.Conv2d(channels, out, KERNEL, padding=MARGIN)
        self.register_buffer("taps", order.taps(), persistent=False)

    def forward(self, y_hat: Tensor) -> Tensor:
        """Features (B, out, h, w) of all latents (B, C, h, w), each as if only its forerunners were known."""
        seen = F.conv2d(y_hat, self.conv.weight * self.taps, padding=MARGIN)
        sighted = self.order.sighted(*y_hat.shape[2:]).to(seen)
        return seen * sighted + self._bias()

    def at(self, padded: Tensor, step: Step) -> Tensor:
        """Features (B, out, P, 1) of the latents of a step.

        Args:
            padded: (B, C, h + 2·MARGIN, w + 2·MARGIN): what is decoded so far, 0 elsewhere.
        """
        windows = padded.unfold(2, KERNEL, 1).unfold(3, KERNEL, 1)[:, :, step.rows, step.columns]
        seen = torch.einsum("bcpij,ocij->bop", windows, self.conv.weight * self.taps)
        return seen[..., None] + self._bias()

    def _bias(self) -> Tensor:
        assert self.conv.bias is not None
        return self.conv.bias[:, None, None]
