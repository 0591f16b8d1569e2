"""Likelihoods of the flows of the literature and of the shipped kind, after equal processor time. Writes one JSON file.

Usage: python experiments/flows/run.py OUT.json --cifar DIR [--seconds 90]

Every configuration beside this file is trained on the CIFAR-10 training batches, but for their last 1,000 pictures, for
as many steps as fit into the given seconds of one processor core; the learning rate falls to zero at the last. The
figure is bits per dimension of the averaged weights on those 1,000 pictures: of discrete models what a coder needs, of
continuous ones an upper bound by uniform dequantisation. pyramid.toml needs about as many multiplications
a pixel as idf.toml.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from roundel.measure.provenance import provenance
from roundel.training import recipes
from roundel.training.exact.sums import ExactSum
from roundel.training.trainer import Trainer

COUNTED = 2
WARM_STEPS = 4
TIMED_STEPS = 8


@contextmanager
def counting(model: nn.Module, counts: list[int]) -> Iterator[None]:
    """Append the multiplications of every convolution while this holds."""

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weights = module.weights if isinstance(module, ExactSum) else [module.weight]
        counts.append(sum(w.numel() for w in weights) * output.numel() // output.shape[1])

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | ExactSum)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    yield
    for handle in handles:
        handle.remove()


def measure(config: Path, folder: Path, seconds: float) -> dict[str, float | int]:
    """Train for so long; the likelihood and how it came about."""
    recipe = recipes.load(config, [folder])
    counts: list[int] = []
    few = replace(recipe.task, validation=recipe.task.validation[:COUNTED])  # type: ignore[type-var, attr-defined]
    with counting(few.model, counts):
        few.validate(few.model)
    with tempfile.TemporaryDirectory() as out:
        trial = Trainer(recipe.task, replace(recipe.schedule, steps=10**6), Path(out), "cpu")
        for step in range(WARM_STEPS + TIMED_STEPS):
            if step == WARM_STEPS:
                begun = time.process_time()
            trial.advance(trial.model, 0)
        steps = round(seconds * TIMED_STEPS / (time.process_time() - begun))
        recipe = recipes.load(config, [folder])
        trainer = Trainer(recipe.task, replace(recipe.schedule, steps=steps), Path(out), "cpu")
        begun = time.process_time()
        while trainer.step < steps:
            trainer.advance(trainer.model, 0)
        spent = time.process_time() - begun
    bits, _ = recipe.task.validate(trainer.average)
    side, batch = recipe.schedule.crop(0)
    return {
        "bits_per_dimension": round(bits, 4),
        "multiplications_per_pixel": round(sum(counts) / (COUNTED * side**2)),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "steps": steps,
        "pictures": steps * batch,
        "seconds": round(spent, 1),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    command = f"python experiments/flows/run.py {options.out} --seconds {options.seconds:g}"
    batches = sorted(options.cifar.glob("data_batch_*.bin"))
    results: dict[str, object] = {"provenance": asdict(provenance(command, batches))}
    for config in sorted(Path(__file__).parent.glob(f"{options.only or '*'}.toml")):
        torch.manual_seed(1)
        results[config.stem] = measure(config, options.cifar, options.seconds)
        print(config.stem, results[config.stem], flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
