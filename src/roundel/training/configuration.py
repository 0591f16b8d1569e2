"""Configurations of trainings: TOML files, those that ship by name, changed from the command line."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from roundel.errors import ModelError

T = TypeVar("T")

KEPT = "config.toml"
"""In the folder of a training: the configuration that it was made with."""

_OWN = re.compile(r"^(?P<file>[^:=]+\.py):(?P<rest>\w.*)$")
"""A class in a file of the user's own, `file.py:Class`, perhaps with a setting behind it."""


def names() -> list[str]:
    """The configurations that ship."""
    return sorted(file.name.removesuffix(".toml") for file in _shipped().iterdir() if file.name.endswith(".toml"))


def find(text: str) -> Path:
    """The file of a configuration: a path, or the name of one that ships.

    Raises:
        ModelError: there is neither.
    """
    path = Path(text)
    if path.is_file():
        return path
    shipped = _shipped() / f"{text.removesuffix('.toml')}.toml"
    if path.name == text and shipped.is_file():
        return Path(str(shipped))
    raise ModelError(f"{text}: no such configuration; give a TOML file, or one of {', '.join(names())}")


def read(path: Path) -> dict[str, Any]:
    """A configuration as TOML has it; files of one's own quantisers are found beside it.

    Raises:
        ModelError: the file is missing or is not TOML.
    """
    try:
        return _located(_parse(path.read_text(encoding="utf-8")), path.parent)
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ModelError(f"{path}: cannot read the configuration: {error}") from error


def change(config: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """A configuration with settings such as "schedule.steps=500" or "shape.widths=[8, 8]" changed or added.

    Values are TOML; what is none is a string. Names of quantisers' files count from the working directory.

    Raises:
        ModelError: a setting has no "=", or its name goes through a value that is no table.

    Example:
        >>> change({"kind": "fsq", "schedule": {"steps": 9}}, ["schedule.steps=500", "shape.prior=chain"])
        {'kind': 'fsq', 'schedule': {'steps': 500}, 'shape': {'prior': 'chain'}}
    """
    changed = json.loads(json.dumps(config))
    for setting in settings:
        name, equals, text = setting.partition("=")
        *tables, key = name.strip().split(".")
        if not equals or not key:
            raise ModelError(f"--set {setting}: give name=value, such as schedule.steps=500")
        table = changed
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ModelError(f"--set {setting}: {part} is a value, not a table")
        table[key] = _located(_value(text.strip()), Path())
    return changed


def keep(config: Mapping[str, Any], out: Path) -> None:
    """Write a configuration into the folder of its training."""
    out.mkdir(parents=True, exist_ok=True)
    (out / KEPT).write_text(text_of(config), encoding="utf-8")


def text_of(config: Mapping[str, Any]) -> str:
    """A configuration as TOML: values, then tables of values.

    Example:
        >>> print(text_of({"kind": "fsq", "shape": {"dims": 64, "levels": [8], "exact": True}}), end="")
        kind = "fsq"
        <BLANKLINE>
        [shape]
        dims = 64
        levels = [8]
        exact = true
    """
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.items() if not isinstance(value, Mapping)]
    for name, table in config.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]"] + [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def record(cls: type[T], values: Mapping[str, Any], where: str) -> T:
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


def own(text: str) -> tuple[Path, str] | None:
    """The file and the rest of "file.py:Class" or "file.py:Class=setting"; None for other text.

    Example:
        >>> own("mine.py:Sharp=0.5")[1]
        'Sharp=0.5'
    """
    found = _OWN.match(text)
    return (Path(found["file"]), found["rest"]) if found else None


def _shipped() -> Any:
    return resources.files("roundel.training") / "configs"


def _parse(text: str) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib  # type: ignore[no-redef]
    return tomllib.loads(text)


def _value(text: str) -> Any:
    try:
        return _parse(f"value = {text}")["value"]
    except ValueError:
        return text


def _located(value: Any, folder: Path) -> Any:
    """Every "file.py:Class" with the file's absolute path, so that it is found from the folder of the training too."""
    if isinstance(value, dict):
        return {key: _located(part, folder) for key, part in value.items()}
    if isinstance(value, list):
        return [_located(part, folder) for part in value]
    if isinstance(value, str) and (found := own(value)):
        return f"{(folder / found[0]).resolve()}:{found[1]}"
    return value


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
