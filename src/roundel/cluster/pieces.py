"""What there is to do: loose pictures, archives, row groups; and how they are cut into parts."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from roundel.cluster.storage import Storage
from roundel.errors import UnsupportedError

FILES, TAR, PARQUET = "files", "tar", "parquet"
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PART_BYTES = 64 << 20
"""Loose pictures of more bytes than these are not put into one part, so that large ones share the work, too."""
PARTS_A_WORKER = 4
"""There are at least so many, if there are pictures enough, so that no worker waits long for the last."""


class Piece(NamedTuple):
    """The least that is done or not done: a picture's file, an archive, or a row group of Parquet."""

    path: str
    """Below the input."""
    key: str
    """Where its results go, below the output: of a picture without the suffix, of others a folder."""
    bytes: int = 0
    group: int = -1
    """Number of the row group; -1 of others."""
    first: int = 0
    """Number of its first row."""

    @property
    def id(self) -> str:
        """What the manifest calls it."""
        return self.path if self.group < 0 else f"{self.path}#{self.group}"


@dataclass(frozen=True)
class Part:
    """Pieces that are done by one worker, one after another, and recorded together."""

    pieces: tuple[Piece, ...]

    @property
    def id(self) -> str:
        """A name that other pieces would not have."""
        return sha256("\0".join(piece.id for piece in self.pieces).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def kind_of(path: str, pictures: Iterable[str]) -> str | None:
    """FILES, TAR or PARQUET by the suffix, None for what is none of them."""
    name = path.lower()
    if name.endswith(ARCHIVES):
        return TAR
    if name.endswith((".parquet", ".pq")):
        return PARQUET
    return FILES if os.path.splitext(name)[1] in pictures else None


def find(source: Storage, pictures: frozenset[str], kind: str | None = None, *, without: str = "") -> list[Piece]:
    """All pieces of an input, by name.

    Args:
        source: a folder, or one file's.
        pictures: suffixes that count as pictures.
        kind: the kind to take where a folder holds several.
        without: a folder in it to leave out.

    Raises:
        UnsupportedError: there is nothing, or more than one kind.
    """
    sizes = {path: size for path, size in source.files().items() if not (without and path.startswith(f"{without}/"))}
    kinds = {path: found for path in sizes if (found := kind_of(path, pictures)) and found == (kind or found)}
    counts = Counter(kinds.values())
    if not counts:
        raise UnsupportedError(f"{source.url}: no pictures, tar archives or Parquet files of the wanted kind here")
    if len(counts) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        raise UnsupportedError(f"{source.url} holds {listed}: choose one kind with --from")
    if FILES in counts:
        return [Piece(path, key, sizes[path]) for path, key in zip(kinds, keys_of(list(kinds)), strict=True)]
    stems = keys_of(list(kinds))
    if TAR in counts:
        return [Piece(path, stem, sizes[path]) for path, stem in zip(kinds, stems, strict=True)]
    return [piece for path, stem in zip(kinds, stems, strict=True) for piece in _row_groups(source, path, stem)]


def keys_of(paths: Sequence[str]) -> list[str]:
    """Paths without suffixes, or with them where two would be the same.

    Example:
        >>> keys_of(["a.jpg", "a.png", "b/c.jpg", "d.tar.gz"])
        ['a.jpg', 'a.png', 'b/c', 'd']
    """
    keys = [_stem(path) for path in paths]
    while twice := {key for key, count in Counter(keys).items() if count > 1}:
        keys = [path if key in twice else key for path, key in zip(paths, keys, strict=True)]
    return keys


def cut(pieces: Sequence[Piece], most: int, workers: int) -> list[Part]:
    """Parts of at most so many loose pictures and bytes; every archive and row group is one of its own.

    Example:
        >>> [len(part.pieces) for part in cut([Piece(str(n), str(n)) for n in range(10)], 4, workers=1)]
        [3, 3, 3, 1]
    """
    most = max(1, min(most, -(-len(pieces) // (PARTS_A_WORKER * workers))))
    parts: list[list[Piece]] = []
    room = 0
    for piece in pieces:
        alone = piece.group >= 0 or piece.path.lower().endswith(ARCHIVES)
        if not parts or alone or len(parts[-1]) == most or piece.bytes > room or room < 0:
            parts.append([])
            room = PART_BYTES
        parts[-1].append(piece)
        room = -1 if alone else room - piece.bytes
    return [Part(tuple(part)) for part in parts]


def _row_groups(source: Storage, path: str, stem: str) -> list[Piece]:
    from pyarrow.lib import ArrowException
    from pyarrow.parquet import read_metadata

    with source.opened(path) as file:
        try:
            facts = read_metadata(file)
        except (ArrowException, ValueError):
            return [Piece(path, stem, group=0)]  # which will fail like others, and be recorded
    pieces, first = [], 0
    for number in range(facts.num_row_groups):
        group = facts.row_group(number)
        pieces.append(Piece(path, stem, group.total_byte_size, number, first))
        first += group.num_rows
    return pieces


def _stem(path: str) -> str:
    name = next((path[: -len(suffix)] for suffix in ARCHIVES if path.lower().endswith(suffix)), None)
    return os.path.splitext(path)[0] if name is None else name
