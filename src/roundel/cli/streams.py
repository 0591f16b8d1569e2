"""What commands share: options, inputs and outputs that may be `-`, notes on stderr."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import click

from roundel.cli.inputs import STANDARD
from roundel.errors import RoundelError

_CONTROLS = (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Characters that end a line, control a terminal, or turn the direction of what follows."""
_ESCAPED = {code: chr(code).encode("unicode_escape").decode() for code in _CONTROLS}
_NAMED: ContextVar[str] = ContextVar("roundel_input", default="")
"""The input that the running work is about, for warnings."""

model_option = click.option("--model", help="Name, id (see `roundel models`) or weights file of the model.")
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for failures too.")
jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default="1; to decode one picture up to 4",
    help="Pictures worked on at the same time; tiles, when there is one picture.",
)
max_pixels_option = click.option(
    "--max-pixels", type=click.IntRange(min=1), default=1 << 29, show_default=True, help="Refuse larger pictures."
)
recursive_option = click.option("-r", "--recursive", is_flag=True, help="Folders with the folders in them.")
files_from_option = click.option(
    "--files-from", metavar="FILE", help="Work on the files that FILE (or -) names, one a line."
)
skip_option = click.option("--skip-existing", is_flag=True, help="Leave out what is there already: resumes a batch.")
preserve_option = click.option("--preserve", is_flag=True, help="Give results the times of their sources.")
quiet_option = click.option("--quiet", is_flag=True, help="Say nothing but warnings and errors.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say more.")


def model_key(text: str | None) -> int | str | None:
    """A model's id, name or path as typed."""
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else text


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


def keep_times(source: str, result: str) -> None:
    """Give a result the times of access and change of its source, where both are files."""
    if STANDARD not in (source, result):
        times = os.stat(source)
        os.utime(result, ns=(times.st_atime_ns, times.st_mtime_ns))


def check_other(source: str, name: str) -> None:
    """Refuse an output that is the input."""
    from roundel.atomic import OutputError

    if STANDARD not in (source, name) and Path(name).is_file() and os.path.samefile(source, name):
        raise OutputError(f"cannot write {name}: it is the input; name another file with -o")


def check_free(name: str, *, force: bool) -> None:
    """Refuse an output that exists before the work is done, not after it."""
    from roundel.atomic import OutputError

    if not force and name != STANDARD and Path(name).is_file():
        raise OutputError(f"cannot write {name}: it exists already; choose another name, or force overwriting (-f)")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Let errors and warnings name the input that they are about."""
    from roundel.atomic import OutputError

    shown = "standard input" if name == STANDARD else name
    token = _NAMED.set(shown)
    try:
        yield
    except RoundelError as error:
        if shown in str(error) or isinstance(error, OutputError):
            raise
        raise type(error)(f"{shown}: {error}") from error
    finally:
        _NAMED.reset(token)


def named(text: str) -> str:
    """A text with the input in front that the running work is about, unless it names it already."""
    name = _NAMED.get()
    return text if not name or name in text else f"{name}: {text}"


def printable(text: str) -> str:
    """A text for a line of a terminal: what names of files could do to it is escaped."""
    return text.translate(_ESCAPED)


def counted(number: int, one: str, many: str) -> str:
    """1 pass, 5 passes."""
    return f"{number} {one if number == 1 else many}"


def note(line: str) -> None:
    """A line on stderr, above a progress bar if there is one."""
    line = printable(line)
    bars = sys.modules.get("tqdm")
    if bars is None:
        print(line, file=sys.stderr)
    else:
        bars.tqdm.write(line, file=sys.stderr)


def complain(error: BaseException | str) -> None:
    """One line about an error on stderr."""
    text = " ".join(str(error).split()) or type(error).__name__
    note(f"roundel: error: {text}")


def say(record: dict[str, object], text: str, *, as_json: bool, quiet: bool, data_on_stdout: bool) -> None:
    """Report what was done: a line of JSON on stdout (stderr if the data is there), or a line of text on stderr."""
    if as_json:
        print(json.dumps(record), file=sys.stderr if data_on_stdout else sys.stdout)
    elif not quiet:
        note(text)


class Counting:
    """A stream that knows how much was written to it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.written = stream, 0

    def write(self, data: bytes) -> int:
        """Pass it on."""
        self._stream.write(data)
        self.written += len(data)
        return len(data)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self) -> float:
        return time.perf_counter() - self._start


def together(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options of click as one decorator, in the order of the help page."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
