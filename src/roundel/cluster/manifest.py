"""What a run has done: one small file a part, written when all its results are there, so that a run can be resumed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from roundel.cluster.pieces import Piece
from roundel.cluster.storage import Storage
from roundel.errors import RoundelError, UnsupportedError

FOLDER = "_roundel"
"""In the folder for results. Programs that read folders of Parquet pass over names that begin so."""
SETTINGS = f"{FOLDER}/run.json"
FAILURES = f"{FOLDER}/failures.jsonl"
VERSION = 1


@dataclass
class Record:
    """What became of a part."""

    part: str
    pieces: list[str]
    done: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    """Each with input, error, kind, and the piece that it is of."""
    warnings: list[dict[str, str]] = field(default_factory=list)
    left: int = 0
    """Members of archives that are no pictures and lie beside none."""
    dropped: list[str] = field(default_factory=list)
    """Names of what lay beside pictures and has no place in the output."""
    bytes_in: int = 0
    bytes_out: int = 0
    outputs: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0
    ended_s: float = 0.0
    """When, since 1970."""


@dataclass
class Totals:
    """Sums over records."""

    done: int = 0
    failed: int = 0
    warnings: int = 0
    left: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, record: Record) -> None:
        """Count a record."""
        self.done += record.done
        self.failed += len(record.failures)
        self.warnings += len(record.warnings)
        self.left += record.left
        self.bytes_in += record.bytes_in
        self.bytes_out += record.bytes_out


class Manifest:
    """The records of a run, in the folder for its results.

    Args:
        target: that folder.
    """

    def __init__(self, target: Storage) -> None:
        self._target = target

    def begin(self, settings: dict[str, Any]) -> None:
        """Write down how the run is done, or see that an earlier one was done so.

        Raises:
            UnsupportedError: the folder holds something else, or the results of other settings.
        """
        wanted = {"version": VERSION, **settings}
        if not self._target.has(SETTINGS):
            if some := next(iter(self._target.files()), ""):
                raise UnsupportedError(f"{self._target.url} holds other files, such as {some}: name a new folder")
            self._target.write(SETTINGS, _json(wanted))
            return
        old = _parsed(self._target.read(SETTINGS), self._target.name(SETTINGS))
        new = json.loads(_json(wanted))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                raise UnsupportedError(
                    f"{self._target.url} holds results of another run: {key} was {old.get(key)}, and is {new.get(key)} "
                    "now: name a new folder"
                )

    def records(self) -> list[Record]:
        """All that was recorded. Raises: RoundelError, a record is damaged."""
        paths = [path for path in self._target.files(f"{FOLDER}/done") if path.endswith(".json")]
        found = zip(paths, self._target.read_all(paths), strict=True)
        return [_record(_parsed(data, self._target.name(path)), self._target.name(path)) for path, data in found]

    def write(self, record: Record) -> None:
        """Record a part whose results are there."""
        self._target.write(f"{FOLDER}/done/{record.part}.json", _json(asdict(record)))

    def write_failures(self, failures: Sequence[dict[str, str]]) -> None:
        """List all failures in one file, one JSON object a line."""
        self._target.write(FAILURES, b"".join(_json(one) for one in failures))

    def sweep(self, records: Sequence[Record]) -> None:
        """Remove archives and tables of parts that were not recorded: an interruption came before it."""
        known = {name for record in records for name in record.outputs}
        for path in self._target.files():
            if "/" not in path and path.startswith("part-") and path not in known:
                self._target.remove(path)


def left_to_do(pieces: Sequence[Piece], records: Sequence[Record], *, retry_failed: bool) -> list[Piece]:
    """Pieces that no record has; with `retry_failed` those, too, of which something failed when they were last done."""
    done = {name for record in records for name in record.pieces}
    if retry_failed:
        done -= {one["piece"] for one in open_failures(records)}
    return [piece for piece in pieces if piece.id not in done]


def open_failures(records: Sequence[Record]) -> list[dict[str, str]]:
    """Failures that were not mended since: those of a piece's latest record."""
    latest: dict[str, float] = {}
    for record in records:
        for name in record.pieces:
            latest[name] = max(latest.get(name, 0.0), record.ended_s)
    return [one for record in records for one in record.failures if latest.get(one["piece"], 0.0) <= record.ended_s]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RoundelError(f"{name} is damaged: remove it, and what it was of is done again")
    return found


def _record(found: dict[str, Any], name: str) -> Record:
    try:
        return Record(**found)
    except TypeError as error:
        raise RoundelError(f"{name} is not a record of this version: {error}; name a new folder") from None
