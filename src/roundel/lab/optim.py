"""Optimisers and schedules of the trainer."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrix, roughly: singular values pulled to about 1 by a quintic Newton–Schulz iteration.

    Source: Jordan et al. 2024 (Muon), with their coefficients.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.T).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for weights that act as matrices; convolutions are flattened.

    The update has the root mean square of a typical Adam step (0.2), so learning rates carry over.

    Source: Jordan et al. 2024; the scale from Liu et al. 2025 ("Muon is scalable").
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalise(p.grad.lerp(state["momentum"], group["momentum"]).flatten(1))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.view_as(p), alpha=-group["lr"] * 0.2 * math.sqrt(max(update.shape)))


def build(
    model: nn.Module, lr: float, muon: bool, linear_lr: float, base_fan_in: int = 0
) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the kernels between hidden layers and AdamW for the rest.

    What enters from data or leaves to it (modules named `enter`, `leave`) stays with AdamW: an orthogonalised update
    moves all outputs alike, and latents differ in size by orders of magnitude.

    Args:
        linear_lr: rate of the `linear` shortcuts relative to `lr`; they start near their optimum.
        base_fan_in: where not 0, AdamW's rate for a kernel with more inputs than this falls in proportion (Yang et al.
            2021, muP): inputs that vary together, as pixels do, else move an output by much more than the rate says.
    """
    shortcut, matrices, rest = [], [], []
    wide: dict[float, list[Tensor]] = {}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if ".linear." in name:
            shortcut.append(p)
        elif muon and p.ndim == 4 and min(p.shape[:2]) >= 16 and not {"enter", "leave"} & set(name.split(".")):
            matrices.append(p)
        elif base_fan_in and p.ndim == 4 and p[0].numel() > base_fan_in:
            wide.setdefault(base_fan_in / p[0].numel(), []).append(p)
        else:
            rest.append(p)
    groups = [{"params": rest, "lr": lr}, {"params": shortcut, "lr": lr * linear_lr}]
    groups += [{"params": params, "lr": lr * share} for share, params in wide.items()]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr, (0.9, 0.98), weight_decay=0.0)]
    if matrices:
        optimizers.append(Muon(matrices, lr))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def cosine(step: int, steps: int, warmup: int) -> float:
    """Factor of the learning rate: a linear warm-up, then a cosine to zero at `steps`."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))
