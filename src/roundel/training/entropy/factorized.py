"""A learned density per channel, flexible enough for any unimodal or multimodal latent."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.entropy.densities import FLOOR


class Factorized(nn.Module):
    """Cumulative distributions that are small monotone networks, one for each channel.

    Args:
        channels: independent densities. widths: hidden sizes. spread: scale of the initial density.

    Source: Ballé et al. 2018, appendix 6.1.
    """

    def __init__(self, channels: int, widths: tuple[int, ...] = (3, 3, 3, 3), spread: float = 10.0) -> None:
        super().__init__()
        sizes = (1, *widths, 1)
        step = spread ** (1 / (len(widths) + 1))
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for inside, outside in pairwise(sizes):
            start = torch.log(torch.expm1(torch.tensor(1 / step / outside)))
            self.matrices.append(nn.Parameter(start.repeat(channels, outside, inside)))
            self.biases.append(nn.Parameter(torch.rand(channels, outside, 1) - 0.5))
            self.factors.append(nn.Parameter(torch.zeros(channels, outside, 1)))

    def logits(self, v: Tensor) -> Tensor:
        """logit of the cumulative at v, (C, 1, N) to the same."""
        last = len(self.matrices) - 1
        for k, (matrix, bias, factor) in enumerate(zip(self.matrices, self.biases, self.factors, strict=True)):
            v = F.softplus(matrix) @ v + bias
            v = v + torch.tanh(factor) * torch.tanh(v) if k < last else v
        return v

    def bits(self, v: Tensor, width: float = 1.0) -> Tensor:
        """−log2 of the mass on [v − width/2, v + width/2]; (B, C, H, W) to the same."""
        b, c, h, w = v.shape
        flat = v.float().transpose(0, 1).reshape(c, 1, -1)
        low, high = self.logits(flat - width / 2), self.logits(flat + width / 2)
        sign = -torch.sign(low + high).detach()  # differences of sigmoids are accurate on the left side only
        mass = (torch.sigmoid(sign * high) - torch.sigmoid(sign * low)).abs().clamp_min(FLOOR)
        return -torch.log2(mass).reshape(c, b, h, w).transpose(0, 1)
