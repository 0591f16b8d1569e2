"""Where results go: a file each, or the results of a part together, in a tar archive or a Parquet file."""

import io
import json
import tarfile
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

import numpy as np

from roundel.cluster.items import Entry
from roundel.cluster.pieces import FILES, TAR
from roundel.cluster.storage import Storage
from roundel.cluster.work import Outcome
from roundel.errors import RoundelError

ROWS_A_GROUP = 64
"""Of Parquet: what a reader of single rows has to read at once."""
OWN = frozenset({"key", "width", "height", "bytes", "shape", "codes"})
"""Our columns; others of these names come back with "source_" in front."""


class Output(Protocol):
    """Takes the results of a part. Nothing counts before `close`, and a part that is done again replaces its own."""

    def add(self, key: str, entry: Entry, outcome: Outcome) -> int:
        """Take a result, with what lay beside the picture; how many bytes it has."""
        ...

    def close(self) -> list[str]:
        """Write what is left; the names of files for the whole part. Raises: OutputError."""
        ...


class Files:
    """A file for each result, .rndl or .npy. What lay beside pictures has no place here."""

    def __init__(self, target: Storage) -> None:
        self._target = target

    def add(self, key: str, entry: Entry, outcome: Outcome) -> int:
        """See `Output.add`."""
        suffix, data = _file(outcome)
        self._target.write(key + suffix, data)
        return len(data)

    def close(self) -> list[str]:
        """See `Output.close`."""
        return []


class Tar:
    """An archive of a part, as WebDataset reads it: what lay beside a picture lies beside its result."""

    def __init__(self, target: Storage, name: str) -> None:
        self._target, self._name = target, f"{name}.tar"
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115  closed with the part
        self._archive = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        self._count = 0

    def add(self, key: str, entry: Entry, outcome: Outcome) -> int:
        """See `Output.add`."""
        suffix, data = _file(outcome)
        folder, slash, name = key.rpartition("/")
        stem = folder + slash + name.replace("%", "%25").replace(".", "%2E")  # a sample's name ends at its first dot
        self._member(stem + suffix, data)
        for field, value in sorted(entry.fields.items()):
            if value is not None:
                self._member(f"{stem}.{field}", _plain(value))
        self._count += 1
        return len(data)

    def close(self) -> list[str]:
        """See `Output.close`."""
        self._archive.close()
        with self._file as file:
            if self._count:
                self._target.write(self._name, file)
        return [self._name] if self._count else []

    def _member(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)  # its time is 1970, so that the same part gives the same bytes
        member.size = len(data)
        self._archive.addfile(member, io.BytesIO(data))


class Parquet:
    """A Parquet file of a part, a row for each result: key, width, height; bytes, or shape and codes; and the source's.

    `roundel.torch.TokenDataset` reads those of tokens.
    """

    def __init__(self, target: Storage, name: str) -> None:
        self._target, self._name = target, f"{name}.parquet"
        self._rows: list[tuple[str, Entry, Outcome]] = []

    def add(self, key: str, entry: Entry, outcome: Outcome) -> int:
        """See `Output.add`."""
        light = Entry(entry.name, entry.key, b"", entry.fields, entry.types)
        self._rows.append((key, light, outcome))
        return len(outcome.data) if outcome.data is not None else int(_codes(outcome).nbytes)

    def close(self) -> list[str]:
        """See `Output.close`."""
        if not self._rows:
            return []
        import pyarrow
        from pyarrow.parquet import write_table

        table = pyarrow.table(dict(self._columns(pyarrow)))
        with TemporaryFile() as file:
            write_table(table, file, row_group_size=ROWS_A_GROUP, compression="zstd")
            self._target.write(self._name, file)
        return [self._name]

    def _columns(self, arrow: Any) -> Iterator[tuple[str, Any]]:
        outcomes = [outcome for _, _, outcome in self._rows]
        yield "key", arrow.array([key for key, _, _ in self._rows], arrow.string())
        for axis, name in enumerate(("width", "height")):
            yield name, arrow.array([outcome.size_px[axis] for outcome in outcomes], arrow.int32())
        if outcomes[0].codes is None:
            yield "bytes", arrow.array([outcome.data for outcome in outcomes], arrow.large_binary())
        else:
            codes = [_codes(outcome) for outcome in outcomes]
            yield "shape", arrow.array([list(one.shape) for one in codes], arrow.list_(arrow.int32()))
            ends = np.cumsum([0, *(one.size for one in codes)])
            flat = arrow.array(np.concatenate([one.ravel() for one in codes]))
            yield "codes", arrow.LargeListArray.from_arrays(arrow.array(ends, arrow.int64()), flat)
        entries = [entry for _, entry, _ in self._rows]
        for name in sorted({name for entry in entries for name in entry.fields}):
            kind = next((entry.types[name] for entry in entries if name in entry.types), arrow.large_binary())
            shown = f"source_{name}" if name in OWN else name
            yield shown, arrow.array([entry.fields.get(name) for entry in entries], kind)


def output_of(kind: str, target: Storage, name: str) -> Output:
    """The output for a part: FILES, TAR or PARQUET."""
    if kind == FILES:
        return Files(target)
    return Tar(target, name) if kind == TAR else Parquet(target, name)


def _file(outcome: Outcome) -> tuple[str, bytes]:
    """A result as a file: suffix and bytes."""
    if outcome.data is not None:
        return ".rndl", outcome.data
    file = io.BytesIO()
    np.save(file, _codes(outcome), allow_pickle=False)
    return ".npy", file.getvalue()


def _codes(outcome: Outcome) -> np.ndarray:
    if outcome.codes is None:
        raise RoundelError("a result without bytes and without codes")
    return np.asarray(outcome.codes)


def _plain(value: Any) -> bytes:
    """What lay beside a picture as bytes: text in UTF-8, other values as JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, default=str).encode()
