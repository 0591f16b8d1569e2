"""Convolutions whose spectral norm is bounded, and gains that give latents back their size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize


class SpectralBound(nn.Module):
    """A kernel divided by max(1, σ/limit), σ being the norm of its matrix (outputs × everything else).

    One power iteration each time that training uses the kernel.

    Source: Miyato et al. 2018, whose hard σ = 1 is here an upper bound.
    """

    u: Tensor

    def __init__(self, kernel: Tensor, limit: float, *, transposed: bool) -> None:
        super().__init__()
        self.limit, self.transposed = limit, transposed
        matrix = self._matrix(kernel.detach())
        # A few iterations now, so that a model that never trains is bounded, too.
        self.register_buffer("u", F.normalize(matrix.sum(1) + 1e-6, dim=0))
        for _ in range(8):
            self.u = self._iterate(matrix)[0]

    def _matrix(self, kernel: Tensor) -> Tensor:
        return (kernel.transpose(0, 1) if self.transposed else kernel).flatten(1)

    def _iterate(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        v = F.normalize(matrix.T @ self.u, dim=0)
        return F.normalize(matrix @ v, dim=0), v

    def forward(self, kernel: Tensor) -> Tensor:
        with torch.autocast(kernel.device.type, enabled=False):
            matrix = self._matrix(kernel)
            with torch.no_grad():
                u, v = self._iterate(matrix)
                if self.training:
                    self.u.copy_(u)
            norm = torch.dot(u, matrix @ v)
            return kernel / (norm / self.limit).clamp_min(1)


def bound(net: nn.Module, limit: float = 1.0) -> None:
    """Bound every convolution of a net from now on."""
    for layer in list(net.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            transposed = isinstance(layer, nn.ConvTranspose2d)
            parametrize.register_parametrization(
                layer, "weight", SpectralBound(layer.weight, limit, transposed=transposed)
            )


class ChannelGain(nn.Module):
    """A learned positive factor for each channel of (B, C, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.exp(self.log_gain)
