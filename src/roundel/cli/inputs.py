"""Which files a command works on, and where each result goes: files, folders, lists, pipes."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

import click

from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.container import Sliceable

STANDARD = "-"

PICTURES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pam"}
)
"""Suffixes by which files in folders count as pictures; a file that is named itself may have any."""
SLIDES = frozenset({".svs", ".ndpi", ".scn", ".bif", ".mrxs", ".svslide", ".vms", ".vmu", ".czi"})
"""Those of slides, which `encode` reads; of DICOM every file of a folder would be the same slide."""
FILES = frozenset({".rndl"})
ARRAYS = frozenset({".npy"})


class Item(NamedTuple):
    """One piece of work."""

    input: str
    output: str = ""
    """Where its result goes; empty where a command writes none."""
    make_folder: bool = False
    """Whether the folder of the result is made if need be."""


class Plan(NamedTuple):
    """What is to be done, and what cannot be, with the reason."""

    items: list[Item]
    failures: list[tuple[str, str]]
    left: list[str]
    """Files in folders that are none of the command's."""


class _Found(NamedTuple):
    """An input, and the path that its result takes below the folder for results."""

    name: str
    below: PurePath


def plan(
    inputs: Sequence[str],
    files_from: str | None,
    *,
    recursive: bool,
    kinds: frozenset[str],
    output: str | None = None,
    suffix: str | None = None,
) -> Plan:
    """Find the inputs and say where each goes.

    Args:
        inputs: files, folders, or "-" for stdin.
        files_from: a file with one path a line, or "-"; results keep these paths below `output`.
        recursive: folders with all that is below them, not only their own files.
        kinds: suffixes of the files that count in folders.
        output: a file, a folder (made if need be), "-", or None for beside each input.
        suffix: of the results, ".rndl"; None where a command writes none.

    Raises:
        click.UsageError: there are no inputs, or several for one output.
    """
    if not inputs and files_from is None:
        raise click.UsageError("name a file, a folder or -, or give a list with --files-from.")
    if "" in inputs or output == "":
        raise click.UsageError("a name is empty; is a variable of the shell not set?")
    listed = list(_listed(files_from)) if files_from is not None else []
    several = len(inputs) + len(listed) > 1
    found: list[_Found] = [_Found(name, _kept(name)) for name in listed]
    failures: list[tuple[str, str]] = []
    left: list[str] = []
    folders = False
    for name in inputs:
        if name == STANDARD or not os.path.isdir(name):
            found.append(_Found(name, PurePath("stdin" if name == STANDARD else Path(name).name)))
            continue
        folders = True
        closed: list[OSError] = []
        inside = list(_files(Path(name), recursive=recursive, closed=closed))
        failures += [(str(error.filename), f"cannot read this folder ({error.strerror})") for error in closed]
        wanted = [path for path in inside if path.suffix.lower() in kinds]
        left += [str(path) for path in inside if path.suffix.lower() not in kinds]
        top = PurePath(Path(name).resolve().name) if several else PurePath()
        found += [_Found(str(path), top / path.relative_to(name)) for path in wanted]
        if not wanted and not closed:
            hint = "" if recursive else " (-r looks into its folders too)"
            failures.append((name, f"no {_kinds(kinds)} in this folder{hint}"))
    found = list(dict.fromkeys(found))
    if suffix is None:
        return Plan([Item(one.name) for one in found], failures, left)
    folders = folders or several or files_from is not None or (output or "").endswith(("/", os.sep))
    goals = _goals(found, output, suffix, folder=folders)
    make = folders and output is not None
    items = [Item(one.name, goal, make) for one, goal in zip(found, goals, strict=True)]
    return _without_collisions(items, failures, left)


@contextmanager
def opened(name: str) -> "Iterator[Sliceable]":
    """A .rndl file that is read where it is sliced, or all bytes of stdin or a pipe."""
    from roundel.container import Source

    if name == STANDARD:
        yield sys.stdin.buffer.read()
        return
    with open(name, "rb") as file:
        yield Source(file) if file.seekable() else file.read()


def _listed(files_from: str) -> Iterator[str]:
    """Paths of a list, one a line; empty lines are left out."""
    if files_from == STANDARD:
        text = sys.stdin.buffer.read()
    else:
        try:
            text = Path(files_from).read_bytes()
        except OSError as error:
            raise RoundelError(f"cannot read {files_from}: {error.strerror or error}") from error
    yield from (name for name in os.fsdecode(text).splitlines() if name.strip())


def _kept(name: str) -> PurePath:
    """The path of a listed file below the folder for results: its own, unless that leads elsewhere."""
    path = PurePath(os.path.normpath(name))
    return PurePath(path.name) if path.is_absolute() or ".." in path.parts else path


def _files(folder: Path, *, recursive: bool, closed: list[OSError]) -> Iterator[Path]:
    """Files of a folder in order, without hidden ones; what the system says of folders that it does not open."""
    for top, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        yield from (Path(top, name) for name in sorted(names) if not name.startswith("."))


def _goals(found: Sequence[_Found], output: str | None, suffix: str, *, folder: bool) -> list[str]:
    if output is None:
        goals = [STANDARD if one.name == STANDARD else str(Path(one.name).with_suffix(suffix)) for one in found]
    elif output == STANDARD:
        if len(found) > 1:
            raise click.UsageError("several results do not go to stdout: name a folder with -o.")
        goals = [STANDARD] * len(found)
    elif folder or os.path.isdir(output):
        if not os.path.isdir(output) and (os.path.exists(output) or output.lower().endswith(suffix)):
            raise click.UsageError(f"-o {output} is a file; several results need a folder.")
        goals = [str(Path(output, one.below).with_suffix(suffix)) for one in found]
    else:
        goals = [output]
    if STANDARD in goals:
        spare_terminal()
    return goals


def spare_terminal() -> None:
    """Refuse a terminal as stdout for data. Raises: click.UsageError."""
    if sys.stdout.isatty():
        raise click.UsageError("refusing to write binary data to a terminal; use -o FILE.")


def _without_collisions(items: list[Item], failures: list[tuple[str, str]], left: list[str]) -> Plan:
    """The items whose output is theirs alone; for the others, failures that name them all."""
    by_goal: dict[str, list[str]] = {}
    for item in items:
        by_goal.setdefault(os.path.normcase(item.output), []).append(item.input)
    alone = [item for item in items if len(by_goal[os.path.normcase(item.output)]) == 1]
    for item in items:
        others = [name for name in by_goal[os.path.normcase(item.output)] if name != item.input]
        if others:
            failures.append((item.input, f"would be written to {item.output}, as would {', '.join(others)}"))
    return Plan(alone, failures, left)


def _kinds(kinds: frozenset[str]) -> str:
    return "pictures" if kinds >= PICTURES else " or ".join(sorted(kinds)) + " files"
