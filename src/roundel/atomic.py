"""Files that appear whole or not at all."""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from roundel.errors import RoundelError, RoundelWarning


class OutputError(RoundelError):
    """An output file cannot be written, or exists already."""


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[BinaryIO]:
    """A binary file under a temporary name that takes its own name when the block ends without an error.

    Args:
        path: The file to write. A symbolic link is followed; a device or a pipe is written directly.
        force: Replace an existing file, whose permissions the new one keeps. Its other hard links keep the old content,
            since nothing else would leave it whole if the program is stopped; a RoundelWarning says so.

    Raises:
        OutputError: The file exists and `force` is not set, or the system refuses to write (the folder is missing,
            no permission, disk full). No part of the output is left then, and an old file keeps its content.

    Example:
        >>> with atomic_write("picture.rndl", force=True) as file:
        ...     _ = file.write(b"bytes")
    """
    final = Path(os.path.realpath(path))
    old: os.stat_result | None = None
    with suppress(OSError):
        old = final.stat()
    mode = None if old is None else old.st_mode
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"cannot write {path}: it is a folder; name a file")
    if mode is not None and not stat.S_ISREG(mode):  # /dev/null, a pipe: renaming would replace the device itself
        with _named(path), open(final, "wb") as file:
            yield file
        return
    if mode is not None and not force:
        raise OutputError(f"cannot write {path}: it exists already; choose another name, or force overwriting (-f)")
    temporary = final.with_name(f".{final.name[:200]}.{os.urandom(4).hex()}.part")
    with _named(path):
        try:
            with open(temporary, "xb", opener=None if old is None else _private) as file:
                yield file
            if old is not None:
                _like(temporary, old)
                if old.st_nlink > 1:
                    warnings.warn(
                        f"{path} was replaced: its {old.st_nlink - 1} other hard links keep the old content",
                        RoundelWarning,
                        stacklevel=4,
                    )
            elif not force and final.exists():  # it came to be while we worked
                raise OutputError(f"cannot write {path}: another program has just written it")
            os.replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    """Open a file for its owner alone: the one that it will replace may be so."""
    return os.open(path, flags, 0o600)


def _like(path: Path, old: os.stat_result) -> None:
    """Give a file the owner, if the system lets us, and the permissions of another."""
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):
            os.chown(path, old.st_uid, old.st_gid)
    os.chmod(path, stat.S_IMODE(old.st_mode))


@contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the system's errors into one line that names the output."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}: {reason}; check the folder, its permissions and the free space"
        ) from error
