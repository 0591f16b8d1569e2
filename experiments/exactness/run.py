"""Codes every picture of a folder and decodes its symbols under other kernels, thread counts and libraries.

    python experiments/exactness/run.py DIR [QUALITY ...]

Writes results/symbols.json: how many tiles decoded to other symbols than were coded, under each setting; all must be 0.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.measure.provenance import provenance

HERE = Path(__file__).parent
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SSE = {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
SETTINGS = {
    "1 thread": ({}, "1", "on", "torch"),
    "2 threads": ({}, "2", "on", "torch"),
    "oneDNN off": ({}, "2", "off", "torch"),
    "AVX2 kernels": (AVX2, "2", "on", "torch"),
    "SSE kernels, 1 thread, oneDNN off": (SSE, "1", "off", "torch"),
    "ONNX Runtime": ({}, "1", "on", "onnx"),
}


def main(folder: Path, qualities: list[int]) -> None:
    """Code, decode under all settings, report."""
    model = zoo.get("photo-wavelet")
    files = sorted(folder.glob("*.png"))
    lines, expected = [], []
    for file in files:
        with Image.open(file) as picture:
            pixels = np.array(picture.convert("RGB"))
        height, width = pixels.shape[:2]
        for quality in qualities:
            coded = model.encode(pixels, Window(0, 0, height, width), quality)
            lines.append(json.dumps([[p.hex() for p in coded.passes], height, width, quality]))
            expected.append(str(coded.crc))
    wrong = {}
    for name, (environment, *arguments) in SETTINGS.items():
        done = subprocess.run(
            [sys.executable, HERE / "child.py", *arguments], input="\n".join(lines), capture_output=True, text=True,
            check=True, env=os.environ | environment,
        )  # fmt: skip
        wrong[name] = sum(a != b for a, b in zip(done.stdout.split(), expected, strict=True))
        print(f"{name:40} {wrong[name]} wrong of {len(expected)}", flush=True)
    command = f"python experiments/exactness/run.py {folder.name} {' '.join(map(str, qualities))}"
    result = {"qualities": qualities, "tiles": len(expected), "wrong": wrong} | asdict(provenance(command, files))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "symbols.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), [int(q) for q in sys.argv[2:]] or [10, 50, 90])
