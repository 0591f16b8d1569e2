"""The lossy models of the literature by the names that configurations use."""

from collections.abc import Callable, Mapping

from roundel.lab import context_prior
from roundel.lab.classic import FactorizedPrior, Hyperprior, Model, Size, SteppedPrior

MODELS: Mapping[str, Callable[[Size], Model]] = {
    "factorized-prior": FactorizedPrior,
    "learned-steps": SteppedPrior,
    "scale-hyperprior": lambda size: Hyperprior(size, means=False),
    "mean-scale-hyperprior": lambda size: Hyperprior(size, means=True),
    "joint-raster": context_prior.joint_raster,
    "joint-checkerboard": context_prior.joint_checkerboard,
    "mixture-raster": context_prior.mixture_raster,
    "attention-raster": context_prior.attention_raster,
    "attention-checkerboard": context_prior.attention_checkerboard,
}
"""Each takes its `[shape]`."""

WATCHED = ("scale-hyperprior", "mean-scale-hyperprior")
"""Those whose latents are Gaussians known all at once, so that the gaps can be measured while they train."""
