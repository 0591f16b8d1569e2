"""Flow++'s coupling: half of the channels goes through the distribution function of a mixture of logistics.

The net that sees the other half has gated convolutions and attention over all places. Source: Ho et al. 2019, section
3.2 and appendix A. As elsewhere in the lab a mixture's net starts at zero, so that the coupling starts close to the
identity; nothing here is learned for each place, so that any size of picture works.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_LOG_SCALE = -7.0
SPREAD = 0.5
"""Means of an untrained mixture lie between −SPREAD and SPREAD: equal ones would have equal gradients for ever."""
BISECTIONS = 48


class GatedConvolution(nn.Module):
    """Adds what two convolutions see, as much as a gate lets through. (B, C, H, W) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.gate = nn.Conv2d(width, 2 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x + F.glu(self.gate(F.elu(self.inner(F.elu(x)))), 1)


class GatedAttention(nn.Module):
    """Adds what attention over all places sees, as much as a gate lets through. (B, C, H, W) to the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.asked = nn.Conv2d(width, 3 * width, 1)
        self.gate = nn.Conv2d(width, 2 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        batch, width, height, columns = x.shape
        split = self.asked(x).view(batch, 3, self.heads, width // self.heads, height * columns).mT
        query, key, value = split.unbind(1)
        seen = F.scaled_dot_product_attention(query, key, value)
        return x + F.glu(self.gate(seen.mT.reshape(batch, width, height, columns)), 1)


class ChannelNorm(nn.Module):
    """Normalises the channels at each place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GatedNet(nn.Module):
    """Gated convolutions and attention; the last layer starts at zero.

    Args:
        depth: pairs of the two.
    """

    def __init__(self, c_in: int, c_out: int, depth: int, width: int, heads: int = 2) -> None:
        super().__init__()
        self.enter = nn.Conv2d(c_in, width, 3, padding=1)
        blocks: list[nn.Module] = []
        for _ in range(depth):
            blocks += [GatedConvolution(width), ChannelNorm(width), GatedAttention(width, heads), ChannelNorm(width)]
        self.blocks = nn.Sequential(*blocks)
        self.leave = nn.Conv2d(width, c_out, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H, W)."""
        return self.leave(F.elu(self.blocks(self.enter(x)))).float()


class Mixture:
    """Mixtures of K logistics, one for each value of (B, C, H, W).

    Args:
        weights: logarithms, summing to one over K. means: (B, K, C, H, W), as are weights and log_scales.
    """

    def __init__(self, weights: Tensor, means: Tensor, log_scales: Tensor) -> None:
        self.weights, self.means, self.log_scales = weights, means, log_scales

    def logit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logit of the distribution function at x (B, C, H, W), and the logarithm of its derivative."""
        v = (x[:, None] - self.means) * torch.exp(-self.log_scales)
        below, above = F.logsigmoid(v), F.logsigmoid(-v)
        log_below, log_above = (torch.logsumexp(self.weights + side, 1) for side in (below, above))
        log_density = torch.logsumexp(self.weights + below + above - self.log_scales, 1)
        return log_below - log_above, log_density - log_below - log_above

    def inverse(self, y: Tensor) -> Tensor:
        """x of which `logit` is y: between where the first and the last component have it, by halving."""
        ends = self.means + torch.exp(self.log_scales) * y[:, None]
        low, high = ends.amin(1), ends.amax(1)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            beyond = self.logit(middle)[0] > y
            low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
        return (low + high) / 2


class MixtureCoupling(nn.Module):
    """One half of the channels chooses, for each value of the other, a mixture of logistics, a scale and a shift.

    Args:
        context: channels that the net sees besides.
        centre, unit: of the values that come and go; pixels in [0, 1) have 1/2 and about 1/4.
    """

    def __init__(
        self, channels: int, depth: int, width: int, mixtures: int, *,
        context: int = 0, centre: float = 0.5, unit: float = 0.25,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kept, self.mixtures, self.centre, self.unit = channels // 2, mixtures, centre, unit
        self.net = GatedNet(self.kept + context, (channels - self.kept) * (3 * mixtures + 2), depth, width)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Bijection`."""
        kept, moved = self._halves(x)
        mixture, log_scale, shift = self._choose(kept, context)
        y, log_slope = mixture.logit(moved)
        y = y * torch.exp(log_scale) + shift
        return self._whole(x, y), (log_slope + log_scale).flatten(1).sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """See `Bijection`."""
        kept, y = self._halves(z)
        mixture, log_scale, shift = self._choose(kept, context)
        return self._whole(z, mixture.inverse((y - shift) * torch.exp(-log_scale)))

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both in units."""
        u = (x - self.centre) / self.unit
        return u[:, : self.kept], u[:, self.kept :]

    def _whole(self, x: Tensor, moved: Tensor) -> Tensor:
        return torch.cat([x[:, : self.kept], moved * self.unit + self.centre], 1)

    def _choose(self, kept: Tensor, context: Tensor | None) -> tuple[Mixture, Tensor, Tensor]:
        found = self.net(kept if context is None else torch.cat([kept, context], 1))
        found = found.unflatten(1, (3 * self.mixtures + 2, -1))
        weights, means, log_scales = found[:, : 3 * self.mixtures].chunk(3, 1)
        log_scale, shift = found[:, -2], found[:, -1]
        means = means + torch.linspace(-SPREAD, SPREAD, self.mixtures, device=kept.device)[:, None, None, None]
        mixture = Mixture(torch.log_softmax(weights, 1), means, log_scales.clamp_min(LEAST_LOG_SCALE))
        return mixture, 2 * torch.tanh(log_scale / 2), shift
