"""A folder on this machine or in an object store, by an fsspec URL; what is written there appears whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from roundel.atomic import OutputError, atomic_write
from roundel.errors import RoundelError, UnsupportedError

WHOLE_BY_THEMSELVES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"})
"""Stores in which an object appears when the last of its bytes has arrived."""


@dataclass(frozen=True)
class Storage:
    """A folder; pickles as its URL. Paths are below it, with "/" between folders.

    Args:
        url: a path of this machine, or a URL such as s3://bucket/folder.
        only: the one file in it that counts; empty for all.
    """

    url: str
    only: str = ""

    @classmethod
    def of(cls, url: str) -> "Storage":
        """A folder as typed: paths of this machine are made absolute, since workers run elsewhere."""
        return cls(url if "://" in url or "::" in url else os.path.abspath(url).replace(os.sep, "/"))

    def read(self, path: str) -> bytes:
        """All bytes of a file. Raises: RoundelError."""
        with self.opened(path) as file:
            return bytes(file.read())

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        """A file, read where it is looked at. Raises: RoundelError, also for what the system says while it is read."""
        fs, root = self._place()
        try:
            with fs.open(_join(root, path), "rb") as file:
                yield file
        except OSError as error:
            raise RoundelError(f"cannot read {self.name(path)}: {_reason(error)}") from error

    def write(self, path: str, data: bytes | IO[bytes]) -> None:
        """A file, whole or not at all, in the place of an older one. Raises: OutputError."""
        fs, root = self._place()
        final = _join(root, path)
        try:
            if _is_local(fs):
                os.makedirs(os.path.dirname(final), exist_ok=True)
                with atomic_write(final, force=True) as file:
                    _copy(data, file)
                return
            fs.makedirs(final.rpartition("/")[0], exist_ok=True)
            direct = not WHOLE_BY_THEMSELVES.isdisjoint(_protocols(fs))
            temporary = final if direct else f"{final}.{os.urandom(4).hex()}.part"
            with fs.open(temporary, "wb") as file:
                _copy(data, file)
            if not direct:
                fs.mv(temporary, final)
        except OSError as error:
            raise OutputError(f"cannot write {self.name(path)}: {_reason(error)}") from error

    def files(self, below: str = "") -> dict[str, int]:
        """Bytes of each file of the folder, or of one in it, at any depth; hidden ones are left out.

        Raises:
            RoundelError: the folder cannot be listed.
        """
        fs, root = self._place()
        top = _join(root, below or self.only)
        try:
            if not fs.exists(top):
                return {}
            found = fs.find(top, detail=True)
        except OSError as error:
            raise RoundelError(f"cannot list {self.name(below)}: {_reason(error)}") from error
        sizes = {name[len(root.rstrip("/")) + 1 :]: int(facts.get("size") or 0) for name, facts in found.items()}
        return {path: sizes[path] for path in sorted(sizes) if not _is_hidden(path)}

    def read_all(self, paths: list[str]) -> Iterator[bytes]:
        """All bytes of many small files, several at a time."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(16) as pool:
            yield from pool.map(self.read, paths)

    def remove(self, path: str) -> None:
        """Remove a file."""
        fs, root = self._place()
        fs.rm_file(_join(root, path))

    def has(self, path: str) -> bool:
        """Whether there is such a file; of an empty path, whether the URL itself names a file."""
        fs, root = self._place()
        return bool(fs.isfile(_join(root, path)))

    def name(self, path: str) -> str:
        """A file as users know it."""
        return f"{self.url.rstrip('/')}/{path}" if path else self.url

    def _place(self) -> tuple[Any, str]:
        """The file system, and the folder's path in it. Raises: UnsupportedError."""
        import fsspec

        try:
            fs, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:  # the package for this kind of store, or no such kind
            raise UnsupportedError(f"{self.url}: {' '.join(str(error).split())}") from error
        return fs, str(root)


def _join(root: str, path: str) -> str:
    return f"{root.rstrip('/')}/{path}" if path else root


def _copy(data: bytes | IO[bytes], file: IO[bytes]) -> None:
    if isinstance(data, bytes):
        file.write(data)
    else:
        data.seek(0)
        shutil.copyfileobj(data, file, 1 << 20)


def _protocols(fs: Any) -> set[str]:
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def _is_local(fs: Any) -> bool:
    return "file" in _protocols(fs)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
