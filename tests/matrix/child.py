"""What one machine makes of the matrix's files: run by `run.py` under each, with the product and its libraries alone.

    python child.py write FOLDER MODEL…     a file of each picture, with each model and quality
    python child.py read FOLDER JOBS        one line of JSON for each file: a hash of all samples that it decodes to

Pictures are FOLDER/*.npy, files FOLDER/*.rndl; `read` also encodes each picture again and hashes those bytes.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

QUALITIES = (10, 50, 90)


def settings_of(model: str) -> list[dict[str, object]]:
    """How a picture is coded with a model: at three qualities if it is lossy."""
    from roundel.codecs import zoo
    from roundel.container import Kind

    kind = next(entry.kind for entry in zoo.entries() if entry.name == model)
    common = {"model": model, "tile_px": 64}
    if kind is Kind.LOSSY:
        return [{**common, "quality": quality} for quality in QUALITIES]
    return [{**common, "lossless": True}] if kind is Kind.LOSSLESS else [common]


def name_of(picture: Path, settings: dict[str, object]) -> str:
    """The file that a picture becomes."""
    quality = [f"q{settings['quality']}"] if "quality" in settings else []
    return "@".join([picture.stem, str(settings["model"]), *quality])


def write(folder: Path, models: list[str]) -> None:
    """Files of all pictures."""
    import roundel

    for picture in sorted(folder.glob("*.npy")):
        for model in models:
            for settings in settings_of(model):
                data = roundel.encode(np.load(picture), **settings)  # type: ignore[arg-type]
                (folder / f"{name_of(picture, settings)}.rndl").write_bytes(data)


def read(folder: Path, jobs: int) -> None:
    """Hashes of what the files decode to, and of what pictures encode to."""
    import onnxruntime

    import roundel
    from roundel.coding import compiled

    coder = "C" if compiled.native() else "constriction"
    say({"onnxruntime": onnxruntime.__version__, "numpy": np.__version__, "coder": coder})
    models = sorted({file.stem.split("@")[1] for file in folder.glob("*.rndl")})
    for file in sorted(folder.glob("*.rndl")):
        array = roundel.decode_array(file.read_bytes(), jobs=jobs)
        say({"file": file.stem, "what": "decoded", "hash": digest(array.tobytes())})
    for picture in sorted(folder.glob("*.npy")):
        for model in models:
            for settings in settings_of(model):
                data = roundel.encode(np.load(picture), jobs=jobs, **settings)  # type: ignore[arg-type]
                say({"file": name_of(picture, settings), "what": "encoded", "hash": digest(data)})


def digest(data: bytes) -> str:
    """A short hash."""
    return hashlib.sha256(data).hexdigest()[:16]


def say(record: dict[str, str]) -> None:
    """A line of JSON."""
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), sys.argv[3:])
    else:
        read(Path(sys.argv[2]), int(sys.argv[3]))
