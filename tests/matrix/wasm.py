"""The nets of every model in WebAssembly: calls recorded while pictures are coded here, run again by Node.

The decoder around the nets is not part of this; only that the graphs give the same integers in browsers.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

SCRIPT = Path(__file__).parent / "wasm.mjs"
PACKAGE = "onnxruntime-web@1.30.0"
CALLS = 2
"""Of each graph, at most: the first ones, of other sizes if there are."""


def run(files: Path, place: Path, environment: Mapping[str, str]) -> tuple[str, int, int] | str:
    """(version of the runtime, calls, calls that differ), or why it cannot be run.

    Args:
        files: .rndl files to decode, .npy pictures to encode. place: for the package and the recorded calls.
        environment: of the Python that records.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "needs Node and npm"
    package = place / "node_modules" / "onnxruntime-web" / "package.json"
    if not package.exists():
        place.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place), PACKAGE]
        if subprocess.run(command, check=False).returncode:
            return f"npm cannot install {PACKAGE}"
    calls = place / "calls"
    shutil.rmtree(calls, ignore_errors=True)
    calls.mkdir()
    recorder = [sys.executable, __file__, str(files), str(calls)]
    done = subprocess.run(recorder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"recording failed: {done.stderr.strip()[-200:]}"
    shutil.copy(SCRIPT, place / SCRIPT.name)  # Node looks for packages from where a script lies
    done = subprocess.run([node, str(place / SCRIPT.name), str(calls)], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"Node failed: {done.stderr.strip()[-200:]}"
    found = json.loads(done.stdout)
    return str(json.loads(package.read_text(encoding="utf-8"))["version"]), found["calls"], len(found["wrong"])


def record(files: Path, calls: Path) -> None:
    """Write graphs, what they were given and what they said, as calls.json and one file an array."""
    import roundel

    with _recorded(calls) as entries:
        for file in sorted(files.glob("*.rndl")):
            roundel.decode_array(file.read_bytes())
        for model in {file.stem.split("@")[1] for file in files.glob("*.rndl")}:
            for picture in sorted(files.glob("*.npy")) if "tokens" in model else ():
                roundel.tokenize(np.load(picture), model=model)
    (calls / "calls.json").write_text(json.dumps(entries), encoding="utf-8")


@contextmanager
def _recorded(calls: Path) -> Iterator[list[dict[str, Any]]]:
    from roundel.engine import Graph

    plain = Graph.run
    entries: list[dict[str, Any]] = []
    seen: dict[str, set[tuple[object, ...]]] = {}

    def recording(self: Graph, **inputs: np.ndarray) -> list[np.ndarray]:
        outputs = plain(self, **inputs)
        name = hashlib.sha256(self.data).hexdigest()[:16]
        shapes = tuple(sorted((key, value.shape) for key, value in inputs.items()))
        known = seen.setdefault(name, set())
        if shapes not in known and len(known) < CALLS:
            known.add(shapes)
            (calls / f"{name}.onnx").write_bytes(self.data)
            number = len(entries)
            given = [_store(calls, f"{number}.{key}", value, key) for key, value in inputs.items()]
            said = [_store(calls, f"{number}.out{k}", value, "") for k, value in enumerate(outputs)]
            entries.append({"graph": f"{name}.onnx", "inputs": given, "outputs": said})
        return outputs

    Graph.run = recording  # type: ignore[method-assign]
    try:
        yield entries
    finally:
        Graph.run = plain  # type: ignore[method-assign]


def _store(calls: Path, file: str, array: np.ndarray, name: str) -> dict[str, object]:
    (calls / file).write_bytes(np.ascontiguousarray(array).tobytes())
    return {"file": file, "name": name, "type": array.dtype.name, "shape": list(array.shape)}


if __name__ == "__main__":
    record(Path(sys.argv[1]), Path(sys.argv[2]))
