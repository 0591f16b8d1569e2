"""Lossless files written under one kind of kernel and decoded under the others: how many pictures come back wrong.

Usage: python experiments/lossless/exactness.py OUT.json --kodak DIR --cifar DIR [--pictures N] [--images N]

Kodak pictures are files of their own; CIFAR-10 test images are packs, in groups of 64 and of 1. Encoders and decoders
run in child processes with the instruction set, thread count and oneDNN setting of each case.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from roundel.lab.provenance import provenance

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SSE = {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
CASES: dict[str, tuple[dict[str, str], int, bool]] = {
    "AVX-512, 1 thread": ({}, 1, True),
    "AVX-512, 2 threads": ({}, 2, True),
    "AVX2, 1 thread": (AVX2, 1, True),
    "SSE, 2 threads, oneDNN off": (SSE, 2, False),
}
"""Environment, threads and whether oneDNN is on."""
ENCODERS = ("AVX-512, 1 thread", "SSE, 2 threads, oneDNN off")

CHILD = """
import sys, json
import numpy as np, torch
from pathlib import Path
from roundel import cifar
from roundel.codec import decode_array, encode
from roundel.container import read_pack
from roundel.image import read
from roundel.packing import Collection, pack, unpack
job = json.loads(sys.argv[1])
torch.set_num_threads(job["threads"])
folder, wrong = Path(job["folder"]), 0
pixels, labels = cifar.read([Path(job["batch"])])
pixels = pixels[: job["images"]]
with torch.backends.mkldnn.flags(enabled=job["mkldnn"]):
    for name in job["pictures"]:
        picture, file = read(name).pixels, folder / (Path(name).stem + ".rndl")
        if job["encode"]:
            file.write_bytes(encode(picture, lossless=True))
        else:
            try:
                wrong += not np.array_equal(decode_array(file.read_bytes()), picture)
            except Exception:
                wrong += 1
    for group in (64, 1):
        count = len(pixels) if group > 1 else len(pixels) // 10
        file = folder / f"cifar-{group}.rndl"
        if job["encode"]:
            file.write_bytes(pack(Collection(list(pixels[:count])), model="cifar-2", group=group))
        else:
            try:
                found = unpack(read_pack(file.read_bytes()), range(count))
                wrong += sum(not np.array_equal(a, b) for a, b in zip(found, pixels, strict=False))
            except Exception:
                wrong += count
print(wrong)
"""


def child(case: str, folder: Path, pictures: list[str], batch: Path, images: int, *, encode: bool) -> int:
    """Pictures that came back wrong."""
    environment, threads, mkldnn = CASES[case]
    job = {"folder": str(folder), "pictures": pictures, "batch": str(batch), "images": images, "encode": encode,
           "threads": threads, "mkldnn": mkldnn}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(job)],
        env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    files, batch = sorted(options.kodak.glob("*.png"))[: options.pictures], options.cifar / "test_batch.bin"
    command = (
        f"python experiments/lossless/exactness.py {options.out} --pictures {len(files)} --images {options.images}"
    )
    results = {"provenance": asdict(provenance(command, [*files, batch])), "kodak": len(files)}
    results["cifar images, of these a tenth also one by one"] = options.images
    wrong: dict[str, dict[str, int]] = {}
    for encoder in ENCODERS:
        with tempfile.TemporaryDirectory() as name:
            pictures = [str(path) for path in files]
            child(encoder, Path(name), pictures, batch, options.images, encode=True)
            wrong[f"encoded under {encoder}"] = {
                f"decoded under {case}": child(case, Path(name), pictures, batch, options.images, encode=False)
                for case in CASES
            }
    results["pictures that came back wrong"] = wrong
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
