"""`make exact`: files of every model, written here, read under every machine; a table of what differs.

    python -m tests.matrix.run [--models NAME…] [--pictures FOLDER] [--place out/matrix]

Each picture is coded with each model (lossy ones at three qualities) by the first machine. Every machine then decodes
all files and encodes all pictures again: samples that differ break the promise, files that differ merely show that an
encoder chose otherwise.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.matrix import wasm
from tests.matrix.machines import Machine, machines

CHILD = Path(__file__).parent / "child.py"
Found = dict[tuple[str, str], str]
"""Hash by (file, "decoded" or "encoded")."""


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix; returns 1 if any sample differs or a machine fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", help="names [all]")
    parser.add_argument("--pictures", type=Path, help="folder of pictures to use instead of made ones; slow under qemu")
    parser.add_argument("--count", type=int, default=24, help="of those pictures, at most")
    parser.add_argument("--place", type=Path, default=Path("out/matrix"), help="folder for files and machines")
    parser.add_argument("--only", nargs="*", help="machines whose names begin so [all]")
    options = parser.parse_args(arguments)
    from roundel.codecs import zoo

    models = options.models or [entry.name for entry in zoo.entries()]
    options.place.mkdir(parents=True, exist_ok=True)
    files = options.place.resolve() / "files"
    files.mkdir(exist_ok=True)
    for old in files.iterdir():
        old.unlink()
    for name, pixels in pictures(options.pictures, options.count).items():
        np.save(files / f"{name}.npy", pixels)
    able, missing = machines(options.place.resolve())
    if options.only:
        able = able[:1] + [m for m in able[1:] if m.name.startswith(tuple(options.only))]
    run(able[0], "write", str(files), *models)
    print("| machine | ONNX Runtime | coder | files | decoded otherwise | encoded otherwise | seconds |")
    print("|---|---|---|---|---|---|---|")
    reference: Found = {}
    wrong = False
    for machine in able:
        begun = time.monotonic()
        try:
            lines = [json.loads(line) for line in run(machine, "read", str(files), str(machine.jobs)).splitlines()]
        except subprocess.CalledProcessError as error:
            print(f"| {machine.name} | | | | failed: {last_line(error.stderr)} | | |", flush=True)
            wrong = True
            continue
        found = {(line["file"], line["what"]): line["hash"] for line in lines[1:]}
        reference = reference or found
        other = sorted(key for key in reference if found.get(key) != reference[key])
        decoded = [file for file, what in other if what == "decoded"]
        wrong = wrong or bool(decoded)
        count = sum(what == "decoded" for _, what in found)
        encoded = len(other) - len(decoded)
        row = [machine.name, lines[0]["onnxruntime"], lines[0]["coder"], count, len(decoded), encoded]
        print(f"| {' | '.join(map(str, row))} | {time.monotonic() - begun:.0f} |", flush=True)
        for file in decoded:
            print(f"{machine.name}: {file} decodes otherwise", file=sys.stderr)
    if not options.only or any("WebAssembly".startswith(name) for name in options.only):
        result = wasm.run(files, options.place.resolve() / "wasm", environment(able[0]))
        if isinstance(result, str):
            missing.append(f"WebAssembly: {result}")
        else:
            version, calls, other_calls = result
            print(
                f"| WebAssembly in Node, the nets alone | {version} | | {calls} calls | {other_calls} | | |", flush=True
            )
            wrong = wrong or other_calls > 0
    for text in missing:
        print(f"not run: {text}", file=sys.stderr)
    return 1 if wrong else 0


def pictures(folder: Path | None, count: int) -> dict[str, np.ndarray]:
    """Pictures by name, uint8 (H, W, 3): the folder's, or three that are made: a scene, extremes, a drawing."""
    if folder is not None:
        from roundel import image

        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".ppm"))
        return {file.stem: np.ascontiguousarray(image.read(file).pixels[..., :3]) for file in files[:count]}
    y, x = np.mgrid[0:90, 0:110].astype(np.int64)
    rng = np.random.default_rng(0)
    waves = 128 + 60 * np.sin((x + 2 * y) / 9) + 40 * np.cos((x - y) / 23)
    scene = np.stack([waves, waves * 0.7 + y, 255 - waves], -1) + rng.normal(0, 4, (90, 110, 3))
    scene[20:50, 30:70] = (240, 30, 60)
    extremes = np.where(rng.random((72, 80, 3)) < 0.5, 0, 255)
    drawn = (np.array([[9, 20, 250], [255, 255, 255], [200, 0, 7]])[(x // 5 * (y // 7)) % 7 % 3]).astype(np.uint8)
    return {"scene": scene.clip(0, 255).astype(np.uint8), "extremes": extremes.astype(np.uint8), "drawn": drawn}


def run(machine: Machine, *arguments: str) -> str:
    """The child's output on a machine. Raises: CalledProcessError."""
    command = [*machine.command, str(CHILD), *arguments]
    return subprocess.run(command, env=environment(machine), capture_output=True, text=True, check=True).stdout


def environment(machine: Machine) -> dict[str, str]:
    """What programs see on a machine."""
    paths = os.pathsep.join(map(str, machine.paths))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def last_line(text: str) -> str:
    """What an error says."""
    return text.strip().splitlines()[-1][:200] if text.strip() else "no message"


if __name__ == "__main__":
    sys.exit(main())
