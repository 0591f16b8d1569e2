"""Passes of a large picture, kept in files until all tiles are there: a .rndl file is ordered by pass."""

import shutil
import tempfile
from array import array
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import IO, Protocol

from roundel.container.format import Box, Header
from roundel.container.head import entries_of, is_trailing, pack_head
from roundel.container.index import pack_lengths, seal_checks
from roundel.container.sections import pack_check
from roundel.errors import FormatError

IN_MEMORY_BYTES = 1 << 24
"""What a pass has beyond this goes to the disk."""


class Writable(Protocol):
    """What a file is written to."""

    def write(self, data: bytes, /) -> int:
        """All of the bytes. Returns: how many."""
        ...


class Spool:
    """Takes the passes of tiles in raster order and writes the file at the end; a context manager.

    Memory is bounded: beyond 16 MiB a pass goes to a nameless temporary file.

    >>> import io
    >>> from roundel.container import Kind, read
    >>> header = Header(Kind.LOSSLESS, 1, bytes(8), 2, 1, 1, 8, 100, 1, 2)
    >>> with Spool(2) as spool:
    ...     spool.add([b"a", b"b"])
    ...     spool.add([b"c"])
    ...     _ = spool.write_to(file := io.BytesIO(), header, ())
    >>> read(file.getvalue()).passes(0)
    [b'a', b'b']
    """

    def __init__(self, passes: int, folder: str | None = None) -> None:
        """Args: passes: of each tile. folder: where temporary files go; None for the system's."""
        self._files: list[IO[bytes]] = [
            tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115, closed by __exit__
            for _ in range(passes)
        ]
        self._lengths = [array("L") for _ in range(passes)]
        self._checks = [bytearray() for _ in range(passes)]

    def add(self, tile: Sequence[bytes]) -> None:
        """The passes of the next tile; missing ones are empty. Raises: FormatError, there are more than announced."""
        if len(tile) > len(self._files):
            raise FormatError(f"a tile of {len(tile)} passes, {len(self._files)} were announced")
        for number, (file, lengths, checks) in enumerate(zip(self._files, self._lengths, self._checks, strict=True)):
            data = tile[number] if number < len(tile) else b""
            file.write(data)
            lengths.append(len(data))
            checks.extend(pack_check(data))

    def write_to(self, stream: Writable, header: Header, boxes: Sequence[Box]) -> int:
        """The whole file, as `container.write` makes it. Returns: bytes written.

        Raises:
            FormatError: the header speaks of other tiles or passes.
        """
        tiles = len(self._lengths[0])
        if (tiles, len(self._files)) != (header.tiles, header.passes):
            raise FormatError(
                f"{tiles} tiles of {len(self._files)} passes given, {header.tiles} of {header.passes} expected"
            )
        lengths = pack_lengths([length for numbers in self._lengths for length in numbers])
        entries = entries_of(boxes)
        head = pack_head(header, entries, length_bytes=lengths.width, deflated=lengths.deflated)
        size = stream.write(seal_checks(head, lengths, b"".join(self._checks)))
        size += _put(stream, (box.data for box, entry in zip(boxes, entries, strict=True) if not is_trailing(entry)))
        for file in self._files:
            size += file.tell()
            file.seek(0)
            shutil.copyfileobj(file, stream, 1 << 20)
        return size + _put(stream, (box.data for box, entry in zip(boxes, entries, strict=True) if is_trailing(entry)))

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()


def _put(stream: Writable, chunks: Iterable[bytes]) -> int:
    return sum(stream.write(chunk) for chunk in chunks)
