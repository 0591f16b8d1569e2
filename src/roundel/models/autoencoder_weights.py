"""Files of discrete autoencoders: weights, the prior as integer tables, and the shape to build the net from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from roundel.coding import Tables
from roundel.errors import ModelError
from roundel.models.autoencoder import AutoencoderShape, DiscreteAutoencoder

TABLES = "tables."


def save(model: DiscreteAutoencoder, path: Path, notes: Mapping[str, str]) -> None:
    """Write a safetensors file. The tables are made here once: they are what codes are coded with from then on."""
    from safetensors.torch import save_file

    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    tables = {TABLES + k: torch.from_numpy(v.copy()) for k, v in model.prior.tables().to_arrays().items()}
    save_file({**tensors, **tables}, path, {**notes, "shape": json.dumps(asdict(model.shape))})


def load(path: Path) -> tuple[DiscreteAutoencoder, Tables]:
    """The model, in eval mode, and the tables of its prior.

    Raises:
        ModelError: the file cannot be read or is not of a discrete autoencoder.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        settings: dict[str, Any] = json.loads(notes["shape"])
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        model = DiscreteAutoencoder(AutoencoderShape(**settings))
        model.load_state_dict({k: v for k, v in tensors.items() if not k.startswith(TABLES)})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path}: not the weights of a discrete autoencoder ({reason}); see `roundel train`"
        ) from error
    arrays = {k.removeprefix(TABLES): v.numpy() for k, v in tensors.items() if k.startswith(TABLES)}
    return model.eval(), Tables.from_arrays(arrays)
