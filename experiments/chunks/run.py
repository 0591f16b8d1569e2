"""Chunks of arrays under several codecs: pictures as zarr arrays in memory, bytes stored, processor time.

    python experiments/chunks/run.py DIR [--chunk 256] [--last 2] [--model histology] [--photons 16]
    python experiments/chunks/run.py --scale smoke          on made-up pictures: does everything run?

Every lossless codec is read back and compared. results/FOLDER-CHUNK.json has the figures. With --photons the green
channel becomes grey of 12 bits in uint16, as a camera that counts so many photons for a step of 8 bits would give it:
made up, for want of such pictures. Results are FOLDER-CHUNK-photons.json, without loss alone.
"""

import json
import shlex
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import zarr
from imagecodecs.numcodecs import Jpeg, Jpeg2k, Jpegxl, register_codecs
from numcodecs import Blosc, Zstd

from roundel import image
from roundel.lab import smoke
from roundel.measure import metrics
from roundel.measure.provenance import provenance
from roundel.measure.rd import pictures_in
from roundel.plugins.numcodecs import Roundel

HERE = Path(__file__).parent
LOSSY = ("JPEG 90", "roundel, quality 75")


@dataclass(frozen=True)
class Row:
    """One codec, all pictures."""

    codec: str
    bytes: int
    bits_a_sample: float
    psnr_db: float | None
    """Mean over the pictures; None where every sample comes back."""
    write_s: float
    read_s: float
    """Processor time of one thread for a megapixel."""


def codecs(model: str) -> dict[str, Any]:
    """By name."""
    return {
        "zstd 5": Zstd(5),
        "blosc, zstd 9, shuffled": Blosc("zstd", 9, Blosc.SHUFFLE),
        "JPEG 2000": Jpeg2k(reversible=True, level=0),
        "JPEG XL e7": Jpegxl(lossless=True, effort=7),
        "roundel, effort 0": Roundel(effort=0),
        "roundel": Roundel(),
        f"roundel, {model}": Roundel(model=model),
        "JPEG 90": Jpeg(level=90),
        "roundel, quality 75": Roundel(quality=75, tune="psnr"),
    }


def counted(pixels: np.ndarray, photons: float) -> np.ndarray:
    """Photons for each sample of the green channel, uint16 (H, W) of 12 bits, with their noise."""
    counts = np.random.default_rng(0).poisson(pixels[:, :, 1].astype(np.float64) * photons)
    return np.minimum(counts, 4095).astype(np.uint16)


def row(name: str, codec: Any, arrays: list[np.ndarray], chunk: int) -> Row:
    """Write and read all arrays."""
    stored, write_s, read_s, psnrs = 0, 0.0, 0.0, []
    for array in arrays:
        created = zarr.create_array(
            {},
            shape=array.shape,
            chunks=(chunk, chunk, 3)[: array.ndim],
            dtype=array.dtype,
            zarr_format=2,
            compressors=codec,
        )
        start = time.process_time()
        created[:] = array
        written = time.process_time()
        again = created[:]
        read_s += time.process_time() - written
        write_s += written - start
        stored += created.nbytes_stored()
        if not np.array_equal(again, array):
            psnrs.append(float(metrics.psnr(array, again)))
    lossy = len(psnrs) == len(arrays)
    assert lossy or not psnrs, name
    samples = sum(array.size for array in arrays)
    megapixels = sum(array.shape[0] * array.shape[1] for array in arrays) / 1e6
    psnr_db = round(sum(psnrs) / len(psnrs), 2) if lossy else None
    return Row(name, stored, round(8 * stored / samples, 3), psnr_db, write_s / megapixels, read_s / megapixels)


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--chunk", default=256, show_default=True, help="Side of the chunks in pixels.")
@click.option("--last", type=click.IntRange(1), help="Only the last so many pictures by name, such as those held out.")
@click.option("--model", default="histology", show_default=True, help="Another lossless model of roundel.")
@click.option("--photons", type=float, help="Grey of 12 bits with the noise of photons, so many for a step of 8 bits.")
@click.option("--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder for the results.")
def main(folder: Path, chunk: int, last: int | None, model: str, photons: float | None, results: Path) -> None:
    register_codecs(verbose=False)
    zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
    files = pictures_in(folder)[-(last or 0) :]
    arrays = [image.reduce_depth(image.read(file)).pixels for file in files]
    if photons is not None:
        arrays = [counted(array, photons) for array in arrays]
    rows = []
    for name, codec in codecs(model).items():
        if photons is not None and name in LOSSY:
            continue
        codec.encode(arrays[0][:64, :64].copy())  # libraries and models load off the clock
        rows.append(row(name, codec, arrays, chunk))
        print(rows[-1], flush=True)
    command = shlex.join(["python", "experiments/chunks/run.py", folder.name, *sys.argv[2:]])
    found = {"provenance": asdict(provenance(command, files)), "rows": [asdict(one) for one in rows]}
    path = results / f"{folder.name}-{chunk}{'' if photons is None else '-photons'}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    smoke.run(
        main.main,
        "{pictures} --chunk 64 --last 1 --results {out}",
        "{pictures} --chunk 64 --last 1 --photons 16 --results {out}",
    )
