"""From the graphs of a weights file back to parameters that training can go on from."""

from pathlib import Path

from torch import Tensor, nn

from roundel.codecs.weights import Weights, read
from roundel.errors import ModelError
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.exact.nodes import integers_in
from roundel.training.exact.sums import ExactSum
from roundel.training.graphs import stored_in
from roundel.training.tokens.export import ARCHITECTURE
from roundel.training.tokens.integer_net import IntegerGrid, IntegerVector
from roundel.training.tokens.model import DiscreteAutoencoder

PRIOR_PARTS = ("direct", "enter", "leave")


def trainable(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """Parameters that export to the nets of a weights file, and to its prior, too, where the model has one like it.

    Raises:
        ModelError: the file is not of a token model, or of other nets or codes than the model.
    """
    weights = read(path)
    if not isinstance(model, DiscreteAutoencoder) or not isinstance(model.net, IntegerGrid | IntegerVector):
        raise ModelError(f"{path}: only nets in integers can start from weights; give a checkpoint.pt")
    if weights.architecture != ARCHITECTURE or weights.shape.get("levels") != list(model.bottleneck.levels):
        raise ModelError(
            f"{path}: {weights.architecture} of the shape {weights.shape}, the configuration {model.shape}"
        )
    state = model.state_dict()
    for graph, part in (("analysis", "encoder"), ("synthesis", "decoder")):
        constants = stored_in(weights.graph(graph).data)
        for name, layer in getattr(model.net, part).named_modules():
            if isinstance(layer, ExactSum):
                found = integers_in(constants, name)
                if found is None or found.weights[0].shape != layer.weights[0].shape:
                    raise ModelError(f"{path}: its {graph} has no {name} such as the configuration asks for")
                state |= {f"net.{part}.{name}.{k}": v for k, v in layer.trainable(found).items()}
    if isinstance(model.prior, GuessedPrior) and weights.shape.get("prior") == model.shape.prior:
        state |= _prior(weights, model.prior)
    return state


def _prior(weights: Weights, prior: GuessedPrior) -> dict[str, Tensor]:
    """Parameters of the prior; none where the file's nets are of another width."""
    state: dict[str, Tensor] = {}
    constants = stored_in(weights.graph("prior").data)
    for number, guess in enumerate(prior.net.guesses):
        for part in PRIOR_PARTS:
            layer = getattr(guess, part)
            roles = ("weight", "bias", "scale")
            stacked = {f"{part}.{role}": constants[f"{part}.{role}"][number] for role in roles}
            stacked[f"{part}.weight"] = stacked[f"{part}.weight"][:, : layer.parts[0].channels, None, None]
            found = integers_in(stacked, part)
            if found is None or found.weights[0].shape != layer.weights[0].shape:
                return {}
            state |= {f"prior.net.guesses.{number}.{part}.{k}": v for k, v in layer.trainable(found).items()}
    return state
