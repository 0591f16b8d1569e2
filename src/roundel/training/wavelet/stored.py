"""The stored form of the wavelet model: a half-precision filter, and integers for all that decides a probability."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from roundel.codecs.wavelet.walk import Group, Integers, walk
from roundel.coding import Tables
from roundel.errors import ModelError
from roundel.training.entropy.lookup import mixture_pmf
from roundel.training.entropy.scales import SCALE_MIN, SCALE_STEP, SCALES, scale_of
from roundel.training.exact.selftest import require
from roundel.training.exact.sums import ExactSum
from roundel.training.wavelet.net import WaveletNet, WaveletShape
from roundel.training.wavelet.subbands import INDEX_UNIT

HOME = "roundel.models.wavelet_codec:WaveletModel"
QUALITIES = 101
ESCAPE_MASS = 2.0**-16
SELFTEST_CELLS = (4, 3)
TABLE_ARRAYS = ("frequencies", "starts", "offsets")


def layers(net: WaveletNet) -> dict[str, ExactSum]:
    """All layers that decide probabilities, by name."""
    return {name: module for name, module in net.named_modules() if isinstance(module, ExactSum)}


def family_tables() -> Tables:
    """The 63 tables of the density that training assumes."""
    pmfs = [mixture_pmf(scale, ESCAPE_MASS) for scale in scale_of(torch.arange(1, SCALES)).tolist()]
    return Tables.from_pmfs(pmfs, [-(p.size // 2) for p in pmfs], ESCAPE_MASS)


@torch.no_grad()
def integers(net: WaveletNet, tables: Tables) -> Integers:
    """The integers of a trained network."""
    t = torch.linspace(0, 1, QUALITIES)
    shift = torch.cat([level.offsets(t) for level in net.contexts.steps()], 1)
    low = torch.floor(net.low_index(t) + 0.5).clamp(1, SCALES - 1)
    return Integers(torch.floor(net.offset(t) + 0.5).int().numpy(), shift.int().numpy(), low.int().numpy(), tables)


class _Hashing:
    """Makes symbols up and hashes what the nets say about them."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`."""
        self.digest.update(index.tobytes() + np.asarray(guess, "<i4").tobytes())
        count = np.arange(index.size, dtype=np.int64).reshape(index.shape) + group.part
        noise = (count * 2654435761 % 2**32 >> 8) % 15 - 7
        value = np.where((count // 7) % 5 == 0, noise * 37, np.where(noise > 3, noise, 0))
        return (value if group.fields is None else value * group.fields).astype(np.int32)


def selftest(net: WaveletNet, stored: Integers) -> str:
    """Hash of all scale indices for a fixed picture at three qualities, 32 hexadecimal digits."""
    hashing = _Hashing()
    for quality in (0, 50, 100):
        walk(net, stored, hashing, *SELFTEST_CELLS, quality, net.levels)
    return hashing.digest.hexdigest()[:32]


def save(path: Path, net: WaveletNet, stored: Integers, notes: Mapping[str, str]) -> None:
    """Write a weights file, and leave the net frozen; the same inputs give the same bytes.

    Args:
        notes: free text for the file's metadata, such as the commit.
    """
    tensors: dict[str, Tensor] = {
        f"filter.{name}": value.detach().half().contiguous() for name, value in net.filter.state_dict().items()
    }
    for name, layer in layers(net).items():
        tensors |= {f"exact.{name}.{key}": value.contiguous() for key, value in layer.integers().items()}
        layer.freeze()
    tensors |= {name: torch.from_numpy(getattr(stored, name).copy()) for name in ("offset", "shift", "low_index")}
    tensors |= {f"tables.{key}": torch.from_numpy(array.copy()) for key, array in stored.tables.to_arrays().items()}
    metadata = {"home": HOME, "shape": json.dumps(asdict(net.shape)), "selftest": selftest(net, stored), **notes}
    save_file(tensors, path, metadata)


def trainable(path: Path, model: WaveletNet) -> dict[str, Tensor]:
    """Parameters to train on from, out of a weights file: real numbers that round to its integers.

    Raises:
        ModelError: the file is of another shape than the model, or damaged.
    """
    published, stored = load(path, "cpu")
    if published.shape != model.shape:
        raise ModelError(f"{path}: has the shape {published.shape}, the configuration {model.shape}")
    state = {f"filter.{name}": value for name, value in published.filter.state_dict().items()}
    tensors = load_file(path)
    for name, layer in layers(model).items():
        start = f"exact.{name}."
        integers = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
        state |= {f"{name}.{key}": value for key, value in layer.trainable(integers).items()}
    knots = np.linspace(0, QUALITIES - 1, model.shape.anchors).round().astype(int)
    spread = torch.from_numpy(stored.offset[knots]).double() * (SCALE_STEP / INDEX_UNIT) + math.log(SCALE_MIN)
    low = torch.from_numpy(stored.low_index[knots]).double().flatten(1) * SCALE_STEP + math.log(SCALE_MIN)
    shifts = torch.from_numpy(stored.shift[knots]).float().split(list(model.shape.widths), 1)
    state |= {f"contexts.levels.{k}.shift.knots": shift / 16 for k, shift in enumerate(shifts)}
    return state | {"spread.knots": spread.float(), "low_spread.knots": low.float()}


def load(path: Path, device: str) -> tuple[WaveletNet, Integers]:
    """A frozen net and its integers, tested on this machine.

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
        shape = json.loads(metadata["shape"])
        net = WaveletNet(WaveletShape(**shape | {"widths": tuple(shape["widths"])}))
        halves = {k.removeprefix("filter."): v.float() for k, v in tensors.items() if k.startswith("filter.")}
        net.filter.load_state_dict(halves)
        net = net.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        for name, layer in layers(net).items():
            keys = [f"weight{i}" for i in range(len(layer.parts))] + ["bias", "shift"]
            layer.load({key: tensors[f"exact.{name}.{key}"].to(device) for key in keys}, name)
        tables = Tables.from_arrays({k: tensors[f"tables.{k}"].numpy() for k in TABLE_ARRAYS})
        offset, shift, low_index = (tensors[k].numpy() for k in ("offset", "shift", "low_index"))
        stored = Integers(offset, shift, low_index, tables)
        expected = metadata["selftest"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: not a complete wavelet model: {error}") from error
    if len(tables) != SCALES - 1:
        raise ModelError(f"{path}: holds {len(tables)} probability tables, expected {SCALES - 1}")
    net.requires_grad_(False)
    require(selftest(net, stored), expected, f"{path}: its integer nets")
    return net, stored
