"""The pictures of a piece, as bytes: of a loose file one, of an archive or a row group one after another."""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from roundel.cluster.pieces import TAR, Piece, kind_of
from roundel.cluster.storage import Storage
from roundel.errors import ImageError, UnsupportedError

USUAL_COLUMNS = ("image", "bytes", "jpg", "jpeg", "png", "webp", "content", "data", "rndl")
"""Of Parquet, in this order, unless one is named."""

MOST_BYTES = 4 << 30
"""Of a member of an archive, which is read into memory."""
MOST_OF_SAMPLE = 64
"""Members; pictures that only begin alike, such as frame.0001.png, are not held in memory all at once."""


@dataclass(frozen=True)
class Entry:
    """One picture, or .rndl file, before it is worked on."""

    name: str
    """For people: the file, archive and member, or row."""
    key: str
    """Where its result goes, without a suffix."""
    data: bytes
    fields: dict[str, Any] = field(default_factory=dict)
    """What lies beside it: other members of its sample in an archive, by suffix; other columns of its row."""
    types: dict[str, Any] = field(default_factory=dict)
    """Arrow's types of the fields, where they are known; others are bytes."""


@dataclass(frozen=True)
class Reading:
    """How pieces are read.

    Args:
        source: what they lie in. suffixes: of members of archives that count as pictures.
        column: of Parquet, where the bytes are; None for the usual one.
    """

    source: Storage
    suffixes: frozenset[str]
    column: str | None = None

    def entries(self, piece: Piece) -> "Iterator[Entry | Lost]":
        """What a piece holds. Raises: RoundelError, the piece cannot be read, or not to its end."""
        if piece.group >= 0:
            return self._rows(piece)
        if kind_of(piece.path, self.suffixes) == TAR:
            return self._members(piece)
        return iter([Entry(self.source.name(piece.path), piece.key, self.source.read(piece.path))])

    def _members(self, piece: Piece) -> "Iterator[Entry | Lost]":
        """Samples of an archive, as WebDataset has them: neighbours with the same name up to the first dot."""
        where = self.source.name(piece.path)
        with self.source.opened(piece.path) as file:
            try:
                with tarfile.open(fileobj=file, mode="r|*") as archive:
                    sample: list[tuple[str, bytes]] = []
                    for member in archive:
                        if not member.isreg() or member.issparse():
                            continue
                        full = len(sample) == MOST_OF_SAMPLE
                        if sample and (full or _sample(member.name) != _sample(sample[0][0])):
                            yield from self._of_sample(piece, sample)
                            sample = []
                        if member.size > MOST_BYTES:
                            yield Lost(member.name, f"{where}/{member.name}: {member.size} bytes are too many")
                            continue
                        content = archive.extractfile(member)
                        data = b"" if content is None else content.read()
                        if len(data) != member.size:
                            raise tarfile.ReadError("it ends early")
                        sample.append((member.name, data))
                    yield from self._of_sample(piece, sample)
            except (tarfile.TarError, EOFError) as error:
                raise UnsupportedError(f"{where}: not a whole tar archive: {error}; fetch it again") from error

    def _of_sample(self, piece: Piece, sample: list[tuple[str, bytes]]) -> "Iterator[Entry | Lost]":
        pictures = [one for one in sample if os.path.splitext(one[0])[1].lower() in self.suffixes]
        others = [one for one in sample if one not in pictures]
        if not pictures:
            yield from (Lost(name) for name, _ in others)
        fields = {_suffix(name): data for name, data in others}
        for name, data in pictures:
            key = f"{piece.key}/{os.path.splitext(name.removeprefix('./'))[0]}"
            yield Entry(f"{self.source.name(piece.path)}/{name}", key, data, fields)
            fields = {}  # of the first alone

    def _rows(self, piece: Piece) -> "Iterator[Entry | Lost]":
        from pyarrow import string
        from pyarrow.lib import ArrowException
        from pyarrow.parquet import ParquetFile

        where = self.source.name(piece.path)
        with self.source.opened(piece.path) as file:
            try:
                table = ParquetFile(file).read_row_group(piece.group, use_threads=False)
            except (ArrowException, ValueError, IndexError) as error:
                raise UnsupportedError(f"{where}: cannot be read as Parquet: {error}") from error
        column = self.column or _usual_column(table.schema)
        if column not in table.column_names:
            raise UnsupportedError(f"{where}: no column {column}, but {', '.join(table.column_names)}")
        types = {one.name: one.type for one in table.schema if one.name != column}
        types.setdefault("path", string())
        for number in range(table.num_rows):
            row = {name: table[name][number].as_py() for name in table.column_names}
            data = row.pop(column)
            name = f"{where}, row {piece.first + number}"
            if isinstance(data, dict):  # as data sets of Hugging Face have them
                if "path" in data:
                    row.setdefault("path", data["path"])
                data = data.get("bytes")
            if isinstance(data, bytes):
                yield Entry(name, f"{piece.key}/{piece.first + number:08d}", data, row, types)
            else:
                yield Lost(name, f"{name}: no bytes in column {column}")


@dataclass(frozen=True)
class Lost:
    """What is no picture: another member of an archive, or with an error a row that should be one."""

    name: str
    error: str = ""


class Keys:
    """The key of each entry of a part, checked; the second of one key gets it with a number behind it."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, entry: Entry) -> str:
        """Raises: ImageError, the key leads out of the folder for results."""
        if not {"", ".", ".."}.isdisjoint(entry.key.split("/")) or "\0" in entry.key:
            raise ImageError(f"the name {entry.key!r} leads out of the folder: do not trust this archive")
        key, number = entry.key, 1
        while key in self._taken:
            number += 1
            key = f"{entry.key}.{number}"
        self._taken.add(key)
        return key


def _sample(name: str) -> str:
    """Folder and name up to the first dot."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    return folder + slash + file.partition(".")[0]


def _suffix(name: str) -> str:
    """What follows the first dot."""
    return name.rpartition("/")[2].partition(".")[2]


def _usual_column(schema: Any) -> str:
    """The column that holds pictures. Raises: UnsupportedError."""
    from pyarrow import types

    def holds_bytes(kind: Any) -> bool:
        if types.is_struct(kind):
            return any(kind.field(number).name == "bytes" for number in range(kind.num_fields))
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    found = [one.name for one in schema if holds_bytes(one.type)]
    usual = [name for name in USUAL_COLUMNS if name in found]
    if not usual and len(found) != 1:
        names = ", ".join(f"{one.name} ({one.type})" for one in schema)
        raise UnsupportedError(f"no column of pictures among {names}: name it with --column")
    return (usual or found)[0]
