"""What `pip install roundel` brings: megabytes of the package and of all that it needs, as they are installed here."""

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path


def rows() -> Iterator[str]:
    """The sum, and the largest parts of it."""
    sizes = {name: _size_mb(name) for name in sorted(_needed("roundel", set())) if name != "roundel"}
    sizes["roundel"] = _tree_mb(Path(__file__).parent.parent / "src" / "roundel")
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    parts = ", ".join(f"{name} {size:.0f}" for name, size in largest)
    yield f"installed: {sum(sizes.values()):.0f} MB ({parts})"


def _needed(name: str, found: set[str]) -> set[str]:
    """Names of packages that one needs, extras aside, itself included."""
    if name in found:
        return found
    try:
        wanted = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return found  # for another system or version of Python
    found.add(name)
    for line in wanted:
        if "extra ==" not in line:
            _needed(re.match(r"[\w.-]+", line)[0].lower(), found)  # type: ignore[index]
    return found


def _size_mb(name: str) -> float:
    files = metadata.files(name) or []
    paths = (Path(str(file.locate())) for file in files if not str(file).endswith(".pyc"))
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def _tree_mb(folder: Path) -> float:
    """Of the sources and weights, without what is compiled on the way."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc") / 1e6
