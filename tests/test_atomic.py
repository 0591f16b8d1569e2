"""An output appears whole or not at all, and an old one is never lost."""

import os

import pytest

from roundel.atomic import OutputError, atomic_write
from roundel.errors import RoundelWarning


def test_refuses_to_overwrite_unless_forced(tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"), atomic_write(path):
        pass
    assert path.read_bytes() == b"old"
    with atomic_write(path, force=True) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_failure_inside_leaves_nothing_new_and_keeps_the_old(tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_write(path, force=True) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_missing_folder_and_a_folder_are_named(tmp_path) -> None:
    with pytest.raises(OutputError, match="No such file"), atomic_write(tmp_path / "no" / "a"):
        pass
    with pytest.raises(OutputError, match="folder"), atomic_write(tmp_path):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(OutputError, match="No space left"), atomic_write("/dev/full") as file:
        file.write(b"x")


def test_devices_and_links_are_followed_not_replaced(tmp_path) -> None:
    with atomic_write("/dev/null") as file:
        file.write(b"x")
    assert not os.path.isfile("/dev/null")
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_write(tmp_path / "link", force=True) as file:
        file.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_replaced_file_keeps_its_mode(tmp_path, mode: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    with atomic_write(path, force=True) as file:
        file.write(b"new")
        (part,) = tmp_path.glob("*.part")
        assert part.stat().st_mode & 0o077 == 0  # nobody else may look at it on the way
    assert path.stat().st_mode & 0o777 == mode
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_mode_that_the_system_gives(tmp_path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with atomic_write(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_broken_hard_link_is_said(tmp_path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"old")
    os.link(path, other)
    with pytest.warns(RoundelWarning, match="1 other hard links keep"), atomic_write(path, force=True) as file:
        file.write(b"new")
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")
