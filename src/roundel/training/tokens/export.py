"""From a trained autoencoder in integers to the weights file that the codec loads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from roundel.codecs.tokens import stored
from roundel.codecs.tokens.nets import Guesses, Nets
from roundel.codecs.tokens.symbols import ChainCoder, CosetCoder, FactorizedCoder, TokenCoder
from roundel.codecs.weights import read
from roundel.coding import Tables
from roundel.engine import Graph
from roundel.errors import ModelError
from roundel.training import weights
from roundel.training.entropy.bounded import tables_for
from roundel.training.entropy.categorical import CategoricalPrior
from roundel.training.entropy.counts import Counts
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.quantizers.fsq import FSQ
from roundel.training.tokens.calibrate import has_twin, integer_twin
from roundel.training.tokens.coset import CosetNet
from roundel.training.tokens.graphs import analysis_graph, prior_graph, synthesis_graph
from roundel.training.tokens.integer_net import LATENT_MAX, LATENT_UNIT, IntegerGrid, IntegerVector
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.tokens.task import FSQTask
from roundel.training.trainer import Task

ARCHITECTURE = "tokens/1"
CALIBRATION_PX, CALIBRATION_PIXELS = 192, 2**20
"""Of the training pictures that say how large integers get."""
COUNTED_BATCHES, COUNTED_PIXELS = 48, 2**20
"""Of those that tables are refitted to."""
PRIOR_COUNT = 100.0
"""Weight of a table's original shape, in codes."""


def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    """Write the weights of a trained model: a codec's file of it, or of its twin in integers.

    Models with other nets and quantisers are for research: their parameters are written as they are.
    """
    assert isinstance(model, DiscreteAutoencoder)
    assert isinstance(task, FSQTask)
    side = min(CALIBRATION_PX, task.validation.shape[3])
    if has_twin(model):
        model = integer_twin(model, task.batch(CALIBRATION_PIXELS // side**2, side, np.random.default_rng(0)))
    if not isinstance(model.net, IntegerGrid | IntegerVector):
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, notes)
        return
    save(model, path, notes)
    if not isinstance(model.prior, GuessedPrior):
        return  # its tables are learned
    nets, coder, _ = stored.load(read(path))
    assert isinstance(coder, CosetCoder | ChainCoder)
    counts = Counts(coder.tables)
    for number in range(COUNTED_BATCHES):
        pictures = task.batch(COUNTED_PIXELS // side**2, side, np.random.default_rng(number + 1))
        for _, codes, index in coder.told(nets.analyse(pictures.permute(0, 2, 3, 1).contiguous().numpy())):
            counts.add(codes, index)
    save(model, path, notes, counts.refitted(PRIOR_COUNT))


def save(model: DiscreteAutoencoder, path: Path, notes: Mapping[str, str], tables: Tables | None = None) -> None:
    """Write a weights file; the same inputs give the same bytes.

    Args:
        notes: free text for the file's metadata, such as the commit. tables: refitted ones, instead of the family's.

    Raises:
        ModelError: the model is not in integers, or a layer is not exact.
    """
    net, levels = model.net, model.bottleneck.levels
    if not isinstance(net, IntegerGrid | IntegerVector):
        raise ModelError("only nets in integers make files: see `integer_twin`")
    model = model.cpu().eval()
    assert isinstance(model.bottleneck, FSQ)
    steps = thresholds(model.bottleneck)
    graphs = {"analysis": analysis_graph(net), "synthesis": synthesis_graph(net, levels)}
    if isinstance(model.prior, GuessedPrior):
        graphs["prior"] = prior_graph(model.prior.net)
    tables = tables or tables_of(model.prior)
    nets = Nets(
        Graph(graphs["analysis"]), Graph(graphs["synthesis"]), levels, steps,
        token_px=net.token_px, joined=net.reach > 0,
    )  # fmt: skip
    shape = {"token_px": net.token_px, "reach": net.reach, "levels": list(levels), "prior": model.shape.prior}
    tensors = {"thresholds": steps, **{stored.TABLES + k: v for k, v in tables.to_arrays().items()}}
    proof = stored.selftest(nets, coder_of(model.prior))
    weights.write(path, ARCHITECTURE, shape, tensors, graphs, notes, proof)


def tables_of(prior: CategoricalPrior | GuessedPrior) -> Tables:
    """The tables of a prior before any refit, made once, at export."""
    return tables_for(prior.levels) if isinstance(prior, GuessedPrior) else prior.tables()


def coder_of(prior: CategoricalPrior | GuessedPrior) -> TokenCoder:
    """The coder of a prior as it is now."""
    tables, levels = tables_of(prior), tuple(prior.levels)
    if isinstance(prior, CategoricalPrior):
        return FactorizedCoder(levels, tables)
    kind = CosetCoder if isinstance(prior.net, CosetNet) else ChainCoder
    return kind(levels, Guesses(Graph(prior_graph(prior.net))), tables)


def thresholds(quantizer: FSQ) -> NDArray[np.int32]:
    """(D, max L − 1): the least latents, in 1/LATENT_UNIT, of the codes 1 … L − 1 of each dimension; no code is 0."""
    latents = torch.arange(-2 * LATENT_MAX, 2 * LATENT_MAX + 1)
    codes = quantizer((latents / LATENT_UNIT)[:, None].expand(-1, quantizer.dims)).codes.numpy()
    out = np.full((quantizer.dims, max(quantizer.levels) - 1), np.iinfo(np.int32).max, np.int32)
    for row, column, levels in zip(out, codes.T, quantizer.levels, strict=True):
        row[: levels - 1] = latents.numpy()[np.searchsorted(column, np.arange(1, levels))]
    return out
