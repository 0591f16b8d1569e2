"""Fréchet distance between two sets of pictures, by a feature network that the user supplies.

It is the FID only with the Inception weights that define that; so here it always carries the network's name.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.errors import ModelError

Network = Callable[[Tensor], Tensor]
"""Pictures (B, 3, H, W) in [0, 1] to features (B, F)."""


class Moments(NamedTuple):
    """Mean (F,) and covariance (F, F) of features, float64."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def load_network(spec: str) -> tuple[Network, str]:
    """A feature network and its name.

    Args:
        spec: a TorchScript file, or `module:attribute` of something callable. It takes pictures (B, 3, H, W) in [0, 1]
            and returns features (B, F); what it expects of size and range is its own affair.

    Raises:
        ModelError: there is no such file or attribute, or it cannot be loaded.
    """
    path = Path(spec)
    if path.is_file():
        try:
            network = torch.jit.load(path, map_location="cpu").eval()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: not a TorchScript file: {str(error).splitlines()[0]}") from error
        return network, path.stem
    module, colon, attribute = spec.partition(":")
    if not colon:
        raise ModelError(f"{spec}: neither a TorchScript file nor module:attribute")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelError(f"{spec}: cannot import the feature network: {error}") from error
    network = found() if isinstance(found, type) else found
    if not callable(network):
        raise ModelError(f"{spec}: a {type(network).__name__} is no feature network: it cannot be called")
    return network, attribute


@torch.no_grad()
def moments(network: Network, batches: Iterable[Tensor]) -> Moments:
    """Statistics of the features of pictures, in batches (B, 3, H, W) in [0, 1].

    Raises:
        ModelError: the network does not give vectors, or there are fewer than two pictures.
    """
    parts = []
    for x in batches:
        features = network(x)
        if features.ndim != 2 or len(features) != len(x):
            raise ModelError(f"the feature network gives {tuple(features.shape)} for {len(x)} pictures, not (B, F)")
        parts.append(features.double().cpu().numpy())
    rows = np.concatenate(parts) if parts else np.empty((0, 1))
    if len(rows) < 2:
        raise ModelError(f"{len(rows)} pictures have no covariance; give two or more")
    return Moments(rows.mean(0), np.atleast_2d(np.cov(rows, rowvar=False)))


def distance(first: Moments, second: Moments) -> float:
    """‖m₁ − m₂‖² + tr(C₁ + C₂ − 2·(C₁C₂)^½), 0 for equal moments.

    Source: Dowson & Landau 1982; Heusel et al. 2017 with features of Inception.
    """
    values, vectors = np.linalg.eigh(first.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second.covariance @ root), 0)).sum()
    spread = np.trace(first.covariance) + np.trace(second.covariance) - 2 * cross
    return float(((first.mean - second.mean) ** 2).sum() + max(spread, 0.0))
