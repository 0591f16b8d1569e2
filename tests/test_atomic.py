"""An output appears whole or not at all, and an old one is never lost."""

import os

import pytest

from roundel.atomic import OutputError, atomic_write


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
