"""Trained lossy models from a trainer's checkpoint and the configuration that it was trained with."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roundel.errors import ModelError
from roundel.lab import recipes
from roundel.lab.lossy import Data

KINDS = ("lossy", "mean-scale-hyperprior", "scale-hyperprior")
"""Those with Gaussian latents."""


def load(checkpoint: Path, config_path: Path) -> tuple[nn.Module, str]:
    """The averaged model, in evaluation mode, and the quantiser that its training ended with.

    Raises:
        ModelError: a file is missing or damaged, the kind is not in `KINDS`, or the two do not belong together.
    """
    config = recipes.read(config_path)
    kind = config.get("kind")
    if kind not in KINDS:
        raise ModelError(
            f"{config_path}: kind = {kind!r} has no Gaussian latents to look at; known: {', '.join(KINDS)}"
        )
    model = _build(kind, config.get("shape", {}))
    stages = recipes.record(Data, config.get("data", {}), "data").quantizers
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state["average"])
    except OSError as error:
        raise ModelError(f"{checkpoint}: cannot read the checkpoint: {error.strerror}") from error
    except (KeyError, TypeError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{checkpoint}: not a checkpoint of the {kind} model that {config_path} describes; give the checkpoint.pt "
            "of `roundel train` and the configuration that it was trained with"
        ) from error
    return model.eval(), stages[-1][1]


def _build(kind: str, shape: dict[str, Any]) -> nn.Module:
    if kind == "lossy":
        from roundel.models.hyperprior import MeanScaleHyperprior, Shape

        return MeanScaleHyperprior(recipes.record(Shape, shape, "shape"))
    from roundel.models.classic import Hyperprior, Size

    return Hyperprior(recipes.record(Size, shape, "shape"), means=kind == "mean-scale-hyperprior")
