"""A whole run: find what is left to do, have Ray do it part by part, sum up."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from roundel.atomic import OutputError
from roundel.cluster.manifest import FOLDER, Manifest, Record, Totals, left_to_do, open_failures
from roundel.cluster.part import Job, do_part, lost
from roundel.cluster.pieces import FILES, Part, Piece, cut, find
from roundel.errors import RoundelError, UnsupportedError

STORE_BYTES = 128 << 20
"""For Ray's shared memory on one machine: only names and records go through it."""
LOOSE, TOGETHER = 64, 1024
"""Pictures of a part: with a file for each result, and with one for all of them."""
RETRIES = 2
"""So often is a task done again whose worker has died."""
STARTS = 3
KNOCK_S = 10
"""So long may a cluster take to answer at all."""

Told = Callable[[Record], None]


@dataclass(frozen=True)
class Means:
    """How a run is done, which does not change its results.

    Args:
        workers: processes at the same time; None for one on each processor of the machine or cluster.
        address: of a Ray cluster; None for one on this machine that ends with the run.
        shard: loose pictures of a part; None for 64, or 1024 where results lie together.
        kind: of inputs, where a folder holds several.
        retry_failed: do again what failed in an earlier run.
    """

    workers: int | None = None
    address: str | None = None
    shard: int | None = None
    kind: str | None = None
    retry_failed: bool = False


@dataclass
class Report:
    """What became of a run."""

    now: Totals = field(default_factory=Totals)
    """In this run."""
    all: Totals = field(default_factory=Totals)
    """In this and those that it takes up again."""
    dropped: list[str] = field(default_factory=list)
    """Names of what lay beside pictures and has no place in the output."""

    def add(self, record: Record) -> None:
        """Count a record of this run."""
        self.now.add(record)
        self.dropped = sorted({*self.dropped, *record.dropped})


def run(job: Job, pictures: frozenset[str], means: Means, *, begun: Callable[[int, int], None], told: Told) -> Report:
    """Do all that is not done yet.

    Args:
        job: what to do. pictures: suffixes of inputs.
        begun: told once how many pieces there are to do, and how many are done already.
        told: told of each part as it is done.

    Raises:
        RoundelError: there is nothing to do it to, the folder for results holds something else, or cannot be written.
    """
    source, target = job.reading.source, job.target
    pieces = find(source, pictures, means.kind, without=_inside(source.url, target.url))
    manifest = Manifest(target)
    manifest.begin(
        {**job.work.settings(), "input": source.name(source.only), "to": job.kind, "column": job.reading.column}
    )
    records = manifest.records()
    if job.kind != FILES:
        manifest.sweep(records)
    todo = left_to_do(pieces, records, retry_failed=means.retry_failed)
    begun(len(todo), len(pieces) - len(todo))
    report = Report()
    for record in _done(job, todo, means) if todo else ():
        report.add(record)
        told(record)
    records = manifest.records()
    for record in records:
        report.all.add(record)
    failed = open_failures(records)
    report.all.failed = len(failed)
    manifest.write_failures(failed)
    return report


def _done(job: Job, todo: Sequence[Piece], means: Means) -> Iterator[Record]:
    """Records of parts, in the order in which they are done. Raises: OutputError, results cannot be written."""
    with _ray(means) as ray:
        workers = means.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        most = means.shard or (LOOSE if job.kind == FILES else TOGETHER)
        for shard in (most, 1):  # of a part whose workers die, one piece is the reason: the others are done alone
            parts = {part.id: part for part in cut(todo, shard, workers)}
            for record in _round(ray, job, list(parts.values()), workers):
                parts.pop(record.part, None)
                yield record
            if not parts:
                return
            for record in Manifest(job.target).records():  # done, but the news was lost
                if parts.pop(record.part, None):
                    yield record
            todo = [piece for part in parts.values() for piece in part.pieces]
        for part in parts.values():
            record = lost(job, part)
            Manifest(job.target).write(record)
            yield record


def _round(ray: Any, job: Job, parts: Sequence[Part], workers: int) -> Iterator[Record]:
    """Records of those parts whose workers lived, as soon as each is done."""
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_task)
    shared, waiting = ray.put(job), iter(parts)
    running = {task.remote(shared, part) for part in islice(waiting, workers)}
    while running:
        ended, rest = ray.wait(list(running), num_returns=1)
        running = set(rest)
        running.update(task.remote(shared, part) for part in islice(waiting, len(ended)))
        for one in ended:
            try:
                found = ray.get(one)
            except ray.exceptions.RayError:  # what is lost is seen in the manifest
                continue
            if isinstance(found, str):
                raise OutputError(found)
            yield found


def _task(job: Job, part: Part) -> Record | str:
    """What a worker does: one part; or why its results cannot be written."""
    try:
        return do_part(job, part)
    except OutputError as error:
        return str(error)


@contextmanager
def _ray(means: Means) -> Iterator[Any]:
    """Ray, started here or joined, and quiet. Raises: UnsupportedError, it cannot be had."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    if ray.is_initialized():  # by the program that calls us, whose it stays
        yield ray
        return
    try:
        if means.address:
            _knock(means.address)
            ray.init(address=means.address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            _start(ray, means.workers or os.cpu_count() or 1)
    except Exception as error:  # Ray's own are of every class, Exception itself among them
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UnsupportedError(f"no Ray at {means.address or 'this machine'}: {reason}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _start(ray: Any, workers: int) -> None:
    """Ray on this machine. It gives its own processes 15 s to start, which a busy machine may exceed a few times."""
    for attempt in range(STARTS):
        try:
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return
        except Exception:  # "The current node timed out during startup"; it is of no class of its own
            ray.shutdown()
            if attempt == STARTS - 1:
                raise


def _knock(address: str) -> None:
    """Raises: OSError, nobody answers at HOST:PORT, where Ray would wait for many minutes."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _inside(source: str, target: str) -> str:
    """The folder for results below the input, if it lies there. Raises: RoundelError, it is the input itself."""
    if source.rstrip("/") == target.rstrip("/"):
        raise RoundelError(f"{target} is the input: name another folder for results, which has a {FOLDER} in it")
    top = source.rstrip("/") + "/"
    return target[len(top) :].rstrip("/") if target.startswith(top) else ""
