"""Hidden channels that are never above zero learn nothing any more; here they start anew.

Blocks that are added to a trained net begin with noise in what they say, and at a high rate it is quicker to silence
them than to make sense of them: most channels of such blocks were found dead.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from roundel.training.exact.sums import ExactSum

ALIVE = 1e-3
"""Part of all places: a hidden channel that is above zero at fewer is dead."""

Layer: TypeAlias = nn.Conv2d | ExactSum


@runtime_checkable
class Residual(Protocol):
    """A module of residual branches."""

    def branches(self) -> Iterable[tuple[Layer, Layer]]:
        """Of each branch what makes its hidden channels, before or after their ReLU, and what listens to them."""
        ...


class Revived(NamedTuple):
    """Channels of a parameter that were overwritten."""

    name: str
    axis: int
    channels: Tensor


@torch.no_grad()
def revive(model: nn.Module, run: Callable[[], object]) -> list[Revived]:
    """Give dead hidden channels of all `Residual` modules random weights, and take them out of what listens.

    Layers whose weights are rounded while they are trained stay as they are.

    Args:
        run: runs the model on training pictures.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    branches = [branch for module in model.modules() if isinstance(module, Residual) for branch in module.branches()]
    branches = [b for b in branches if not (isinstance(b[0], ExactSum) and b[0].rounded)]
    seen = {inner: _Seen(inner) for inner, _ in branches}
    run()
    changed: list[Revived] = []
    for inner, outer in branches:
        dead, mean = seen[inner].close()
        if not len(dead):
            continue
        weight, bias, listening = _kernel(inner), inner.bias, _kernel(outer)
        assert bias is not None
        fresh = torch.randn_like(weight[dead]) * (2 / weight[0].numel()) ** 0.5
        fresh -= fresh.mean((1, 2, 3), keepdim=True)  # what inputs have in common would silence them again
        weight[dead] = fresh
        bias[dead] = -(fresh.sum((2, 3)) @ mean) / (inner.unit if isinstance(inner, ExactSum) else 1)
        listening[:, dead] = 0
        changed += [Revived(names[p], axis, dead) for p, axis in ((weight, 0), (bias, 0), (listening, 1))]
    return changed


@torch.no_grad()
def restart(
    changed: Iterable[Revived], model: nn.Module, average: nn.Module, optimizers: Iterable[torch.optim.Optimizer]
) -> None:
    """Bring a model's average to what was overwritten, and let optimisers forget what they knew of it."""
    trained, averages = (dict(m.named_parameters()) for m in (model, average))
    for name, axis, channels in changed:
        parameter = trained[name]
        averages[name].index_copy_(axis, channels, parameter.index_select(axis, channels))
        for optimizer in optimizers:
            for value in optimizer.state.get(parameter, {}).values():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    value.index_fill_(axis, channels, 0)


class _Seen:
    """What a layer was seen to do until `close`."""

    def __init__(self, layer: Layer) -> None:
        self.places = 0
        self.above: Tensor = torch.zeros(())
        self.inputs: Tensor = torch.zeros(())
        self._handle = layer.register_forward_hook(self._keep)

    def _keep(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.places += output[:, 0].numel()
        self.above = self.above + (output > 0).sum((0, 2, 3))
        self.inputs = self.inputs + inputs[0].float().mean((0, 2, 3)) * output[:, 0].numel()

    def close(self) -> tuple[Tensor, Tensor]:
        """Which outputs are dead, none if nothing was seen, and the means of inputs."""
        self._handle.remove()
        if not self.places:
            return torch.empty(0, dtype=torch.long), self.inputs
        return (self.above < ALIVE * self.places).nonzero().flatten(), self.inputs / self.places


def _kernel(layer: Layer) -> Tensor:
    return layer.weights[0] if isinstance(layer, ExactSum) else layer.weight
