"""The page with all that it shows as a folder of static files, for any web server."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from roundel.atomic import OutputError
from roundel.viewer.site import LIST, Site


def export(
    site: Site, static: Path, folder: Path, *, force: bool = False, advance: Callable[[], object] = lambda: None
) -> int:
    """Write the page; the folder appears whole or not at all.

    Args:
        static: the folder with the page.
        folder: new, or empty.
        force: replace a folder that holds such a page.
        advance: called after each file that has to be made.

    Returns:
        Bytes written.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
        RoundelError: a picture cannot be read.
    """
    check_free(folder, force=force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from error
    try:
        shutil.copytree(static, building, dirs_exist_ok=True)
        for path, file in site.files().items():
            shutil.copyfile(file, _place(building, path))
        for path, make in site.made.items():
            _place(building, path).write_bytes(make())
            advance()
        size = sum(path.stat().st_size for path in building.rglob("*") if path.is_file())
        building.chmod(0o777 & ~_umask())
        if folder.exists():
            shutil.rmtree(folder)
        building.rename(folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return size


def check_free(folder: Path, *, force: bool) -> None:
    """Raises: OutputError: the folder is not empty, and holds no such page that may be replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"cannot write {folder}: it is a file; name a folder")
    if any(folder.iterdir()) and not (force and (folder / LIST).is_file()):
        why = "it is not empty, and holds no page of `roundel view`" if force else "it exists already"
        raise OutputError(
            f"cannot write {folder}: {why}; choose another name" + ("" if force else ", or force overwriting (-f)")
        )


def _place(folder: Path, path: str) -> Path:
    """Where a path of the page is written."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
