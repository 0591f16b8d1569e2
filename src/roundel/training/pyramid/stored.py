"""The stored form of a lossless model: integer weights, probability tables, and a proof of equal arithmetic."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from roundel.codecs.pyramid.distribution import UNIFORM_CHROMA
from roundel.codecs.pyramid.walk import Group, walk
from roundel.coding import Tables
from roundel.errors import ModelError
from roundel.training.entropy.mixture import mixture_tables
from roundel.training.exact.selftest import require
from roundel.training.exact.sums import ExactSum
from roundel.training.pyramid.net import Pyramid, PyramidShape

HOME = "roundel.models.lossless:LosslessModel"
TABLE_ARRAYS = ("frequencies", "starts", "offsets")
SELFTEST_SIDE = 24


def layers(net: Pyramid) -> dict[str, ExactSum]:
    """All layers by name."""
    return {name: module for name, module in net.named_modules() if isinstance(module, ExactSum)}


class _Hashing:
    """Takes a fixed picture of extremes and noise, and hashes what the nets say about it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def next(self, group: Group, index: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """See `Samples.next`."""
        self.digest.update(index.astype("<i4").tobytes() + centre.astype("<i4").tobytes())
        count = np.arange(index.size, dtype=np.int64).reshape(index.shape) + group.row * 64 + group.column
        noise = (count * 2654435761 % 2**32 >> 8) % 511 - 255
        bound = 127 if group.colours.start == 0 else 255
        value = np.where((count // 7) % 3 == 0, np.sign(noise) * bound, noise)
        return np.clip(value, -bound, bound).astype(np.int32)


def selftest(net: Pyramid) -> str:
    """Hash of all table indices and means for a fixed picture, 32 hexadecimal digits."""
    hashing = _Hashing()
    walk(net, hashing, 1, SELFTEST_SIDE, SELFTEST_SIDE - 1, colour=True)
    return hashing.digest.hexdigest()[:32]


def freeze(net: Pyramid) -> None:
    """Make all layers exact with their present weights."""
    for layer in layers(net).values():
        layer.freeze()


def save(path: Path, net: Pyramid, notes: Mapping[str, str], tables: Tables | None = None) -> None:
    """Write a weights file, and leave the net frozen; the same inputs give the same tensors.

    Args:
        notes: free text for the file's metadata, such as the commit. tables: calibrated ones, instead of the family's.
    """
    freeze(net)
    arrays = (tables or mixture_tables()).to_arrays()
    tensors = {f"tables.{key}": torch.from_numpy(array.copy()) for key, array in arrays.items()}
    for name, layer in layers(net).items():
        tensors |= {f"{name}.{key}": value.contiguous() for key, value in layer.integers().items()}
    metadata = {"home": HOME, "shape": json.dumps(asdict(net.shape)), "selftest": selftest(net), **notes}
    save_file(tensors, path, metadata)


def trainable(path: Path, model: Pyramid) -> dict[str, torch.Tensor]:
    """Parameters to train on from, out of a weights file: real numbers that round to its integers.

    Raises:
        ModelError: the file is of another shape than the model, or damaged.
    """
    published, _ = load(path, "cpu")
    if published.shape != model.shape:
        raise ModelError(f"{path}: has the shape {published.shape}, the configuration {model.shape}")
    stored = load_file(path)
    state: dict[str, torch.Tensor] = {}
    for name, layer in layers(model).items():
        integers = {key.removeprefix(f"{name}."): value for key, value in stored.items() if key.startswith(f"{name}.")}
        state |= {f"{name}.{key}": value for key, value in layer.trainable(integers).items()}
    return state


def load(path: Path, device: str) -> tuple[Pyramid, Tables]:
    """A frozen net and its tables, tested on this machine.

    Raises:
        ModelError: the file is not such a model, is damaged, or this machine computes other integers than the one that
            wrote it.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    if metadata.get("home") != HOME:
        raise ModelError(f"{path}: holds {metadata.get('home', 'no roundel model')}, expected {HOME}")
    try:
        stored = json.loads(metadata["shape"])
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        net = Pyramid(PyramidShape(**sizes))
        for name, layer in layers(net).items():
            keys = [f"weight{i}" for i in range(len(layer.parts))] + ["bias", "shift"]
            layer.load({key: tensors[f"{name}.{key}"].to(device) for key in keys}, name)
        tables = Tables.from_arrays({k: tensors[f"tables.{k}"].numpy() for k in TABLE_ARRAYS})
        expected = metadata["selftest"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: not a complete lossless model: {error}") from error
    if len(tables) != UNIFORM_CHROMA + 1:
        raise ModelError(f"{path}: holds {len(tables)} probability tables, expected {UNIFORM_CHROMA + 1}")
    net = net.to(device).eval().requires_grad_(False)
    require(selftest(net), expected, f"{path}: its integer nets")
    return net, tables
