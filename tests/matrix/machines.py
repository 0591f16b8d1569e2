"""The machines of the matrix: processors under qemu-user, versions of ONNX Runtime, numbers of threads."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import roundel

SOURCE = Path(roundel.__file__).parents[1]
HERE = Path(__file__).parent
OLDEST = "1.22.1"
"""Of ONNX Runtime, as pyproject.toml asks for at least."""


class Machine(NamedTuple):
    """A way to run Python."""

    name: str
    command: list[str]
    """What stands before the script."""
    paths: list[Path]
    """What PYTHONPATH is."""
    jobs: int = 1


def machines(place: Path) -> tuple[list[Machine], list[str]]:
    """Those that can run here, the reference first, and why others cannot.

    Args:
        place: a folder for what they need, made once.
    """
    python, site = Path(sys.executable).resolve(), Path(sysconfig.get_path("purelib"))
    here = [_copy(place / "source", built=True), site]
    found = [
        Machine("this one, 1 thread", [str(python)], here),
        Machine("this one, 2 threads", [str(python)], here, 2),
    ]
    missing = []
    older = _older_runtime(place / f"onnxruntime-{OLDEST}")
    if older:
        found.append(Machine(f"this one, ONNX Runtime {OLDEST}", [str(python)], [older, *here]))
    else:
        missing.append(f"ONNX Runtime {OLDEST}: cannot be installed for this Python")
    if emulator := shutil.which("qemu-x86_64"):
        found.append(Machine("Haswell (AVX2 without VNNI)", [emulator, "-cpu", "Haswell", str(python)], here))
    else:
        missing.append("Haswell: needs qemu-x86_64 (Debian: qemu-user)")
    emulator = shutil.which("qemu-aarch64")
    root = _arm(place / "arm") if emulator else None
    if emulator and root:
        command = [emulator, "-cpu", "cortex-a57", "-L", str(root), str(root / "usr/bin/python3.11")]
        found.append(Machine("Arm (NEON)", command, [_arm_source(root), root / "site"]))
    else:
        missing.append("Arm: needs qemu-aarch64 (Debian: qemu-user) and what tests/matrix/arm.sh asks for")
    return found, missing


def _older_runtime(place: Path) -> Path | None:
    if not place.exists():
        wanted = [f"onnxruntime=={OLDEST}", "--target", str(place), "--no-deps", "--only-binary=:all:"]
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=False)
        if done.returncode:
            return None
    return place


def _arm(root: Path) -> Path | None:
    done = subprocess.run([str(HERE / "arm.sh"), str(root)], stdout=subprocess.DEVNULL, check=False)
    return None if done.returncode else root


def _arm_source(root: Path) -> Path:
    """The source with the C coder that was built for Arm in the place of this machine's."""
    source = _copy(root / "source", built=False)
    for module in root.glob("_native*.so"):
        shutil.copy(module, source / "roundel" / "coding")
    return source


def _copy(source: Path, *, built: bool) -> Path:
    """The source as it is now, whatever is changed in it while the matrix runs; `built`: with the C coder."""
    shutil.rmtree(source, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", *([] if built else ["*.so"]))
    shutil.copytree(SOURCE / "roundel", source / "roundel", ignore=skip)
    return source
