"""Bytes that need not be in memory: what readers slice may be bytes, a memory map, or a file read piece by piece."""

import io
import os
import threading
from typing import BinaryIO, Protocol


class Sliceable(Protocol):
    """What a file is read from."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class Source:
    """A file whose bytes are read when they are sliced, and only those; safe to share between threads and by a fork.

    >>> import io
    >>> Source(io.BytesIO(b"roundel"))[2:5]
    b'und'
    """

    def __init__(self, file: BinaryIO) -> None:
        """Args: file: opened for reading, and seekable."""
        self._file, self._lock = file, threading.Lock()
        self._size = file.seek(0, os.SEEK_END)
        # gzip's files have a number, too: that of the compressed one
        self._direct = isinstance(getattr(file, "raw", file), io.FileIO) and hasattr(os, "pread")

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, end, _ = part.indices(self._size)
        if end <= start:
            return b""
        if self._direct:  # moves no position that forked processes share
            return self._pread(self._file.fileno(), start, end)
        with self._lock:
            self._file.seek(start)
            return self._file.read(end - start)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @staticmethod
    def _pread(number: int, start: int, end: int) -> bytes:
        chunks = []
        while start < end and (chunk := os.pread(number, end - start, start)):
            chunks.append(chunk)
            start += len(chunk)
        return b"".join(chunks)
