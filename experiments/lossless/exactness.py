"""Lossless files written under one kind of kernel and decoded under the others: how many pictures come back wrong.

Usage: python experiments/lossless/exactness.py OUT.json --kodak DIR --cifar DIR --work DIR [--pictures N] [--images N]

Kodak pictures are files of their own; CIFAR-10 test images are one pack, in groups of 64. Child processes write all
files under each setting of instruction set, threads and oneDNN, and decode the files of the first setting under each,
and by ONNX Runtime. Where the files of all settings are the same bytes, that is every pair of encoder and decoder.
Besides: whether the nets say the same about a picture alone as in a batch of 64, and the plain NumPy decoder on a
64 × 64 piece of each picture and as many small ones.

What is done is kept in the folder --work: a run that was stopped, or has done the first --settings N, goes on there.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from roundel.codecs import zoo
from roundel.container import Kind
from roundel.measure.provenance import provenance

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SSE = {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}


class Setting(NamedTuple):
    """How a child process computes."""

    name: str
    environment: dict[str, str]
    threads: int
    onednn: bool = True
    onnx: bool = False


SETTINGS = (
    Setting("AVX-512, 1 thread", {}, 1),
    Setting("SSE, 2 threads, oneDNN off", SSE, 2, onednn=False),
    Setting("AVX2, 1 thread", AVX2, 1),
    Setting("AVX-512, 2 threads, oneDNN off", {}, 2, onednn=False),
    Setting("AVX2, 2 threads", AVX2, 2),
    Setting("SSE, 1 thread", SSE, 1),
)
ONNX = Setting("ONNX Runtime, 1 thread", {}, 1, onnx=True)


class Runner(NamedTuple):
    """Starts children, or takes what they found from the folder where they work."""

    work: Path
    job: dict[str, object]

    def run(self, task: str, setting: Setting, folder: Path) -> dict[str, object]:
        """What a child prints."""
        done = self.work / f"{task} {setting.name}.json"
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            job = self.job | {
                "task": task, "folder": str(folder), "threads": setting.threads, "onednn": setting.onednn,
                "onnx": setting.onnx,
            }  # fmt: skip
            child = subprocess.run(
                [sys.executable, Path(__file__).parent / "exactness_child.py", json.dumps(job)],
                env=os.environ | setting.environment, stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            done.write_text(child.stdout)
            print(task, setting.name, child.stdout.strip(), flush=True)
        return json.loads(done.read_text())


def differing(folder: Path, first: Path) -> int:
    """Files that are not the same bytes in both folders."""
    names = {path.name for path in (*folder.iterdir(), *first.iterdir())}
    return sum(not all((f / name).is_file() for f in (folder, first))
               or (folder / name).read_bytes() != (first / name).read_bytes() for name in names)  # fmt: skip


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    for name in ("kodak", "cifar", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--settings", type=int, default=len(SETTINGS))
    parser.add_argument("--model", default=zoo.default(Kind.LOSSLESS), help="of the Kodak pictures")
    parser.add_argument("--pack-model", default="cifar-2")
    options = parser.parse_args()
    files, batch = sorted(options.kodak.glob("*.png"))[: options.pictures], options.cifar / "test_batch.bin"
    command = (
        f"python experiments/lossless/exactness.py {options.out} --pictures {len(files)} --images {options.images}"
        f" --settings {options.settings} --model {options.model} --pack-model {options.pack_model}"
    )
    results = {"provenance": asdict(provenance(command, [*files, batch]))}
    runner = Runner(options.work, {
        "pictures": [str(path) for path in files], "batch": str(batch), "images": options.images,
        "picture_model": options.model, "pack_model": options.pack_model,
    })  # fmt: skip
    first = options.work / SETTINGS[0].name
    rows = {}
    for setting in SETTINGS[: options.settings]:
        folder = options.work / setting.name
        kernels = runner.run("write", setting, folder)["kernels"]
        rows[setting.name] = {
            "kernels": kernels,
            "files written that differ from the first setting's": differing(folder, first),
            "pictures that came back wrong": runner.run("wrong", setting, first)["count"],
        }
    rows[ONNX.name] = {"pictures that came back wrong": runner.run("wrong", ONNX, first)["count"]}
    results |= {
        "kodak pictures": len(files),
        "cifar images": options.images,
        "settings": rows,
        "cifar images of which the nets say something else alone than in a batch of 64": runner.run(
            "alone", SETTINGS[0], first
        )["count"],
        "pieces and cifar images that the plain NumPy decoder reads otherwise": {
            "of": 2 * len(files),
            "wrong": runner.run("plain", SETTINGS[0], first)["count"],
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
