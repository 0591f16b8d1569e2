"""The stored form of the lossy model: half-precision transforms, and integers for all that decides a probability."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from roundel.coding import Tables
from roundel.entropy.gaussian import gaussian_tables
from roundel.entropy.logistic import logistic_tables
from roundel.errors import ModelError
from roundel.exact import ExactConv2d
from roundel.exact.selftest import check, selftest
from roundel.models.hyperprior import SCALE_MIN, SCALE_STEP, SCALES, MeanScaleHyperprior, Shape

QUALITIES = 101
HOME = "roundel.models.lossy:LossyModel"
Z_SCALES = np.geomspace(0.1, 60.0, 48)
"""Logistic scales of the hyper-latents' tables."""
_INTEGER_PARTS = ("scale_net.", "contexts.", "z_loc.", "z_log_scale.")
"""Parameters that are stored as integers only."""


@dataclass(frozen=True)
class Integers:
    """Everything besides the scale net that the decoder's probabilities depend on."""

    index_offset: np.ndarray
    """(101, M) int32: what a quality adds to the scale indices."""
    scale_shift: np.ndarray
    """(101, W) int32: what a quality adds to the scale net's first activations."""
    z_loc: np.ndarray
    """(101, Z) int32: centres of the hyper-latents."""
    z_index: np.ndarray
    """(101, Z) int32: their tables."""
    y_tables: Tables
    """63 tables, of scale indices 1 … 63; latents of index 0 are zero and not coded."""
    z_tables: Tables


def integers(model: MeanScaleHyperprior) -> Integers:
    """The integers of a trained model."""
    t = torch.linspace(0, 1, QUALITIES)
    with torch.no_grad():
        index_offset = torch.floor(model.gain_offset(t) + 0.5)
        scale_shift = model.scale_net.offsets(t)
        z_loc = torch.floor(model.z_loc(t) + 0.5)
        z_scale = torch.exp(model.z_log_scale(t)).double().numpy()
    nearest = np.abs(np.log(z_scale)[..., None] - np.log(Z_SCALES)).argmin(-1)
    return Integers(
        index_offset.int().numpy(), scale_shift.int().numpy(), z_loc.int().numpy(), nearest.astype(np.int32),
        gaussian_tables(SCALE_MIN * np.exp(SCALE_STEP * np.arange(1, SCALES))),
        logistic_tables(Z_SCALES, np.ones(len(Z_SCALES), int)),
    )  # fmt: skip


def exact_layers(model: MeanScaleHyperprior) -> dict[str, ExactConv2d]:
    """All layers that decide probabilities, by the names that the file gives them."""
    return model.scale_net.layers() | model.contexts.layers()


def save(path: Path, model: MeanScaleHyperprior, stored: Integers, notes: Mapping[str, str]) -> None:
    """Write a weights file; the same inputs give the same bytes.

    Args:
        notes: free text for the file's metadata, such as the commit.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if not name.startswith(_INTEGER_PARTS):
            tensors[name] = value.detach().half().contiguous()
    model.cpu().requires_grad_(False)
    for name, layer in exact_layers(model).items():
        for part, value in zip(("weight", "bias", "shift"), layer.integers(), strict=True):
            tensors[f"exact.{name}.{part}"] = value.contiguous()
        layer.freeze()
    for name, array in vars(stored).items():
        if isinstance(array, Tables):
            tensors |= {f"{name}.{key}": torch.from_numpy(np.array(part)) for key, part in array.to_arrays().items()}
        else:
            tensors[name] = torch.from_numpy(np.array(array))
    proof = selftest(exact_layers(model))
    metadata = {"home": HOME, "shape": json.dumps(asdict(model.shape)), "selftest": proof, **notes}
    save_file(tensors, path, metadata)


def trainable(path: Path, model: MeanScaleHyperprior) -> dict[str, Tensor]:
    """Parameters to train on from, out of a weights file: real numbers that round to its integers.

    Args:
        model: of the shape that the file has; without contexts, it goes without the file's.

    Raises:
        ModelError: the file is of another shape or damaged.
    """
    published, stored = load(path, "cpu")
    bare = not model.shape.context_width
    if (replace(published.shape, context_width=0) if bare else published.shape) != model.shape:
        raise ModelError(f"{path}: has the shape {published.shape}, the configuration {model.shape}")
    state = published.state_dict()
    state = {k: v for k, v in state.items() if not k.endswith(("int_weight", "int_bias", "factor"))}
    with safe_open(path, "pt") as file:
        for name, layer in exact_layers(published).items():
            weight, bias, shift = (file.get_tensor(f"exact.{name}.{p}").double() for p in ("weight", "bias", "shift"))
            scale = torch.exp2(-shift)
            prefix = f"contexts.{name.removeprefix('context.')}" if name.startswith("context.") else f"scale_net.{name}"
            state[f"{prefix}.weight"] = (weight * scale[:, None, None, None] / layer.gain).float()
            state[f"{prefix}.bias"] = (bias * scale / layer.unit).float()
    knots = np.linspace(0, QUALITIES - 1, model.shape.anchors).round().astype(int)
    if bare:
        state = {k: v for k, v in state.items() if not k.startswith("contexts.")}
    state["scale_net.shift.knots"] = torch.from_numpy(stored.scale_shift[knots]).float() / 16
    state["z_loc.knots"] = torch.from_numpy(stored.z_loc[knots]).float()
    state["z_log_scale.knots"] = torch.from_numpy(np.log(Z_SCALES[stored.z_index[knots]])).float()
    return state


def load(path: Path, device: str) -> tuple[MeanScaleHyperprior, Integers]:
    """A model ready to code with: float parts in float32, the scale net frozen and tested on this machine.

    Raises:
        ModelError: the file is not such a model, is damaged, or this machine computes other integers than the one that
            wrote it.
    """
    with safe_open(path, "pt") as file:
        metadata: dict[str, Any] = file.metadata() or {}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    if metadata.get("home") != HOME:
        raise ModelError(f"{path}: holds {metadata.get('home', 'no roundel model')}, expected {HOME}")
    try:
        sizes = json.loads(metadata["shape"])
        model = MeanScaleHyperprior(Shape(**sizes | {"groups": tuple(sizes["groups"])}))
        floats = {k: v.float() for k, v in tensors.items() if v.dtype == torch.float16}
        missing, unexpected = model.load_state_dict(floats, strict=False)
        if unexpected or any(not name.startswith(_INTEGER_PARTS) for name in missing):
            raise ModelError(f"{path}: tensors do not fit the model: {[*missing, *unexpected][:3]}")
        for name, layer in exact_layers(model).items():
            weight, bias, shift = (tensors[f"exact.{name}.{part}"] for part in ("weight", "bias", "shift"))
            layer.load_integers(weight, bias, shift, name)
        tables = {
            name: Tables.from_arrays({k: tensors[f"{name}.{k}"].numpy() for k in ("frequencies", "starts", "offsets")})
            for name in ("y_tables", "z_tables")
        }
        plain = [tensors[f.name].numpy() for f in fields(Integers) if f.name not in tables]
        stored = Integers(*plain, *tables.values())
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: not a complete lossy model: {error}") from error
    check(exact_layers(model), metadata["selftest"])
    return model.to(device).eval().requires_grad_(False), stored
