"""Trained models of the literature from a trainer's checkpoint and the configuration that it was trained with."""

from pathlib import Path

from torch import nn

from roundel.errors import ModelError
from roundel.lab.classic import Size
from roundel.lab.literature import MODELS, WATCHED
from roundel.training import quantizers
from roundel.training.configuration import KEPT, read, record
from roundel.training.lossy import Data
from roundel.training.trainer import averaged


def load(checkpoint: Path, config_path: Path | None = None) -> tuple[nn.Module, str]:
    """The averaged model, in evaluation mode, and the quantiser that its training ended with.

    Args:
        checkpoint: checkpoint.pt of `roundel train`. config_path: None for the copy beside it.

    Raises:
        ModelError: a file is missing or damaged, the kind is not in `WATCHED`, or the two do not belong together.
    """
    if not checkpoint.exists():
        raise ModelError(f"{checkpoint}: no such checkpoint")
    if config_path is None:
        config_path = checkpoint.parent / KEPT
        if not config_path.exists():
            raise ModelError(f"{checkpoint}: no {KEPT} beside it; give the file it was trained with by --config")
    config = read(config_path)
    kind = config.get("kind")
    if kind not in WATCHED:
        raise ModelError(
            f"{config_path}: kind = {kind!r} has no Gaussian latents known all at once; known: {', '.join(WATCHED)}"
        )
    model = MODELS[kind](record(Size, config.get("shape", {}), "shape"))
    stages = record(Data, config.get("data", {}), "data").quantizers
    quantizers.check(stages)
    try:
        model.load_state_dict(averaged(checkpoint, model))
    except ModelError as error:
        raise ModelError(
            f"{checkpoint}: not a checkpoint of the {kind} model that {config_path} describes; give the checkpoint.pt "
            "of `roundel train` and the configuration that it was trained with"
        ) from error
    return model.eval(), stages[-1][1]
