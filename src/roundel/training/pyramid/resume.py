"""From the graphs of a weights file back to parameters that training can go on from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel.codecs.pyramid.nets import CROSS_TAPS, RESIDUALS, SQUARE_TAPS
from roundel.codecs.pyramid.plain_squares import RESIDUAL_ZERO
from roundel.codecs.pyramid.stored import graph_name
from roundel.codecs.weights import read
from roundel.errors import ModelError
from roundel.training.exact.sums import FINEST, ExactSum, Integers
from roundel.training.graphs import stored_in
from roundel.training.pyramid.graphs import CROSS
from roundel.training.pyramid.net import Pyramid
from roundel.training.pyramid.step import COLOURS

Constants = dict[str, NDArray[Any]]


def trainable(path: Path, model: Pyramid) -> dict[str, Tensor]:
    """Parameters, by the names of `state_dict`, that export to the integers of a weights file.

    Residual blocks that the model has beyond those of the file say nothing at first: training makes use of them.

    Raises:
        ModelError: the file is of another shape than the model, but for fewer blocks, or damaged.
    """
    weights = read(path)
    wanted = json.loads(json.dumps(asdict(model.shape)))
    if not _grown(weights.shape, wanted):
        raise ModelError(f"{path}: has the shape {weights.shape}, the configuration {wanted}")
    state: dict[str, Tensor] = {}
    for level in range(len(model.shape.widths)):
        for phase, step in enumerate(model.steps(level)):
            trunk = stored_in(weights.graph(graph_name(level, phase)).data)
            layers = {name: layer for name, layer in step.named_modules() if isinstance(layer, ExactSum)}
            for name, layer in layers.items():
                if name.startswith("heads."):
                    _, group, role = name.split(".")
                    held = stored_in(weights.graph(graph_name(level, phase, int(group))).data)
                    own = layer.trainable(_hidden(held, layer) if role == "hidden" else _out(held))
                elif name == "linear.0" or f"{name}.weight" in trunk:
                    own = layer.trainable(_trunk(trunk, name.removesuffix(".0") if name == "linear.0" else name))
                else:
                    silent = name.startswith("outer.")
                    own = {k: torch.zeros_like(v) if silent else v for k, v in layer.state_dict().items()}
                state |= {f"levels.{level}.{phase}.{name}.{k}": v for k, v in own.items()}
    if not all(bool(torch.isfinite(t).all()) for t in state.values()):
        raise ModelError(f"{path}: its weights are damaged")
    return state


def _grown(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a shape is another one with more blocks, or the same."""
    old, new = (np.broadcast_to(shape.get("blocks", 0), 3) for shape in (stored, wanted))
    return bool((new >= old).all()) and {**stored, "blocks": 0} == {**wanted, "blocks": 0}


def _trunk(held: Constants, name: str) -> Integers:
    weight, bias = held[f"{name}.weight"], held[f"{name}.bias"]
    if f"{name}.scale" in held:
        return Integers([weight.astype(np.int64)], bias.astype(np.int64), _shift(held[f"{name}.scale"]))
    # Layers of pixels hold their quotients. Any power of two that makes integers of them will do.
    scale, shift = 2.0**FINEST, np.full(len(bias), FINEST)
    return Integers([np.rint(weight * scale).astype(np.int64)], np.rint(bias * scale).astype(np.int64), shift)


def _hidden(held: Constants, layer: ExactSum) -> Integers:
    weight, width = held["hidden.weight"][:, :, 0, 0].astype(np.int64), layer.parts[0].channels
    bias = held["hidden.bias"] + RESIDUAL_ZERO * weight[:, width:].sum(1)
    parts = [weight[:, :width]]
    if len(layer.parts) > 1:
        colours = layer.parts[1].channels // SQUARE_TAPS
        taps = np.zeros((len(weight), SQUARE_TAPS, colours), np.int64)
        for colour in range(min(colours, 2)):
            taps[:, :, colour] = weight[:, width + colour : width + 2 * SQUARE_TAPS : 2]
        if colours == COLOURS:
            taps[:, CROSS, COLOURS - 1] = weight[:, width + RESIDUALS - CROSS_TAPS : width + RESIDUALS]
        parts.append(taps.reshape(len(weight), -1))
    return Integers([p[:, :, None, None] for p in parts], bias, _shift(held["hidden.scale"]))


def _out(held: Constants) -> Integers:
    high, low = np.split(held["out.weight"].astype(np.int64).T, 2)
    return Integers([(128 * high + low)[:, :, None, None]], held["out.bias"][:, 0].astype(np.int64),
                    _shift(held["out.scale"][:, 0]))  # fmt: skip


def _shift(scale: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.rint(-np.log2(scale.astype(np.float64))).astype(np.int64)
