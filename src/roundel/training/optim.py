"""Optimisers and schedules of the trainer."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly: singular values pulled to about 1 by quintic Newton–Schulz steps.

    A step multiplies by a polynomial of the Gram matrix, which the steps before turn into another such polynomial; so
    only the small side is iterated, and the matrices themselves are touched at the ends.

    Args:
        matrices: (N, rows, columns).

    Source: Jordan et al. 2024 (Muon), with their coefficients.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices.float() if wide else matrices.float().mT
    x = x / (torch.linalg.matrix_norm(x)[:, None, None] + 1e-7)
    gram, product = x @ x.mT, None
    for _ in range(steps):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    x = product @ x
    return (x if wide else x.mT).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for weights that act as matrices; convolutions are flattened.

    The update has the root mean square of a typical Adam step (0.2), so learning rates carry over. Weights of one
    shape are updated together.

    Source: Jordan et al. 2024; the scale from Liu et al. 2025 ("Muon is scalable").
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; closures are not called."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault(p.flatten(1).shape, []).append((p, p.grad))
                    if not self.state[p]:
                        self.state[p]["momentum"] = torch.zeros_like(p)
            for shape, pairs in alike.items():
                params, grads = map(list, zip(*pairs, strict=True))
                momenta = [self.state[p]["momentum"] for p in params]
                torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
                ahead = torch._foreach_lerp(grads, momenta, group["momentum"])
                updates = orthogonalise(torch.stack([update.flatten(1) for update in ahead]))
                torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
                shaped = [update.view_as(p) for update, p in zip(updates, params, strict=True)]
                torch._foreach_add_(params, shaped, alpha=-group["lr"] * 0.2 * math.sqrt(max(shape)))


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
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr, (0.9, 0.98), weight_decay=0.0, fused=True)]
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
