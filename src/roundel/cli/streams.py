"""What commands share: inputs and outputs that may be `-`, results as lines of JSON, progress on a terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from roundel.errors import RoundelError

STANDARD = "-"

jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Tiles worked on at the same time."
)
device_option = click.option(
    "--device", default="cpu", show_default=True, help="Where the model runs: cpu, cuda, cuda:1."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
model_option = click.option("--model", help="Name, id (see `roundel models`) or weights file of the model.")
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
max_pixels_option = click.option(
    "--max-pixels", type=click.IntRange(min=1), default=1 << 29, show_default=True, help="Refuse larger pictures."
)


def model_key(text: str | None) -> int | str | None:
    """A model's id, name or path as typed."""
    return int(text) if text and text.isdigit() else text


def read_bytes(name: str) -> bytes:
    """All bytes of a file, or of stdin for `-`."""
    return sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()


def write_bytes(name: str, data: bytes, *, force: bool) -> None:
    """Write a file, whole or not at all, or to stdout for `-`."""
    if name == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    from roundel.atomic import atomic_write

    with atomic_write(name, force=force) as file:
        file.write(data)


def outputs(names: Sequence[str], output: str | None, suffix: str) -> list[str]:
    """Where each input goes: the name given, a folder given, or beside the input with another suffix.

    Raises:
        click.UsageError: the inputs would end in one file.
    """
    if output is None:
        goals = [STANDARD if name == STANDARD else str(Path(name).with_suffix(suffix)) for name in names]
    elif Path(output).is_dir():
        goals = [str(Path(output, Path("stdin" if name == STANDARD else name).stem + suffix)) for name in names]
    elif len(names) == 1:
        goals = [output]
    else:
        raise click.UsageError(f"with several inputs, -o names an existing folder, and {output} is none.")
    if len(set(goals)) < len(goals):
        raise click.UsageError("two inputs would be written to the same file.")
    if STANDARD in goals and sys.stdout.isatty():
        raise click.UsageError("refusing to write binary data to a terminal; use -o FILE.")
    return goals


def check_free(name: str, *, force: bool) -> None:
    """Refuse an output that exists before the work is done, not after it."""
    from roundel.atomic import OutputError

    if not force and name != STANDARD and Path(name).is_file():
        raise OutputError(f"cannot write {name}: it exists already; choose another name, or force overwriting (-f)")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Let errors name the input that they are about."""
    from roundel.atomic import OutputError

    shown = "standard input" if name == STANDARD else name
    try:
        yield
    except RoundelError as error:
        if shown in str(error) or isinstance(error, OutputError):
            raise
        raise type(error)(f"{shown}: {error}") from error


def for_each(names: Sequence[str], work: Callable[[int, str], None]) -> int:
    """Do the work for each input, also after one has failed; returns the exit code."""
    from roundel.cli.main import complain

    code = 0
    for number, name in enumerate(names):
        try:
            with naming(name):
                work(number, name)
        except (RoundelError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
            if len(names) == 1:
                raise
            complain(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error)
            code = 1
    return code


def say(record: dict[str, object], text: str, *, as_json: bool, data_on_stdout: bool) -> None:
    """Report what was done: a line of JSON on stdout (stderr if the data is there), or a line of text on stderr."""
    if as_json:
        print(json.dumps(record), file=sys.stderr if data_on_stdout else sys.stdout)
    else:
        print(text, file=sys.stderr)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar over tiles; None unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=label, unit="tile", leave=False, delay=0.5) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self) -> float:
        return time.perf_counter() - self._start
