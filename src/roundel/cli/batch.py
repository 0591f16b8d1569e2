"""Work on many inputs: several at a time, one bar over all, failures that do not stop the others, totals at the end."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from roundel.cli import streams
from roundel.cli.inputs import STANDARD, Item, Plan
from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.loaded import Progress

options = streams.together(
    streams.recursive_option,
    streams.files_from_option,
    streams.jobs_option,
    streams.quiet_option,
    streams.verbose_option,
    streams.json_option,
)
"""Of commands that read."""

writing_options = streams.together(streams.force_option, streams.skip_option, streams.preserve_option)
"""Further ones of commands that write a file for each input."""


class Done(NamedTuple):
    """What became of an input."""

    record: dict[str, Any]
    text: str
    bytes_in: int = 0
    bytes_out: int = 0
    incomplete: str = ""
    """Why the result, though written, counts as a failure."""


class Task(NamedTuple):
    """How to work on one input: tiles at a time, and whom to tell about them."""

    jobs: int
    progress: "Progress"


Work = Callable[[Item, Task], Done]


@dataclass(frozen=True)
class Manner:
    """How a batch is run and reported; the arguments that `options` and `writing_options` give a command."""

    jobs: int = 1
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    force: bool = False
    skip_existing: bool = False
    preserve: bool = False
    results_on_stdout: bool = False
    """Texts are what was asked for, not notes."""


@dataclass
class _Totals:
    done: int = 0
    failed: int = 0
    skipped: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    elapsed_s: streams.Stopwatch = field(default_factory=streams.Stopwatch)

    def line(self) -> str:
        """28 done, 3 failed, 12.0 → 2.3 MB, 41 s."""
        parts = [f"{self.done} done"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        sizes = [size for size in (self.bytes_in, self.bytes_out) if size]
        if sizes:
            parts.append(sizes_text(sizes))
        return ", ".join([*parts, seconds_text(self.elapsed_s())])


class _Stopped(Exception):  # noqa: N818
    """The batch was interrupted; ends the work on a picture at its next tile."""


def run(plan: Plan, work: Work, manner: Manner) -> int:
    """Do the work for each item, also after one has failed, and say what became of it.

    Args:
        plan: the items, and what is known to fail.
        work: does one, and may be called from several threads.
        manner: how.

    Returns:
        The exit code: 0, or 1 if anything failed.
    """
    totals = _Totals()
    items = [item for item in plan.items if not _skipped(item, manner, totals)]
    many = len(items) + len(plan.failures) + totals.skipped > 1
    for name, reason in plan.failures:
        _fail(name, RoundelError(f"{name}: {reason}"), manner, totals)
    if manner.verbose and plan.left:
        streams.note(f"left alone, of another kind: {', '.join(plan.left)}")
    for item, result in zip(items, _results(items, work, manner), strict=True):
        if isinstance(result, Done):
            _say(item, result, manner, totals)
        else:
            _fail(item.input, result, manner, totals, on_stdout=item.output == STANDARD)
    if many and not manner.quiet:
        line = totals.line()
        left = f"; of other kinds, left alone: {len(plan.left)}" if plan.left and not manner.verbose else ""
        streams.note(line + left)
    return 1 if totals.failed else 0


def _results(items: list[Item], work: Work, manner: Manner) -> Iterator[Done | BaseException]:
    """What became of each item, in order."""
    threads = max(1, min(manner.jobs, len(items)))
    stop = threading.Event()
    with _bar(items, manner) as bar:
        one = partial(_one, work=work, jobs=max(1, manner.jobs // threads), bar=bar, stop=stop)
        if threads == 1:
            yield from map(one, items)
            return
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(threads)
        try:
            yield from pool.map(one, items)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _one(item: Item, *, work: Work, jobs: int, bar: "_Bar", stop: threading.Event) -> Done | BaseException:
    share = bar.share()

    def progress(done: int, total: int) -> None:
        if stop.is_set():
            raise _Stopped
        share(done, total)

    try:
        with streams.naming(item.input):
            return work(item, Task(jobs, progress))
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:  # of stdin or stdout: nothing further can succeed
            raise
        return RoundelError(f"{error.filename}: {error.strerror}")
    except MemoryError:
        return RoundelError(f"{item.input}: not enough memory: use smaller tiles or fewer jobs (-j)")
    except (RoundelError, _Stopped) as error:
        return error
    finally:
        share(1, 1)


def _skipped(item: Item, manner: Manner, totals: _Totals) -> bool:
    if not manner.skip_existing or item.output in ("", STANDARD) or not Path(item.output).exists():
        return False
    totals.skipped += 1
    if manner.as_json:
        print(json.dumps({"input": item.input, "output": item.output, "skipped": True}))
    return True


def _say(item: Item, done: Done, manner: Manner, totals: _Totals) -> None:
    totals.done += not done.incomplete
    totals.bytes_in += done.bytes_in
    totals.bytes_out += done.bytes_out
    if manner.as_json:
        # stdout is the data's where that goes there
        print(json.dumps(done.record), file=sys.stderr if item.output == STANDARD else sys.stdout)
    elif manner.results_on_stdout:
        print(done.text)
    elif not manner.quiet:
        streams.note(done.text)
    if done.incomplete:
        totals.failed += 1
        streams.complain(done.incomplete)


def _fail(name: str, error: BaseException, manner: Manner, totals: _Totals, *, on_stdout: bool = False) -> None:
    if not isinstance(error, RoundelError):
        raise error
    totals.failed += 1
    if manner.as_json:
        record = {"input": name, "error": " ".join(str(error).split()), "kind": type(error).__name__}
        print(json.dumps(record), file=sys.stderr if on_stdout else sys.stdout)
    streams.complain(error)


class _Bar:
    """Nothing to see."""

    def share(self) -> "Progress":
        """What one item tells of its tiles."""
        return lambda done, total: None


class _Seen(_Bar):
    """A bar of tqdm over all items: an item counts as far as its tiles are done."""

    def __init__(self, bar: Any, items: int) -> None:
        self._bar, self._items, self._lock = bar, items, threading.Lock()

    def share(self) -> "Progress":
        told = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal told
            with self._lock:
                if self._items == 1 and total > 1:
                    self._bar.total, self._bar.unit = total, "tile"
                    self._bar.update(done - self._bar.n)
                    return
                self._bar.update(max(0.0, done / total - told))
                told = max(told, done / total)

        return tell


@contextmanager
def _bar(items: list[Item], manner: Manner) -> Iterator[_Bar]:
    """A bar, if stderr is a terminal and someone wants to see one."""
    if manner.quiet or not items or not sys.stderr.isatty():
        yield _Bar()
        return
    from tqdm import tqdm

    label = items[0].input if len(items) == 1 else None
    shape = "{desc}{percentage:3.0f}%|{bar}| {n:.4g}/{total_fmt} {unit}s [{elapsed}<{remaining}]"
    with tqdm(desc=label, total=len(items), unit="picture", leave=False, delay=0.5, bar_format=shape) as bar:
        yield _Seen(bar, len(items))


def sizes_text(sizes: list[int]) -> str:
    """12.0 → 2.3 MB."""
    unit, divisor = next(
        ((unit, divisor) for unit, divisor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if max(sizes) >= divisor),
        ("bytes", 1),
    )
    return " → ".join(f"{size / divisor:.{1 if divisor > 1 else 0}f}" for size in sizes) + f" {unit}"


def seconds_text(elapsed_s: float) -> str:
    """41 s, 3 min 20 s, 1 h 5 min."""
    seconds = round(elapsed_s)
    if seconds < 60:
        return f"{elapsed_s:.1f} s" if elapsed_s < 10 else f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min {seconds % 60} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def make_ready(item: Item, manner: Manner) -> None:
    """Refuse an output that exists before the work is done, not after it, and make its folder. Raises: OutputError."""
    streams.check_other(item.input, item.output)
    streams.check_free(item.output, force=manner.force)
    if item.make_folder:
        Path(item.output).parent.mkdir(parents=True, exist_ok=True)


def check_output(suffixes: frozenset[str], output: str | None, why: str) -> None:
    """Refuse an output whose suffix promises another format. Raises: click.UsageError."""
    if output and Path(output).suffix.lower() in suffixes and not Path(output).is_dir():
        raise click.UsageError(f"{output} {why}")
