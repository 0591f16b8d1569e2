"""Training recipes: a TOML file to a task and a schedule, and what to do with the trained model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import numpy as np
from torch import nn

from roundel.errors import ModelError
from roundel.training import data
from roundel.training.trainer import Schedule, Task

T = TypeVar("T")
Build = Callable[[dict[str, Any], Sequence[Path], int], Task]
Export = Callable[[nn.Module, Task, Path, dict[str, str]], None]


@dataclass(frozen=True)
class Recipe:
    """A configuration, read and checked."""

    kind: str
    schedule: Schedule
    task: Task
    export: Export
    """(averaged model, task, path, notes) writes a weights file."""


def record(cls: type[T], values: dict[str, Any], where: str) -> T:
    """A dataclass from a TOML table.

    Raises:
        ModelError: a key is unknown, with the known ones, or a value is of another kind than its field.
    """
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    if unknown := set(values) - set(known):
        raise ModelError(f"[{where}] has no setting {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    frozen = {k: _tuples(v) for k, v in values.items()}
    for f in fields(cls):  # type: ignore[arg-type]
        if f.name in frozen and not _fits(frozen[f.name], f.type):
            like = "" if f.default is MISSING else f", such as {json.dumps(f.default)}"
            kind = "a list" if get_origin(f.type) is tuple else f"of type {getattr(f.type, '__name__', f.type)}"
            raise ModelError(f"[{where}] {f.name} = {json.dumps(values[f.name], default=str)}: it must be {kind}{like}")
    try:
        return cls(**frozen)
    except TypeError as error:
        raise ModelError(f"[{where}]: {error}") from error


def read(path: Path) -> dict[str, Any]:
    """A configuration as TOML has it.

    Raises:
        ModelError: the file is missing or is not TOML.
    """
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib  # type: ignore[no-redef]
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot read the configuration: {error}") from error


def load(path: Path, folders: Sequence[Path]) -> Recipe:
    """Read a configuration and the pictures in the folders.

    Raises:
        ModelError: the file is missing, is not TOML, or has unknown settings.
        ImageError: a folder holds no pictures.
    """
    config = read(path)
    kind = config.get("kind")
    if kind not in RECIPES:
        raise ModelError(f"{path}: kind = {kind!r} is unknown; known: {', '.join(RECIPES)}")
    schedule = record(Schedule, config.get("schedule", {}), "schedule")
    build, export = RECIPES[kind]()
    return Recipe(kind, schedule, build(config, folders, schedule.seed), export)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value of a TOML file can be of this type; types that no file can spell are let through."""
    if get_origin(kind) is tuple and isinstance(value, tuple):
        inner = get_args(kind)
        if inner[-1] is Ellipsis:
            return all(_fits(v, inner[0]) for v in value)
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return get_origin(kind) is not tuple and (kind not in (str, bool) or isinstance(value, kind))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _photos(
    config: dict[str, Any], folders: Sequence[Path], make: Callable[[list[np.ndarray]], nn.Module], *, bench: bool
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


def _wavelet() -> tuple[Build, Export]:
    from roundel.training.wavelet import export as wavelet_export
    from roundel.training.wavelet.net import WaveletNet, WaveletShape

    def build(config: dict[str, Any], folders: Sequence[Path], seed: int) -> Task:
        def make(images: list[np.ndarray]) -> nn.Module:
            model = WaveletNet(record(WaveletShape, config.get("shape", {}), "shape"))
            model.initialise(data.Crops(images).batch(64, 256, np.random.default_rng(seed)).float().div(255))
            return model

        return _photos(config, folders, make, bench=False)

    return build, wavelet_export.export


def _classic(make: Callable[..., nn.Module], **fixed: Any) -> Callable[[], tuple[Build, Export]]:
    """A model of the literature: `[shape]` has n, m and lmbda. It makes no files; its weights are saved as they are."""

    def build(config: dict[str, Any], folders: Sequence[Path], seed: int) -> Task:
        from roundel.lab.classic import Size

        size = record(Size, config.get("shape", {}), "shape")
        return _photos(config, folders, lambda _: make(size, **fixed), bench=make is _hyperprior)

    def export(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
        from safetensors.torch import save_file

        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, notes)

    return lambda: (build, export)


def _factorized(size: Any) -> nn.Module:
    from roundel.lab.classic import FactorizedPrior

    return FactorizedPrior(size)


def _hyperprior(size: Any, *, means: bool) -> nn.Module:
    from roundel.lab.classic import Hyperprior

    return Hyperprior(size, means=means)


def _lossless() -> tuple[Build, Export]:
    from roundel.training.pyramid import export as lossless_export
    from roundel.training.pyramid import task as lossless
    from roundel.training.pyramid.net import Pyramid, PyramidShape

    def build(config: dict[str, Any], folders: Sequence[Path], seed: int) -> Task:
        model = Pyramid(record(PyramidShape, config.get("shape", {}), "shape"))
        return lossless.build(model, record(lossless.Data, config.get("data", {}), "data"), folders)

    return build, lossless_export.export


def _flow(kind: str) -> Callable[[], tuple[Build, Export]]:
    """A flow of the literature: likelihoods only, so its weights are saved as they are."""

    def build(config: dict[str, Any], folders: Sequence[Path], seed: int) -> Task:
        from roundel.lab import flow, flows
        from roundel.training.pyramid import task as lossless

        make = {"idf": flow.idf, "continuous-twin": flow.continuous_twin, "realnvp": flow.real_nvp, "glow": flow.glow}
        model = make[kind](record(flow.FlowShape, config.get("shape", {}), "shape"))
        return flows.build(model, record(lossless.Data, config.get("data", {}), "data"), folders)

    return lambda: (build, _save_floats)


def _fsq() -> tuple[Build, Export]:
    from roundel.training.pyramid import task as lossless
    from roundel.training.tokens import task as fsq
    from roundel.training.tokens.model import AutoencoderShape

    def build(config: dict[str, Any], folders: Sequence[Path], seed: int) -> Task:
        shape = record(AutoencoderShape, config.get("shape", {}), "shape")
        objective = record(fsq.Objective, config.get("objective", {}), "objective")
        task = fsq.build(shape, objective, record(lossless.Data, config.get("data", {}), "data"), folders, seed)
        if "adaptation" not in config:
            return task
        from roundel.training.tokens import adaptive

        adaptation = record(adaptive.Adaptation, config["adaptation"], "adaptation")
        schedule = record(Schedule, config.get("schedule", {}), "schedule")
        return adaptive.AdaptiveTask(**vars(task), adaptation=adaptation, schedule=schedule)

    return build, fsq.export


def _save_floats(model: nn.Module, task: Task, path: Path, notes: dict[str, str]) -> None:
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, notes)


RECIPES: dict[str, Callable[[], tuple[Build, Export]]] = {
    "wavelet": _wavelet,
    "lossless": _lossless,
    "fsq": _fsq,
    **{kind: _flow(kind) for kind in ("idf", "continuous-twin", "realnvp", "glow")},
    "factorized-prior": _classic(_factorized),
    "scale-hyperprior": _classic(_hyperprior, means=False),
    "mean-scale-hyperprior": _classic(_hyperprior, means=True),
}
"""Recipes by the `kind` of a configuration; imported when chosen."""
