"""Names of a pack on every system: one path a name, and never outside the folder."""

import re

import pytest

from roundel.errors import FormatError
from roundel.names import lossless_names, paths_of

NAMES = [
    "a.png", "A.png", "a:b.png", "a%3Ab.png", "a%b.png", "sub/x.png", "sub\\x.png", "C:x", "con.png", "CON", "icon.png",
    "com1.tar.png", "end.", "end ", "q?*<>|\".png", "\x01.png", "é.png", "e\u0301.png", "ж.png", "Ж.png",
    "byte\udce9.png", "COM10.png", " lead.png",
]  # fmt: skip


def unescaped(path: str) -> str:
    """The name that %XX stand for."""
    raw = re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), path.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def test_a_system_that_holds_all_names_gets_them_as_they_are() -> None:
    assert paths_of(NAMES, "linux") == NAMES


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_names_map_one_to_one_and_back(system: str) -> None:
    paths = paths_of(NAMES, system)
    assert len({path.casefold() for path in paths}) == len(NAMES)
    assert [unescaped(path) for path in paths] == NAMES


def test_what_windows_cannot_hold_is_gone() -> None:
    for path in paths_of(NAMES, "win32"):
        assert not re.search(r'[<>:"\\|?*\x00-\x1f]', path)
        for part in path.split("/"):
            assert not part.endswith((".", " "))
            assert not re.fullmatch(r"(?i)(con|nul|com1)(\..*)?", part)
    assert paths_of(["icon.png", "COM10.png", "plain name.png"], "win32") == ["icon.png", "COM10.png", "plain name.png"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "a//b", "", ".", "a\0b"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(FormatError, match="leads out"):
        paths_of([name])


def test_formats_that_lose_bits_become_png_without_taking_another_name() -> None:
    names = ["a.jpg", "b.tiff", "c.jpg", "c.png", "d.jpg", "d.jpeg", "d", "e.jpg", "e.jpg.png", "e.png"]
    found = lossless_names(names, [".png", ".tiff"])
    assert found[:4] == ["a.png", "b.tiff", "c.jpg.png", "c.png"]
    assert len(set(found)) == len(names)
    assert all(name.endswith((".png", ".tiff")) for name in found)
    assert found[-2:] == ["e.jpg.png", "e.png"]
