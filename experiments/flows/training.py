"""Training a row for so many seconds of one processor core, and its multiplications."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from roundel.lab.mixture_coupling import GatedAttention
from roundel.training import recipes
from roundel.training.exact.sums import ExactSum
from roundel.training.recipes import Recipe
from roundel.training.trainer import Trainer

COUNTED = 2
WARM_STEPS = 4
TIMED_STEPS = 20
SMOKE_STEPS = 2
SAVED_EVERY = 200
"""Steps between checkpoints."""
PLAN = "plan.json"


@contextmanager
def counting(model: nn.Module, counts: list[int]) -> Iterator[None]:
    """Append the multiplications of every convolution and attention while this holds."""

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, GatedAttention):  # its two products; its layers count for themselves
            counts.append(2 * output.numel() * output[0, 0].numel())
            return
        weights = module.weights if isinstance(module, ExactSum) else [module.weight]
        counts.append(sum(w.numel() for w in weights) * output.numel() // output.shape[1])

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | ExactSum | GatedAttention)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    yield
    for handle in handles:
        handle.remove()


def multiplications(recipe: Recipe) -> int:
    """Of the likelihood of a pixel."""
    counts: list[int] = []
    few = replace(recipe.task, validation=recipe.task.validation[:COUNTED])  # type: ignore[type-var, attr-defined]
    with counting(few.model, counts):
        few.validate(few.model)
    side, _ = recipe.schedule.crop(0)
    return round(sum(counts) / (COUNTED * side**2))


def steps_in(config: Path, folder: Path, seconds: float) -> int:
    """As many as fit into the seconds, by timing a few."""
    torch.manual_seed(1)
    recipe = recipes.load(config, [folder])
    trial = Trainer(recipe.task, replace(recipe.schedule, steps=10**6), Path(), "cpu")
    for step in range(WARM_STEPS + TIMED_STEPS):
        if step == WARM_STEPS:
            begun = time.process_time()
        trial.advance(trial.model, 0)
    return max(1, round(seconds * TIMED_STEPS / (time.process_time() - begun)))


def trained(config: Path, folder: Path, seconds: float, place: Path) -> tuple[Any, nn.Module, dict[str, Any]]:
    """Train, or go on with what the folder `place` holds: the task, the averaged model and how it came about.

    Args:
        seconds: of processor time; 0 for `SMOKE_STEPS`.
    """
    place.mkdir(parents=True, exist_ok=True)
    plan_file = place / PLAN
    if plan_file.exists():
        plan = json.loads(plan_file.read_text(encoding="utf-8"))
    else:
        plan = {"steps": steps_in(config, folder, seconds) if seconds else SMOKE_STEPS, "seconds": 0.0}
    torch.manual_seed(1)
    recipe = recipes.load(config, [folder])
    arithmetic = multiplications(recipe)
    trainer = Trainer(recipe.task, replace(recipe.schedule, steps=plan["steps"]), place, "cpu")
    trainer.load()
    while trainer.step < plan["steps"]:
        begun = time.process_time()
        for _ in range(min(SAVED_EVERY, plan["steps"] - trainer.step)):
            trainer.advance(trainer.model, 0)
        plan["seconds"] += time.process_time() - begun
        trainer.save()
        plan_file.write_text(json.dumps(plan), encoding="utf-8")
    _, batch = recipe.schedule.crop(0)
    how = {
        "multiplications_per_pixel": arithmetic,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "steps": plan["steps"],
        "pictures": plan["steps"] * batch,
        "seconds": round(plan["seconds"], 1),
    }
    return recipe.task, trainer.average.eval(), how
