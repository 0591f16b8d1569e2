"""Files of discrete autoencoders: half-precision nets, and the prior as integers."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from roundel.codecs.tokens.symbols import ChainCoder, CosetCoder, FactorizedCoder, TokenCoder
from roundel.coding import Tables
from roundel.errors import ModelError
from roundel.training.entropy.bounded import table_count, tables_for
from roundel.training.entropy.categorical import CategoricalPrior
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.exact import ExactConv2d
from roundel.training.exact.selftest import check, selftest
from roundel.training.tokens.coset import CosetNet
from roundel.training.tokens.model import AutoencoderShape, DiscreteAutoencoder

HOME = "roundel.models.tokens:TokenModel"
TABLES, EXACT, PRIOR = "tables.", "exact.", "prior."
PARTS = ("weight", "bias", "shift")


def exact_layers(model: DiscreteAutoencoder) -> dict[str, ExactConv2d]:
    """The layers of the prior, by the names that the file gives them; none if it has no net."""
    return model.prior.net.layers() if isinstance(model.prior, GuessedPrior) else {}


def tables_of(prior: CategoricalPrior | GuessedPrior) -> Tables:
    """The tables of a prior, made once, at export: they are what codes are coded with from then on."""
    return tables_for(prior.levels) if isinstance(prior, GuessedPrior) else prior.tables()


def coder_of(prior: CategoricalPrior | GuessedPrior, tables: Tables) -> TokenCoder:
    """The coder of a prior whose layers, if any, are frozen."""
    if isinstance(prior, CategoricalPrior):
        return FactorizedCoder(prior.levels, tables)
    return CosetCoder(prior.net, tables) if isinstance(prior.net, CosetNet) else ChainCoder(prior.net, tables)


def save(model: DiscreteAutoencoder, path: Path, notes: Mapping[str, str]) -> None:
    """Write a weights file and leave the prior frozen; the same inputs give the same bytes.

    Args:
        notes: free text for the file's metadata, such as the commit.
    """
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if not name.startswith(PRIOR):
            tensors[name] = (value.half() if value.is_floating_point() else value).contiguous()
    for name, layer in exact_layers(model).items():
        for part, value in zip(PARTS, layer.integers(), strict=True):
            tensors[f"{EXACT}{name}.{part}"] = value.contiguous()
        layer.freeze()
    tensors |= {TABLES + k: torch.from_numpy(v.copy()) for k, v in tables_of(model.prior).to_arrays().items()}
    proof = selftest(exact_layers(model))
    save_file(tensors, path, {"home": HOME, "shape": json.dumps(asdict(model.shape)), "selftest": proof, **notes})


def trainable(path: Path, model: DiscreteAutoencoder) -> dict[str, Tensor]:
    """Parameters to train on from: nets and bottleneck out of a weights file, the prior as the model has it.

    Raises:
        ModelError: the file is not of a discrete autoencoder, or of other nets or codes than the model.
    """
    published, _ = load(path)
    state = {k: v for k, v in published.state_dict().items() if not k.startswith(PRIOR)}
    own = model.state_dict()
    shapes = {k: v.shape for k, v in own.items() if not k.startswith(PRIOR)}
    if {k: v.shape for k, v in state.items()} != shapes or published.bottleneck.levels != model.bottleneck.levels:
        raise ModelError(f"{path}: has the shape {published.shape}, the configuration {model.shape}")
    return own | state


def load(path: Path, device: str = "cpu") -> tuple[DiscreteAutoencoder, TokenCoder]:
    """The model, in eval mode, and the coder of its codes, tested on this machine.

    Raises:
        ModelError: the file cannot be read, is not of a discrete autoencoder, or this machine computes other integers
            than the one that wrote it.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        settings: dict[str, Any] = json.loads(notes["shape"])
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        model = DiscreteAutoencoder(AutoencoderShape(**settings))
        state = {k: v for k, v in tensors.items() if not k.startswith((TABLES, EXACT))}
        missing, unexpected = model.load_state_dict(state, strict=False)
        if unexpected or any(not name.startswith(PRIOR) for name in missing):
            raise ModelError(f"{path}: tensors do not fit the model: {[*missing, *unexpected][:3]}")
        for name, layer in exact_layers(model).items():
            weight, bias, shift = (tensors[f"{EXACT}{name}.{part}"] for part in PARTS)
            layer.load_integers(weight, bias, shift, name)
        proof = notes["selftest"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path}: not the weights of a discrete autoencoder ({reason}); see `roundel train`"
        ) from error
    arrays = {k.removeprefix(TABLES): v.numpy() for k, v in tensors.items() if k.startswith(TABLES)}
    tables = Tables.from_arrays(arrays)
    if isinstance(model.prior, CategoricalPrior):
        model.prior.adopt(tables)
    elif len(tables) != (expected := sum(table_count(n) for n in set(model.prior.levels))):
        raise ModelError(f"{path}: {len(tables)} probability tables, expected {expected}")
    check(exact_layers(model), proof)
    model = model.to(device).eval().requires_grad_(False)
    return model, coder_of(model.prior, tables)
