"""Generative compression: a hyperprior whose synthesis also has to convince a critic, at a rate that is held.

Source: Mentzer et al. 2020 ("High-fidelity generative image compression"): the conditional critic, the rate constraint,
the losses and their weights. Smaller: transforms are those of the hyperprior, and one optimiser moves both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.frechet import Network, load_network
from roundel.lab.spectral import bound
from roundel.training.entropy.scales import RateDistortion
from roundel.training.lossy import LossyTask
from roundel.training.perceptual import ssimulacra2
from roundel.training.quantizers import Quantizer, at

STRIDE = 16
"""Pixels of a latent."""
CONDITION = 12
"""Channels of latents that the critic sees."""


@dataclass(frozen=True)
class Objective:
    """`[objective]` of a configuration; the weights of the loss of analysis and synthesis."""

    target_bpp: float = 0.2
    rate_above: float = 4.0
    """Of bits a pixel in pictures above the target."""
    rate_below: float = 0.0625
    """Below it."""
    mse: float = 0.075 / 32
    """Of the mean squared error in [0, 255]."""
    perceptual: float = 1.0
    adversarial: float = 0.15
    starts: float = 0.5
    """Part of training after which the critic counts; it learns from there on."""
    network: str = ""
    """A feature network of one's own, a TorchScript file or module:attribute, whose squared distances are the
    perceptual loss; none for a hundredth of SSIMULACRA2's distance, which needs crops of at least 249 px."""


class Critic(nn.Module):
    """Logits that patches of a picture are real, given its latents; convolutions of bounded spectral norm."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        widths = (3 + CONDITION, size.n, 2 * size.n, 4 * size.n, 4 * size.n)
        self.condition = nn.Sequential(nn.Conv2d(size.m, CONDITION, 3, 1, 1), nn.LeakyReLU(0.2))
        layers: list[nn.Module] = []
        for c_in, c_out, stride in zip(widths, widths[1:], (2, 2, 2, 1), strict=False):
            layers += [nn.Conv2d(c_in, c_out, 4 if stride == 2 else 3, stride, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))
        bound(self)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits (B, 1, H/8, W/8) of pictures (B, 3, H, W) in [0, 1] with latents (B, m, H/16, W/16)."""
        seen = F.interpolate(self.condition(y), scale_factor=STRIDE, mode="nearest")
        logits: Tensor = self.layers(torch.cat([2 * x - 1, seen], 1))
        return logits


class Hific(nn.Module):
    """A mean-scale hyperprior and its critic; files need the first alone."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.codec, self.critic = Hyperprior(size, means=True), Critic(size)

    def forward(self, x: Tensor, t: Tensor, quantizer: Quantizer) -> RateDistortion:
        """See `classic.Model.forward`."""
        rd: RateDistortion = self.codec(x, t, quantizer)
        return rd


@dataclass
class HificTask(LossyTask):
    """Codec and critic learn in the same step, each from its own loss. In one process."""

    objective: Objective = field(default_factory=Objective)
    features: Network | None = field(init=False)

    def __post_init__(self) -> None:
        self.features = load_network(self.objective.network)[0] if self.objective.network else None

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `Task.loss`. Raises: ModelError: the model has no critic."""
        if not isinstance(model, Hific):
            raise ModelError(f"{type(model).__name__} has no critic; hific trains in one process")
        o, codec, critic = self.objective, model.codec, model.critic
        y_hat, y_bits, z_bits = codec.price(codec.analysis(x).float(), at(self.quantizers, progress))
        x_hat = codec.synthesis(y_hat).float()
        bpp = (y_bits.sum((1, 2, 3)) + z_bits.sum((1, 2, 3))) / (x.shape[2] * x.shape[3])
        mse = (x - x_hat).square().mean((1, 2, 3)) * 255**2
        rate = bpp * torch.where(bpp > o.target_bpp, o.rate_above, o.rate_below)
        seen = {"bpp": bpp, "psnr_db": -10 * torch.log10(mse / 255**2), "perceptual": self._apart(x, x_hat)}
        loss = (rate + o.mse * mse + o.perceptual * seen["perceptual"]).mean()
        if progress >= o.starts:
            known = y_hat.detach()
            with _still(critic):
                convinced = F.softplus(-critic(x_hat, known)).mean()
            seen["critic"] = F.softplus(-critic(x, known)).mean() + F.softplus(critic(x_hat.detach(), known)).mean()
            loss = loss + o.adversarial * convinced + seen["critic"]
        return loss, {name: value.mean().item() for name, value in {"loss": loss, **seen}.items()}

    def _apart(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Perceptual distance of each picture (B,)."""
        if self.features is None:
            return ssimulacra2(x, x_hat.clamp(0, 1)) / 100
        return (self.features(x) - self.features(x_hat)).square().flatten(1).mean(1)


@contextmanager
def _still(critic: nn.Module) -> Iterator[None]:
    """Within, losses have gradients through the critic and none for it."""
    for parameter in critic.parameters():
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in critic.parameters():
            parameter.requires_grad_(True)
