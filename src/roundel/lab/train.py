"""The trainer: one page for every model of the zoo."""

import copy
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.lab import optim


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. `crops`: (fraction of training from which it holds, side in px, batch size)."""

    steps: int
    lr: float = 1e-3
    warmup: int = 200
    muon: bool = True
    linear_lr: float = 0.2
    ema: float = 0.999
    clip: float = 1.0
    crops: tuple[tuple[float, int, int], ...] = ((0.0, 128, 8),)
    seed: int = 0
    bf16: bool = True
    validate_every: int = 1000

    def crop(self, step: int) -> tuple[int, int]:
        """(side, batch size) at a step."""
        return next((side, size) for start, side, size in reversed(self.crops) if step >= start * self.steps)


class Task(Protocol):
    """What is trained: a model, its data and what to minimise."""

    model: nn.Module

    def batch(self, count: int, side: int) -> Tensor:
        """Training crops, uint8 (count, 3, side, side)."""
        ...

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The scalar to minimise and what to log; `progress` runs from 0 to 1."""
        ...

    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """A score, lower is better, and what to log."""
        ...


class Log:
    """JSON lines, and TensorBoard where it is installed."""

    def __init__(self, folder: Path) -> None:
        self.file = (folder / "log.jsonl").open("a", buffering=1)
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.board: Any = SummaryWriter(str(folder))
        except ImportError:
            self.board = None

    def write(self, step: int, values: dict[str, float]) -> None:
        self.file.write(json.dumps({"step": step, **{k: round(v, 6) for k, v in values.items()}}) + "\n")
        if self.board is not None:
            for key, value in values.items():
                self.board.add_scalar(key, value, step)


def train(task: Task, schedule: Schedule, out: Path, *, resume: bool = False, device: str = "cpu",
          stop_after_s: float = math.inf, progress: bool = True) -> nn.Module:  # fmt: skip
    """Train to the end of the schedule (or for `stop_after_s`) and return the averaged model.

    Under torchrun every process trains on its own batches and gradients are averaged; the first one logs and saves.
    `out` receives log.jsonl and checkpoint.pt, replaced in one move; `resume` goes on from it exactly.

    Raises:
        ModelError: when the loss is not finite; the last good checkpoint stays.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device.startswith("cuda") else device
    torch.manual_seed(schedule.seed + rank)
    out.mkdir(parents=True, exist_ok=True)
    model = task.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).eval()
    optimizers = optim.build(model, schedule.lr, schedule.muon, schedule.linear_lr)
    start, saved = 0, out / "checkpoint.pt"
    if resume and saved.exists():
        state = torch.load(saved, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for optimizer, part in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(part)
        start = state["step"]
        torch.manual_seed(schedule.seed + rank + start)
    distributed: nn.Module = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    log = Log(out) if rank == 0 else None
    begun = time.monotonic()

    def save(step: int) -> None:
        parts = {"model": model.state_dict(), "average": average.state_dict(), "step": step,
                 "optimizers": [o.state_dict() for o in optimizers], "schedule": json.dumps(asdict(schedule))}  # fmt: skip
        torch.save(parts, out / "checkpoint.tmp")
        (out / "checkpoint.tmp").replace(saved)

    from tqdm import tqdm

    for step in tqdm(range(start, schedule.steps), initial=start, total=schedule.steps, disable=not progress or rank > 0):
        factor = optim.cosine(step, schedule.steps, schedule.warmup)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * factor
        side, count = schedule.crop(step)
        x = task.batch(count, side).to(device, non_blocking=True)
        x = x.to(memory_format=torch.channels_last).float().div_(255)
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=schedule.bf16):
            loss, values = task.loss(distributed, x, step / schedule.steps)
        if not math.isfinite(values["loss"]):
            raise ModelError(f"step {step}: the loss is {values['loss']}; lower the learning rate and --resume from {saved}")
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        decay = min(schedule.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        done = step + 1
        stopping = time.monotonic() - begun > stop_after_s
        if log is not None and done % 50 == 0:
            log.write(done, {**values, "grad_norm": float(norm), "lr": schedule.lr * factor, "s": time.monotonic() - begun})
        if log is not None and (done % schedule.validate_every == 0 or done == schedule.steps or stopping):
            score, values = task.validate(average)
            log.write(done, {"score": score, **values, "s": time.monotonic() - begun})
            save(done)
        if stopping:
            break
    return average


def seeded(seed: int) -> np.random.Generator:
    """The generator that draws crops; ranks of a distributed run differ."""
    return np.random.default_rng([seed, int(os.environ.get("RANK", 0))])
