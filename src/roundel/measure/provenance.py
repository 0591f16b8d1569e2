"""Where a figure comes from: command, commit, machine, versions, data."""

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from roundel._version import __version__


@dataclass(frozen=True)
class Provenance:
    """What is stored beside every reported figure."""

    command: str
    commit: str | None
    """Git's hash, "+" behind it if tracked files were changed; None outside a repository."""
    data: str
    """The folder's name, how many pictures it has, and a hash over their names and bytes."""
    machine: str
    versions: dict[str, str]


def provenance(command: str, files: Sequence[Path]) -> Provenance:
    """The provenance of what is measured now, on these pictures."""
    return Provenance(command, commit(), _data(files), _machine(), _versions())


def command_line() -> str:
    """The command that runs, as one would type it."""
    return shlex.join(["roundel", *sys.argv[1:]])


def commit() -> str | None:
    """Git's hash of the source that runs, "+" behind it if tracked files were changed; None outside a repository."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "."], cwd=here.parent, check=False)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.returncode else "")


def _data(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.name) + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return f"{files[0].resolve().parent.name}: {len(files)} pictures, SHA-256 {digest.hexdigest()[:16]}"


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:  # not Linux
        pass
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _versions() -> dict[str, str]:
    found = {"roundel": __version__}
    for package in ("numpy", "pillow", "onnxruntime", "imagecodecs", "torch", "constriction"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
