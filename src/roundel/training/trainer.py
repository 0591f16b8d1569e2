"""The trainer: one page for every model of the zoo."""

import copy
import json
import math
import os
import pickle
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training import optim
from roundel.training.progress import Progress
from roundel.training.quantizers.codes import NotFiniteError
from roundel.training.revival import restart, revive
from roundel.training.stopping import Stopping

CHECKPOINT, WEIGHTS, LOG = "checkpoint.pt", "weights.safetensors", "log.jsonl"
"""What the folder of a training receives."""

LOG_EVERY = 50
"""Steps between lines of the log."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. `crops`: (fraction of training from which it holds, side in px, batch size)."""

    steps: int
    lr: float = 1e-3
    warmup: int = 200
    muon: bool = True
    linear_lr: float = 0.2
    base_fan_in: int = 0
    only: str = ""
    """Train only the parameters whose names begin so."""
    ema: float = 0.999
    clip: float = 1.0
    crops: tuple[tuple[float, int, int], ...] = ((0.0, 128, 8),)
    seed: int = 0
    bf16: bool = True
    revive_every: int = 0
    """Give dead hidden channels of residual blocks a new start after so many steps, before the first and until six
    tenths of the training; 0 never does. For nets that were grown."""
    validate_every: int = 1000

    def revives(self, step: int) -> bool:
        """Whether dead channels start anew before a step."""
        return bool(self.revive_every) and step % self.revive_every == 0 and step < 0.6 * self.steps

    def crop(self, step: int) -> tuple[int, int]:
        """(side, batch size) at a step."""
        return next((side, size) for start, side, size in reversed(self.crops) if step >= start * self.steps)


class Task(Protocol):
    """What is trained: a model, its data and what to minimise."""

    model: nn.Module

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Training crops, uint8 (count, 3, side, side), drawn with this generator only."""
        ...

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The scalar to minimise and what to log; `progress` runs from 0 to 1."""
        ...

    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """A score, lower is better, and what to log."""
        ...


class Log:
    """JSON lines, and TensorBoard where it is installed."""

    def __init__(self, folder: Path, *, anew: bool) -> None:
        self.file = (folder / LOG).open("w" if anew else "a", buffering=1)
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


