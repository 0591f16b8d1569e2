"""Whole jobs as users see them: many pictures with one and two jobs, regions of a large file, how soon commands start.

Set ROUNDEL_PICTURES to a folder of pictures for the batch; the default is 24 crops of scikit-image's photos. The ratio
of jobs is of wall-clock time and means something on an idle machine only; all other figures are processor time.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import roundel
from benchmarks.photo import photo
from benchmarks.timing import fastest_s
from roundel.container import Kind

PICTURES = 24
LARGE = (3000, 4000)
REGION_PX = 256
REPEATS = 3


def rows() -> Iterator[str]:
    """One line a job."""
    with tempfile.TemporaryDirectory() as place:
        yield from _starts(Path(place))
        for options in ([], ["--lossless", "--effort", "0"]):
            yield _batch(Path(place), options)
    for kind, tile_px in ((Kind.LOSSY, None), (Kind.LOSSLESS, None), (Kind.LOSSLESS, 256)):
        yield _region(kind, tile_px)


def _batch(place: Path, options: list[str]) -> str:
    """Wall-clock seconds of `encode -j 1` and `-j 2` over the same pictures, one after the other."""
    folder = os.environ.get("ROUNDEL_PICTURES") or str(_crops(place / "pictures"))
    seconds = {}
    for jobs in (1, 2):
        command = ["encode", folder, "-o", str(place / "out"), "-f", "--quiet", "-j", str(jobs), *options]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "roundel", *command], check=True)
        seconds[jobs] = time.perf_counter() - began
    what = " ".join(options) or "lossy"
    return (
        f"encode, {what}, pictures of a folder: -j 1 {seconds[1]:.2f} s, -j 2 {seconds[2]:.2f} s, "
        f"{seconds[1] / seconds[2]:.2f} ×"
    )


def _region(kind: Kind, tile_px: int | None) -> str:
    """Processor seconds of a region in the middle of a large file against those of the whole."""
    pixels = tiled(photo(), *LARGE)
    model = roundel.load_model(kind=kind)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "large.rndl")
        path.write_bytes(roundel.encode(pixels, model=model, tile_px=tile_px))
        whole_s = fastest_s(lambda: roundel.decode_array(path), 1)

        def look() -> None:
            with roundel.open(path) as file:
                file.read_array((1500, 1200), 0, (REGION_PX, REGION_PX))

        region_s = fastest_s(look, REPEATS)
        thumb_s = fastest_s(lambda: roundel.decode_array(path, reduce=4), 1)
        tile_px = roundel.info(path).header.tile_px
    return (
        f"{kind.name.lower()}, {LARGE[1]}×{LARGE[0]}, tiles of {tile_px} px: whole {whole_s:.2f} s, region of "
        f"{REGION_PX}² {region_s:.3f} s ({region_s / whole_s:.4f}), a sixteenth of the size {thumb_s:.3f} s "
        f"({thumb_s / whole_s:.4f})"
    )


def _starts(place: Path) -> Iterator[str]:
    """Processor seconds of commands that should start at once, and of decoding one photo."""
    path = place / "a.rndl"
    path.write_bytes(roundel.encode(photo()))
    for arguments in (["--help"], ["info", str(path)], ["decode", str(path), "-o", str(place / "a.png"), "-f"]):
        best = min(_child_s([sys.executable, "-m", "roundel", *arguments]) for _ in range(REPEATS))
        yield f"roundel {arguments[0]:7} {best:.3f} s of the processor"


def _child_s(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _crops(folder: Path) -> Path:
    """Different parts of the photo, 384 × 256 each."""
    if not folder.exists():
        folder.mkdir(parents=True)
        pixels = photo()
        for number in range(PICTURES):
            top, left = 8 * number % 256, 16 * number % 384
            Image.fromarray(pixels[top : top + 256, left : left + 384]).save(folder / f"{number:02}.png")
    return folder


def tiled(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A large picture of mirrored copies."""
    wide = np.concatenate([pixels, pixels[:, ::-1]], 1)
    tall = np.concatenate([wide, wide[::-1]], 0)
    copies = (-(-height // tall.shape[0]), -(-width // tall.shape[1]), 1)
    return np.ascontiguousarray(np.tile(tall, copies)[:height, :width])
