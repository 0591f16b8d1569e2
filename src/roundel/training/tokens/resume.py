"""From the graphs of a weights file back to parameters that training can go on from."""

from pathlib import Path

from torch import Tensor, nn

from roundel.codecs.weights import Weights, read
from roundel.errors import ModelError
from roundel.training.entropy.guessed import GuessedPrior
from roundel.training.exact.nodes import integers_in
from roundel.training.exact.sums import ExactSum
from roundel.training.graphs import stored_in
from roundel.training.tokens.calibrate import reals
from roundel.training.tokens.export import ARCHITECTURE
from roundel.training.tokens.integer_net import IntegerGrid, IntegerVector
from roundel.training.tokens.model import DiscreteAutoencoder
from roundel.training.tokens.net import GridAutoencoder

PRIOR_PARTS = ("direct", "enter", "leave")
Trainable = IntegerGrid | IntegerVector | GridAutoencoder


def trainable(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """Parameters that export to the nets of a weights file, and to its prior, too, where the model has one of its kind.

    Nets of floats that become integers at export may be wider and have more blocks than the file's, and priors may be
    wider: what is new says nothing at first. Floats are not quite those of before export, which rounded them.

    Raises:
        ModelError: the file is not of a token model, or of other nets or codes than the model.
    """
    weights = read(path)
    if not isinstance(model, DiscreteAutoencoder) or not isinstance(model.net, Trainable):
        raise ModelError(f"{path}: only nets of the kinds that make files can start from weights; give a checkpoint.pt")
    if weights.architecture != ARCHITECTURE or weights.shape.get("levels") != list(model.bottleneck.levels):
        raise ModelError(
            f"{path}: {weights.architecture} of the shape {weights.shape}, the configuration {model.shape}"
        )
    state = model.state_dict()
    found = (
        _floats(path, weights, model.net) if isinstance(model.net, GridAutoencoder) else _nets(path, weights, model.net)
    )
    state |= {f"net.{k}": v for k, v in found.items()}
    if isinstance(model.prior, GuessedPrior) and weights.shape.get("prior") == model.shape.prior:
        state |= _prior(weights, model.prior)
    return state


def _nets(path: Path, weights: Weights, net: IntegerGrid | IntegerVector) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for graph, part in (("analysis", "encoder"), ("synthesis", "decoder")):
        constants = stored_in(weights.graph(graph).data)
        for name, layer in getattr(net, part).named_modules():
            if isinstance(layer, ExactSum):
                found = integers_in(constants, name)
                if found is None or found.weights[0].shape != layer.weights[0].shape:
                    raise ModelError(f"{path}: its {graph} has no {name} such as the configuration asks for")
                state |= {f"{part}.{name}.{k}": v for k, v in layer.trainable(found).items()}
    return state


def _floats(path: Path, weights: Weights, net: GridAutoencoder) -> dict[str, Tensor]:
    """The same for a net that is in integers only once it is exported."""
    constants = stored_in(weights.graph("synthesis").data)
    width = len(constants["enter.bias"])
    blocks = sum(name.endswith(".inner.bias") for name in constants)
    twin = IntegerGrid(weights.shape["levels"], width, blocks)
    twin.load_state_dict(_nets(path, weights, twin))
    small = GridAutoencoder(twin.dims, width, blocks)
    reals(twin, small)
    state = net.state_dict()
    for name, value in small.state_dict().items():
        if name not in state or any(old > new for old, new in zip(value.shape, state[name].shape, strict=True)):
            raise ModelError(
                f"{path}: its nets are {width} wide and have {blocks} blocks, more than the configuration's"
            )
        state[name] = _pasted(state[name], value, silent=name.endswith("weight"))
    return state


def _prior(weights: Weights, prior: GuessedPrior) -> dict[str, Tensor]:
    """Parameters of the prior; none where the file's nets are wider."""
    state: dict[str, Tensor] = {}
    constants = stored_in(weights.graph("prior").data)
    for number, guess in enumerate(prior.net.guesses):
        for part in PRIOR_PARTS:
            layer = getattr(guess, part)
            stacked = {f"{part}.{role}": constants[f"{part}.{role}"][number] for role in ("weight", "bias", "scale")}
            stacked[f"{part}.weight"] = stacked[f"{part}.weight"][:, : layer.parts[0].channels, None, None]
            found = integers_in(stacked, part)
            if found is None or any(a > b for a, b in zip(found.weights[0].shape, layer.weights[0].shape, strict=True)):
                return {}
            for name, value in layer.trainable(found).items():
                if name in ("bias", "weights.0"):  # `held` is for narrow layers, and here are none
                    silent = part == "leave" and name == "weights.0"
                    state[f"prior.net.guesses.{number}.{part}.{name}"] = _pasted(
                        layer.state_dict()[name], value, silent
                    )
    return state


def _pasted(whole: Tensor, part: Tensor, silent: bool) -> Tensor:
    """A tensor with another in its first corner; if `silent`, zeros beside that, in the same rows."""
    whole = whole.clone()
    if silent:
        whole[: len(part)] = 0
    whole[tuple(map(slice, part.shape))] = part
    return whole
