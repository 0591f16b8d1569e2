"""Trained lossy models from a trainer's checkpoint and the configuration that it was trained with."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roundel.errors import ModelError
from roundel.training import quantizers, recipes
from roundel.training.lossy import Data

KINDS = ("lossy", "mean-scale-hyperprior", "scale-hyperprior")
"""Those with Gaussian latents."""


CONFIG = "config.toml"
"""In the folder of a training: the configuration."""


def keep_config(config_path: Path, out: Path) -> None:
    """Copy a configuration to the folder of its training."""
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG).write_bytes(config_path.read_bytes())


def load(checkpoint: Path, config_path: Path | None = None) -> tuple[nn.Module, str]:
    """The averaged model, in evaluation mode, and the quantiser that its training ended with.

    Args:
        checkpoint: checkpoint.pt of `roundel train`. config_path: None for the copy beside it.

    Raises:
        ModelError: a file is missing or damaged, the kind is not in `KINDS`, or the two do not belong together.
    """
    if config_path is None:
        if not checkpoint.exists():
            raise ModelError(f"{checkpoint}: no such checkpoint")
        config_path = checkpoint.parent / CONFIG
        if not config_path.exists():
            raise ModelError(f"{checkpoint}: no {CONFIG} beside it; give the file it was trained with by --config")
    config = recipes.read(config_path)
    kind = config.get("kind")
    if kind not in KINDS:
        raise ModelError(
            f"{config_path}: kind = {kind!r} has no Gaussian latents to look at; known: {', '.join(KINDS)}"
        )
    model = _build(kind, config.get("shape", {}))
    stages = recipes.record(Data, config.get("data", {}), "data").quantizers
    quantizers.check(stages)
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
    from roundel.lab.classic import Hyperprior, Size

    return Hyperprior(recipes.record(Size, shape, "shape"), means=kind == "mean-scale-hyperprior")
