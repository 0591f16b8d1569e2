"""What can be trained: a configuration to a task and a schedule, and what to do with the trained model.

The one module of `training` that knows the lab, whose models train by the same command.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training import data
from roundel.training.configuration import read, record
from roundel.training.trainer import Schedule, Task, averaged

Config = Mapping[str, Any]
Export = Callable[[nn.Module, Task, Path, dict[str, str]], None]


@dataclass(frozen=True)
class Kind:
    """What the `kind` of a configuration stands for."""

    build: Callable[[Config, Sequence[Path], int], Task]
    """(configuration, folders of pictures, seed) reads the pictures and makes an untrained model."""
    export: Export
    """(averaged model, task, path, notes) writes a weights file."""
    published: Callable[[Path, Any], Mapping[str, Tensor]] | None = None
    """(weights file, model) gives the state to go on from; None where weights files cannot be trained on."""


@dataclass(frozen=True)
class Recipe:
    """A configuration, read and checked, with its pictures."""

    kind: str
    schedule: Schedule
    task: Task
    export: Export


def load(path: Path, folders: Sequence[Path]) -> Recipe:
    """The recipe of a configuration file and the pictures in the folders.

    Raises:
        ModelError: the file is missing, is not TOML, or has unknown settings.
        ImageError: a folder holds no pictures.
    """
    return prepare(read(path), folders, str(path))


def prepare(config: Config, folders: Sequence[Path], where: str) -> Recipe:
    """The recipe of a configuration that came from `where`. Raises: see `load`."""
    kind = kind_of(config, where)
    schedule = record(Schedule, config.get("schedule", {}), "schedule")
    return Recipe(config["kind"], schedule, kind.build(config, folders, schedule.seed), kind.export)


def kind_of(config: Config, where: str) -> Kind:
    """What a configuration trains. Raises: ModelError, its `kind` is missing or unknown."""
    name = config.get("kind")
    if name not in KINDS:
        raise ModelError(f"{where}: kind = {name!r} is unknown; known: {', '.join(KINDS)}")
    return KINDS[name]()


def start(model: nn.Module, initial: Path, kind: str, new: str = "") -> None:
    """Give a model the averaged weights of a checkpoint, or those of a weights file (.safetensors).

    Args:
        new: the checkpoint may lack parameters whose names begin so.

    Raises:
        ModelError: the file is missing, damaged or of another model, or this kind cannot start from weights.
    """
    if initial.suffix != ".safetensors":
        model.load_state_dict(averaged(initial, model, new))
        return
    published = KINDS[kind]().published
    if published is None:
        raise ModelError(f"{initial}: {kind} models cannot start from weights; give a checkpoint.pt")
    model.load_state_dict(published(initial, model))


def _photos(
    config: Config, folders: Sequence[Path], make: Callable[[list[np.ndarray]], nn.Module], *, bench: bool
) -> Task:
    """The lossy task on a split of the pictures; `make` builds the model from the training pictures.

    Args:
        bench: of one rate, with the gaps in its log; else of all rates.
    """
    from roundel.lab.bench import BenchTask
    from roundel.training import lossy, quantizers

    settings = record(lossy.Data, config.get("data", {}), "data")
    quantizers.check(settings.quantizers)  # before the pictures are read
    training, validating = data.split(data.find_images(folders))
    images = data.load(training, settings.scales)
    validation = data.centre_crops(data.load(validating), settings.validation_px)
    crops, stages = data.Crops(images), settings.quantizers
    if bench:
        return BenchTask(make(images), crops, validation, stages)
    return lossy.LossyTask(make(images), crops, validation, settings.balance, stages)


def _wavelet() -> Kind:
    from roundel.training.wavelet import export, resume, task
    from roundel.training.wavelet.net import WaveletShape

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        shape = record(WaveletShape, config.get("shape", {}), "shape")
        return task.build(shape, record(task.Data, config.get("data", {}), "data"), folders, seed)

    return Kind(build, export.export_trained, resume.trainable)


def _lossless() -> Kind:
    from roundel.training.pyramid import export, resume, task
    from roundel.training.pyramid.net import Pyramid, PyramidShape
    from roundel.training.pyramid.rounding import Rounding

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        model = Pyramid(record(PyramidShape, config.get("shape", {}), "shape"))
        rounding = record(Rounding, config.get("rounding", {}), "rounding")
        return task.build(model, record(task.Data, config.get("data", {}), "data"), folders, rounding)

    return Kind(build, export.export, resume.trainable)


def _fsq() -> Kind:
    from roundel.training.pyramid.task import Data
    from roundel.training.tokens import adaptive, export, resume, task
    from roundel.training.tokens.model import AutoencoderShape

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        shape = record(AutoencoderShape, config.get("shape", {}), "shape")
        objective = record(task.Objective, config.get("objective", {}), "objective")
        built = task.build(shape, objective, record(Data, config.get("data", {}), "data"), folders, seed)
        if "adaptation" not in config:
            return built
        adaptation = record(adaptive.Adaptation, config["adaptation"], "adaptation")
        schedule = record(Schedule, config.get("schedule", {}), "schedule")
        return adaptive.AdaptiveTask(**vars(built), adaptation=adaptation, schedule=schedule)

    return Kind(build, export.export, resume.trainable)


def _classic(name: str) -> Callable[[], Kind]:
    """A model of the literature: `[shape]` has n, m and lmbda. It makes no files; its weights are saved as they are."""

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        from roundel.lab.classic import Size
        from roundel.lab.literature import MODELS, WATCHED

        size = record(Size, config.get("shape", {}), "shape")
        return _photos(config, folders, lambda _: MODELS[name](size), bench=name in WATCHED)

    return lambda: Kind(build, _save_floats)


def _hific() -> Kind:
    """A mean-scale hyperprior with a critic, see `lab.hific`; its weights are saved as they are."""

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        from roundel.lab.classic import Size
        from roundel.lab.hific import Hific, HificTask, Objective

        objective = record(Objective, config.get("objective", {}), "objective")
        size = record(Size, config.get("shape", {}), "shape")
        plain = _photos(config, folders, lambda _: Hific(size), bench=False)
        return HificTask(**vars(plain), objective=objective)

    return Kind(build, _save_floats)


def _flow(name: str) -> Callable[[], Kind]:
    """A flow of the literature: research alone, so its weights are saved as they are."""

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        from roundel.lab import flow, flows
        from roundel.training.pyramid.task import Data

        make = {"idf": flow.idf, "continuous-twin": flow.continuous_twin, "realnvp": flow.real_nvp, "glow": flow.glow,
                "flow++": flow.flow_plus_plus}  # fmt: skip
        model = make[name](record(flow.FlowShape, config.get("shape", {}), "shape"))
        return flows.build(model, record(Data, config.get("data", {}), "data"), folders)

    return lambda: Kind(build, _save_floats)


def _bit_swap() -> Kind:
    """A hierarchical autoencoder of the literature; bits back makes bytes of it in the lab."""
    from roundel.lab import flows
    from roundel.lab.bitswap import BitSwap, BitSwapShape
    from roundel.training.pyramid.task import Data

    def build(config: Config, folders: Sequence[Path], seed: int) -> Task:
        model = BitSwap(record(BitSwapShape, config.get("shape", {}), "shape"))
        return flows.build(model, record(Data, config.get("data", {}), "data"), folders)

    return Kind(build, _save_floats)


def _save_floats(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, notes)


KINDS: dict[str, Callable[[], Kind]] = {
    "hific": _hific,
    "wavelet": _wavelet,
    "lossless": _lossless,
    "fsq": _fsq,
    **{name: _flow(name) for name in ("idf", "continuous-twin", "realnvp", "glow", "flow++")},
    "bit-swap": _bit_swap,
    **{name: _classic(name) for name in ("factorized-prior", "scale-hyperprior", "mean-scale-hyperprior")},
    **{name: _classic(name) for name in ("learned-steps", "joint-raster", "joint-checkerboard", "mixture-raster")},
    **{name: _classic(name) for name in ("attention-raster", "attention-checkerboard")},
}
"""By the `kind` of a configuration; imported when chosen."""
