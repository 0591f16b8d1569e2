"""One part from beginning to end: read, worked on, written, recorded. Needs no Ray."""

import time
import warnings
from dataclasses import dataclass

from roundel.atomic import OutputError
from roundel.cluster.items import Entry, Keys, Lost, Reading
from roundel.cluster.manifest import Manifest, Record
from roundel.cluster.outputs import Output, output_of
from roundel.cluster.pieces import FILES, Part, Piece
from roundel.cluster.storage import Storage
from roundel.cluster.work import Verify, Work
from roundel.errors import RoundelError, RoundelWarning


@dataclass(frozen=True)
class Job:
    """What is done to the pictures of a run, and where they and the results lie; pickles.

    Args:
        reading: how pieces are read. work: what is done to a picture.
        target: the folder for results and records. kind: what results become: FILES, TAR or PARQUET.
    """

    reading: Reading
    work: Work
    target: Storage
    kind: str = FILES


def do_part(job: Job, part: Part) -> Record:
    """Do a part and record it. What fails is recorded, too; doing a part again gives the same results.

    Raises:
        OutputError: results cannot be written; the part counts as not done.
    """
    started = time.perf_counter()
    record = Record(part.id, [piece.id for piece in part.pieces])
    output = output_of(job.kind, job.target, f"part-{part.id}")
    keys = Keys()
    for piece in part.pieces:
        _do_piece(job, piece, keys, output, record)
    record.outputs = output.close()
    record.elapsed_s = round(time.perf_counter() - started, 3)
    record.ended_s = time.time()
    Manifest(job.target).write(record)
    return record


def lost(job: Job, part: Part) -> Record:
    """The record of a part of one piece whose workers died; it is not written."""
    (piece,) = part.pieces
    name = job.reading.source.name(piece.path)
    error = RoundelError(f"{name}: its workers died, each in turn: for want of memory?")
    return Record(part.id, [piece.id], failures=[_failure(piece, name, error)], ended_s=time.time())


def _do_piece(job: Job, piece: Piece, keys: Keys, output: Output, record: Record) -> None:
    try:
        for entry in job.reading.entries(piece):
            if isinstance(entry, Lost):
                if entry.error:
                    record.failures.append(_failure(piece, entry.name, RoundelError(entry.error)))
                else:
                    record.left += 1
            else:
                _do_entry(job, piece, entry, keys, output, record)
    except OutputError:
        raise
    except RoundelError as error:
        record.failures.append(_failure(piece, job.reading.source.name(piece.path), error))


def _do_entry(job: Job, piece: Piece, entry: Entry, keys: Keys, output: Output, record: Record) -> None:
    record.bytes_in += len(entry.data)
    try:
        key = keys(entry)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always", RoundelWarning)
            outcome = job.work(entry.data)
    except Exception as error:  # whatever it is, one picture does not stop millions
        record.failures.append(_failure(piece, entry.name, error))
        return
    said = [" ".join(str(one.message).split()) for one in heard if issubclass(one.category, RoundelWarning)]
    record.warnings += [{"input": entry.name, "warning": text} for text in said]
    record.done += 1
    if isinstance(job.work, Verify):
        return
    record.bytes_out += output.add(key, entry, outcome)
    if job.kind == FILES and entry.fields:
        record.dropped = sorted({*record.dropped, *entry.fields})


def _failure(piece: Piece, name: str, error: Exception) -> dict[str, str]:
    text = " ".join(str(error).split()).removeprefix("picture: ") or type(error).__name__  # what bytes are called
    shown = text if name in text else f"{name}: {text}"
    return {"input": name, "error": shown, "kind": type(error).__name__, "piece": piece.id}
