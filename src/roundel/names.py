"""Names of a pack's pictures as paths of the system that they are unpacked on: one path a name, and never outside."""

import os
import re
import sys
import unicodedata
from collections.abc import Sequence

from roundel.errors import FormatError

_WINDOWS = re.compile(r'[<>:"\\|?*\x00-\x1f]|[. ](?=$)')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=$|[. ])")
_NOT_UTF8 = re.compile(r"[\udc80-\udcff]")
_LIKE_ESCAPES = re.compile(r"%(?=[0-9A-Fa-f]{2})")

WINDOWS, MACOS, POSIX = "win32", "darwin", "posix"


def paths_of(names: Sequence[str], system: str = sys.platform) -> list[str]:
    """A relative path for each name, with "/" between folders.

    What the system cannot hold in a name becomes %XX for each of its bytes in UTF-8, and so does a "%" that looks like
    the beginning of one; of names that the system takes for the same, later ones get letters as %XX.

    Args:
        names: different relative paths with "/" between folders. system: as `sys.platform` has it.

    Raises:
        FormatError: a name leads out of the folder.

    Example:
        >>> paths_of(["cats/a:b.png", "NUL.png", "nul.PNG"], "win32")
        ['cats/a%3Ab.png', '%4EUL.png', '%6Eul.PNG']
        >>> paths_of(["cats/a:b.png"], "linux")
        ['cats/a:b.png']
    """
    taken: set[str] = set()
    out = []
    for name in names:
        if not {"", ".", ".."}.isdisjoint(name.split("/")) or "\0" in name:
            raise FormatError(f"the name {name!r} leads out of the folder: do not trust this pack")
        path = "/".join(_part(part, system) for part in name.split("/"))
        place = path.rfind("/") + 1
        while _same(path, system) in taken:
            escaped = _escape(path[place])
            path = path[:place] + escaped + path[place + 1 :]
            place += len(escaped)
        taken.add(_same(path, system))
        out.append(path)
    return out


def _part(part: str, system: str) -> str:
    """One name between slashes, as the system can hold it."""
    if system not in (WINDOWS, MACOS):
        return part
    wrong = [_LIKE_ESCAPES, _NOT_UTF8] + ([_WINDOWS, _DEVICES] if system == WINDOWS else [])
    places = {found.start() for pattern in wrong for found in pattern.finditer(part)}
    devices = [found.start() for found in _DEVICES.finditer(part)]
    places -= {start for start in devices if start}
    return "".join(_escape(letter) if place in places else letter for place, letter in enumerate(part))


def _escape(letter: str) -> str:
    """%XX for each byte of a character."""
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))


def _same(path: str, system: str) -> str:
    """What the system takes for the same path."""
    if system not in (WINDOWS, MACOS):
        return path
    return unicodedata.normalize("NFC", path).casefold()


def lossless_names(names: Sequence[str], formats: Sequence[str]) -> list[str]:
    """A file name for each picture, in a format that keeps every bit.

    The own name where its suffix is such a format; else the name with .png instead of its suffix, or behind it where
    that name is another picture's.

    Args:
        names: of the pictures. formats: suffixes of formats that keep every bit.

    Example:
        >>> lossless_names(["a.jpg", "b.tiff", "c.jpg", "c.png"], [".png", ".tiff"])
        ['a.png', 'b.tiff', 'c.jpg.png', 'c.png']
    """
    kept = {name for name in names if os.path.splitext(name)[1].lower() in formats}
    short = {name: os.path.splitext(name)[0] + ".png" for name in names if name not in kept}
    counts: dict[str, int] = {}
    for new in [*kept, *short.values()]:
        counts[new] = counts.get(new, 0) + 1
    out, taken = [], set(kept)
    for name in names:
        new = name if name in kept else short[name] if counts[short[name]] == 1 else f"{name}.png"
        while name not in kept and new in taken:
            new += ".png"
        taken.add(new)
        out.append(new)
    return out