class Trainer:
    """A model in training: its average, optimisers, and the checkpoint that holds them all."""

    def __init__(self, task: Task, schedule: Schedule, out: Path, device: str) -> None:
        self.task, self.schedule, self.out, self.device = task, schedule, out, device
        self.checkpoint = out / CHECKPOINT
        self.model = task.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name.startswith(schedule.only))
        self.average = copy.deepcopy(self.model).eval()
        self.optimizers = optim.build(self.model, schedule.lr, schedule.muon, schedule.linear_lr, schedule.base_fan_in)
        self.step = 0

    def save(self) -> None:
        """Replace the checkpoint in one move."""
        parts = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "schedule": json.dumps(asdict(self.schedule)),
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(parts, temporary)
        temporary.replace(self.checkpoint)

    def load(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises:
            ModelError: it is damaged or of another model.
        """
        if not self.checkpoint.exists():
            return
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimizer, part in zip(self.optimizers, state["optimizers"], strict=True):
                peaks = [group["peak_lr"] for group in optimizer.param_groups]
                optimizer.load_state_dict(part)
                for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                    group["peak_lr"] = peak  # the configuration's, which may have changed, not the checkpoint's
            self.step = state["step"]
        except (KeyError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"{self.checkpoint}: cannot resume from this checkpoint: {reason}") from error

    def revive(self) -> int:
        """Give dead hidden channels a new start; returns how many there were."""
        side, count = self.schedule.crop(self.step)
        torch.manual_seed(self.schedule.seed * 1_000_003 + self.step)
        x = self.task.batch(count, side, np.random.default_rng([self.schedule.seed, self.step]))
        x = x.to(self.device, memory_format=torch.channels_last).float().div_(255)
        changed = revive(self.model, lambda: self.task.loss(self.model, x, 0.0))
        restart(changed, self.model, self.average, self.optimizers)
        return sum(len(r.channels) for r in changed if r.axis == 1)

    def advance(self, model: nn.Module, rank: int) -> dict[str, float]:
        """One step; `model` is the network as the forward pass sees it. Returns what to log.

        Raises:
            ModelError: the loss or its gradients are not finite.
        """
        schedule, step = self.schedule, self.step
        factor = optim.cosine(step, schedule.steps, schedule.warmup)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * factor
        # Randomness depends on the step alone, so that a resumed run is the run that was not broken off.
        torch.manual_seed(schedule.seed * 1_000_003 + step * 1_009 + rank)
        side, count = schedule.crop(step)
        x = self.task.batch(count, side, np.random.default_rng([schedule.seed, rank, step]))
        x = x.to(self.device, memory_format=torch.channels_last).float().div_(255)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=schedule.bf16):
            try:
                loss, values = self.task.loss(model, x, step / schedule.steps)
            except NotFiniteError as error:
                raise self._diverged(str(error)) from error
        if not math.isfinite(values["loss"]):
            raise self._diverged(f"the loss is {values['loss']}")
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), schedule.clip)
        if not torch.isfinite(norm):  # before a step is made with it, or the next checkpoint would be worthless
            raise self._diverged(f"the norm of the gradients is {norm.item()}")
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._average(min(schedule.ema, (1 + step) / (10 + step)))
        self.step += 1
        return {**values, "grad_norm": float(norm), "lr": schedule.lr * factor}

    def _diverged(self, found: str) -> ModelError:
        kept = self.checkpoint.exists()
        where = f"the last good checkpoint is {self.checkpoint}" if kept else "there is no checkpoint yet"
        advice = "lower the learning rate" + (" and --resume" if kept else "")
        return ModelError(f"step {self.step}: {found}; {advice}; {where}")

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        for mean, value in zip(self.average.buffers(), self.model.buffers(), strict=True):
            mean.copy_(value)


def check_free(out: Path, *, resume: bool = False, force: bool = False) -> None:
    """Refuse the folder of another training.

    Raises:
        ModelError: it holds a checkpoint or weights, and neither `resume` nor `force` says what to do with them.
    """
    for name in (CHECKPOINT, WEIGHTS):
        if not resume and not force and (out / name).exists():
            raise ModelError(
                f"{out / name} exists: go on from it (--resume), start again and overwrite it (-f), or choose another "
                "folder (-o)"
            )


def train(task: Task, schedule: Schedule, out: Path, *, resume: bool = False, force: bool = False, device: str = "cpu",
          stop_after_s: float = math.inf, progress: bool = True) -> nn.Module:  # fmt: skip
    """Train to the end of the schedule (or for `stop_after_s`) and return the averaged model.

    Under torchrun every process trains on its own batches and gradients are averaged; the first one logs and saves.
    `out` receives log.jsonl and checkpoint.pt; `resume` goes on from it exactly, `force` starts again.

    Raises:
        ModelError: loss or gradients are not finite (the last good checkpoint stays), the checkpoint does not fit, or
            there is one and neither `resume` nor `force` is set.
        ImageError: no picture is as large as the crops, those of later parts of the schedule included.
        Interrupted: SIGINT or SIGTERM came; the checkpoint is written.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    check_free(out, resume=resume, force=force)
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device.startswith("cuda") else device
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(task, schedule, out, device)
    if resume:
        trainer.load()
    model: nn.Module = nn.parallel.DistributedDataParallel(trainer.model) if world > 1 else trainer.model
    log = Log(out, anew=not resume) if rank == 0 else None
    for _, side, _ in schedule.crops:  # complains now, not hours later
        task.batch(1, side, np.random.default_rng(0))
    begun = time.monotonic()
    shown = Progress(trainer.step, schedule.steps, shown=progress and rank == 0)
    with shown, Stopping() as stopping:
        while trainer.step < schedule.steps:
            if schedule.revives(trainer.step):
                revived = trainer.revive()
                if log is not None:
                    log.write(trainer.step, {"revived": revived})
            values = trainer.advance(model, rank)
            done, elapsed_s = trainer.step, time.monotonic() - begun
            shown.step(done, values)
            last = done == schedule.steps or elapsed_s > stop_after_s
            if log is not None:
                if done % LOG_EVERY == 0:
                    log.write(done, {**values, "s": elapsed_s})
                if stopping.signal is None and (done % schedule.validate_every == 0 or last):
                    score, found = task.validate(trainer.average)
                    log.write(done, {"score": score, **found, "s": elapsed_s})
                    shown.validated(done, score, found)
                    trainer.save()
            if stopping.signal is not None:
                if log is not None:
                    trainer.save()
                raise Interrupted(stopping.signal, done, trainer.checkpoint)
            if last:
                break
    return trainer.average


class Interrupted(KeyboardInterrupt):
    """A signal ended a training between two steps, after its checkpoint was written."""

    def __init__(self, number: int, step: int, checkpoint: Path) -> None:
        super().__init__(f"interrupted after step {step}; {checkpoint} is written, --resume goes on from it")
        self.signal = number


def averaged(checkpoint: Path, model: nn.Module, new: str = "") -> dict[str, Tensor]:
    """The averaged weights of a checkpoint, as state of a model.

    Args:
        new: the checkpoint may lack parameters whose names begin so; they stay as the model has them.

    Raises:
        ModelError: the checkpoint is missing, damaged or of another model.
    """
    held = model.state_dict()
    try:
        average: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    except (OSError, KeyError, TypeError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(f"{checkpoint}: cannot start from this checkpoint: {str(error).splitlines()[0]}") from error
    if new:
        average = {k: v for k, v in held.items() if k.startswith(new)} | average
    both = held.keys() & average.keys()
    if wrong := sorted((held.keys() ^ average.keys()) | {k for k in both if held[k].shape != average[k].shape}):
        raise ModelError(f"{checkpoint}: cannot start from this checkpoint: it is of another model, by {wrong[0]}")
    return average
