"""From the graphs of a weights file back to parameters that training can go on from."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from roundel.codecs.weights import Weights, read
from roundel.errors import ModelError
from roundel.training.graphs import stored_in
from roundel.training.wavelet import density
from roundel.training.wavelet.filters import OUT_UNIT, UNIT
from roundel.training.wavelet.narrow import Narrow
from roundel.training.wavelet.net import LOW_SHIFT, WaveletNet
from roundel.training.wavelet.subbands import FEATURE_UNIT, Both, LevelContext
from roundel.training.wavelet.transform import BANDS
from roundel.training.wavelet.tunings import TUNINGS

Constants = dict[str, NDArray[Any]]
NETS = (("white", "white"), ("black", "black"), ("colours", "chroma"))
"""Names of the graphs of a level and of the layers that are in them."""


def trainable(path: Path, model: WaveletNet) -> dict[str, Tensor]:
    """Parameters, by the names of `state_dict`, that export to the integers of a weights file.

    What varies with the quality is read at the qualities that are nearest to the knots.

    Raises:
        ModelError: the file is of another shape than the model, or damaged.
    """
    weights = read(path)
    try:
        return _state(path, weights, model)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{path}: does not fit the configured shape: {error}") from error


def _state(path: Path, weights: Weights, model: WaveletNet) -> dict[str, Tensor]:
    if weights.shape.get("tunings") != [t.name for t in TUNINGS]:
        raise ModelError(f"{path}: has the tunings {weights.shape.get('tunings')}, not those that are trained")
    anchors = model.shape.anchors
    t = weights.tensor("t_of_quality")
    knots = np.abs(t[:, None] - np.linspace(0, 1, anchors)).argmin(0)
    state: dict[str, Tensor] = {}
    spread = []
    for k, level in enumerate(model.contexts.steps()):
        prefix = f"contexts.levels.{k}"
        state |= _level(weights, k, level, prefix)
        shift = weights.tensor(f"context{k}.shift")[:, knots] / FEATURE_UNIT
        state[f"{prefix}.shift.knots"] = torch.from_numpy(shift).float()
        spread.append(_spread(weights, k, knots))
    state["spread.knots"] = torch.from_numpy(np.concatenate(spread, 2)).float()
    low = weights.tensor("low_index")[:, knots] * density.SCALE_STEP + math.log(density.SCALE_MIN) - LOW_SHIFT
    state["low_spread.knots"] = torch.from_numpy(low).float()
    state["frequencies"] = torch.from_numpy(weights.tensor("tables.frequencies").astype(np.int32))
    for number, tuning in enumerate(TUNINGS):
        state |= _filter(weights, f"filter.{tuning.name}", f"filters.{number}", model, knots)
    for name in model.prefilters:
        state |= _filter(weights, f"prefilter.{name}", f"prefilters.{name}", model, knots)
    for name, value in model.state_dict().items():
        if name not in state or state[name].shape != value.shape:
            raise ModelError(f"{path}: does not fit the configured shape: {name}")
    return state


def _level(weights: Weights, k: int, level: LevelContext, prefix: str) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for graph, name in NETS:
        held = stored_in(weights.graph(f"context{k}.{graph}").data)
        state |= _layers(held, "context", getattr(level, name), f"{prefix}.{name}")
        state |= _layers(held, "said", getattr(level, f"{name}_out"), f"{prefix}.{name}_out")
    held = stored_in(weights.graph(f"context{k}.white").data)
    state |= _layers(held, "up", level.up, f"{prefix}.up")
    bias = weights.tensor(f"context{k}.up_bias") / np.exp2(weights.tensor(f"context{k}.up_bits")) / level.entrance.unit
    name = f"{prefix}.up.known.bias" if isinstance(level.up, Both) else f"{prefix}.up.bias"
    state[name] = torch.from_numpy(bias).float()
    return state


def _layers(held: Constants, name: str, layer: nn.Module, key: str) -> dict[str, Tensor]:
    """State of a layer, or of both layers of a `Both`."""
    if isinstance(layer, Both):
        return _layers(held, f"{name}.features", layer.features, f"{key}.features") | _layers(
            held, f"{name}.known", layer.known, f"{key}.known"
        )
    assert isinstance(layer, Narrow)
    return _layer(held, name, layer, key, slice(0, layer.weight.shape[1]))


def _layer(held: Constants, name: str, layer: Narrow, key: str, channels: Any) -> dict[str, Tensor]:
    scale = held[f"{name}.scale"].astype(np.float64)
    count = len(layer.weight)  # heads may hold themselves several times, see `graphs.PAIR`
    scale = scale[:count]
    weight = held[f"{name}.weight"][:count, channels] * scale[:, None, None, None] / layer.scale
    state = {f"{key}.weight": torch.from_numpy(weight).float()}
    if layer.bias is not None:
        state[f"{key}.bias"] = torch.from_numpy(held[f"{name}.bias"] * scale / layer.unit).float()
    return state


def _spread(weights: Weights, k: int, knots: NDArray[np.int64]) -> NDArray[np.float64]:
    """(tunings, anchors, 9): what a level's heads add to scale indices, as logarithms of scales."""
    parts = []
    for net, count in (("white", BANDS), ("colours", 2 * BANDS)):
        scale = stored_in(weights.graph(f"context{k}.{net}").data)["said.scale"].astype(np.float64)
        parts.append(weights.tensor(f"context{k}.{net}_bias")[:, knots, :count] * scale[:count])
    return np.concatenate(parts, 2) * density.SCALE_STEP + math.log(density.SCALE_MIN)


def _filter(weights: Weights, name: str, key: str, model: WaveletNet, knots: NDArray[np.int64]) -> dict[str, Tensor]:
    held = stored_in(weights.graph(name).data)
    state: dict[str, Tensor] = {}
    for role, layer in model.get_submodule(key).named_modules():
        if isinstance(layer, Narrow):
            state |= _layer(held, role, layer, f"{key}.{role}", slice(None))
    bias = weights.tensor(f"{name}.bias")[knots] * held["enter.scale"].astype(np.float64) / UNIT
    state[f"{key}.enter.bias"] = torch.from_numpy(bias.mean(0)).float()
    state[f"{key}.shift.knots"] = torch.from_numpy(bias - bias.mean(0)).float()
    t = torch.from_numpy(weights.tensor("t_of_quality")[knots])
    gain = torch.from_numpy(weights.tensor(f"{name}.gain")[knots].astype(np.float64))
    log_scale = torch.log(gain * OUT_UNIT / 4096 / 255 / model.step(t).double())
    state[f"{key}.log_scale.knots"] = log_scale[:, None].float()
    return state
