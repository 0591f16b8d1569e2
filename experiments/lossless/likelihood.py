"""Coded sizes beside the models' own likelihoods: bytes of files over what tables, and the density of training, say.

Usage: python experiments/lossless/likelihood.py OUT.json --kodak DIR --cifar DIR [--model NAME] [--pack-model NAME]
       [--every 1] [--images 1000]

Kodak pictures (each, or every second, third …) are whole files in tiles of 512 px; CIFAR-10 test images one pack in
groups of 64. The density of training is that of real-valued means, scales and tail weights, before they are rounded to
tables.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from roundel import coding, container
from roundel.codec import encode
from roundel.codecs import zoo
from roundel.codecs.pyramid.codec import LosslessModel, Mode, from_ycocg
from roundel.codecs.pyramid.symbols import Expected, Reading
from roundel.codecs.pyramid.walk import Group, walk
from roundel.container import Kind
from roundel.image import cifar, read
from roundel.measure.provenance import provenance
from roundel.packing import Collection, pack
from roundel.tiling import Grid
from roundel.training.pyramid.task import pyramid_bits

FIRST_PIXEL_BITS = 8 + 9 + 9
"""Which the density of training leaves out."""


class Estimating(Reading):
    """Reads, and adds up the bits of what it reads, by the tables."""

    def __init__(self, passes: Sequence[bytes], tables: coding.Tables) -> None:
        super().__init__(passes, tables, Expected())
        self.bits = 0.0

    def next(self, group: Group, index: NDArray[np.int32], centre: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Samples.next`."""
        values = super().next(group, index, centre)
        self.bits += coding.cost_bits((values - centre).ravel(), index.ravel(), self._tables)
        return values


def estimated_bits(model: LosslessModel, passes: Sequence[bytes], pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Bits of pictures (B, H, W, 3), coded together in colour, by the tables and by the density of training."""
    assert passes[0][0] == Mode.COLOUR
    reading = Estimating([passes[0][1:], *passes[1:]], model.tables)
    found = walk(model.net, reading, *pixels.shape[:3], colour=True)
    assert np.array_equal(from_ycocg(found), pixels)
    levels = min(pixels.shape[1:3]).bit_length() - 1
    with torch.inference_mode():
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        density = float(sum(pyramid_bits(model.net, x, levels))) + len(pixels) * FIRST_PIXEL_BITS
    return reading.bits, density


def of_pictures(model: LosslessModel, pictures: Sequence[np.ndarray]) -> NDArray[np.float64]:
    """Bits of files, by the tables, and by the density of training, (N, 3)."""
    rows = []
    for pixels in pictures:
        data = encode(pixels, lossless=True, model=model)
        file = container.read(data)
        grid = Grid(*pixels.shape[:2], file.header.tile_px)
        tiles = [grid.tile(index) for index in range(grid.tiles)]
        parts = [np.ascontiguousarray(pixels[t.rows, t.columns])[None] for t in tiles]
        found = [estimated_bits(model, file.passes(i, file.header.passes), part) for i, part in enumerate(parts)]
        rows.append([8.0 * len(data), *np.sum(found, axis=0)])
        print([round(bits / pixels.size, 4) for bits in rows[-1]], flush=True)
    return np.array(rows)


def of_pack(model: LosslessModel, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The same of one pack, (1, 3)."""
    data = pack(Collection(list(pictures)), model=model)
    opened = container.read_pack(data)
    found = [estimated_bits(model, opened.passes(u), pictures[opened.images(u)]) for u in range(opened.units)]
    return np.array([[8.0 * len(data), *np.sum(found, axis=0)]])


def report(bits: NDArray[np.float64], subpixels: int) -> dict[str, object]:
    """Sums, and by how much files exceed the others; the worst is of single files."""
    total, excess = bits.sum(0), 100 * (bits[:, :1] / bits[:, 1:] - 1)
    by_tables, by_density = 100 * (total[0] / total[1:] - 1)
    return {
        "bits_per_subpixel": {
            name: round(float(b) / subpixels, 5)
            for name, b in zip(("files", "tables", "density of training"), total, strict=True)
        },
        "files_over_tables_percent": round(float(by_tables), 3),
        "files_over_density_of_training_percent": round(float(by_density), 3),
        "worst_file_over_density_of_training_percent": round(float(excess[:, 1].max()), 3),
    }


def load(name: str) -> LosslessModel:
    """A published lossless model."""
    model = zoo.get(name)
    assert isinstance(model, LosslessModel)
    return model


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    for name in ("kodak", "cifar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--model", default=zoo.default(Kind.LOSSLESS), help="of the Kodak pictures")
    parser.add_argument("--pack-model", default="cifar-2")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    files, batch = sorted(options.kodak.glob("*.png"))[:: options.every], options.cifar / "test_batch.bin"
    command = f"python experiments/lossless/likelihood.py {options.out} --model {options.model}"
    command += f" --pack-model {options.pack_model} --every {options.every} --images {options.images}"
    small = cifar.read([batch])[0][: options.images]
    results: dict[str, object] = {"provenance": asdict(provenance(command, [*files, batch]))}
    results[f"cifar-10 test, first {len(small)}, {options.pack_model}"] = report(
        of_pack(load(options.pack_model), small), small.size
    )
    pictures = [read(path).pixels for path in files]
    results[f"kodak, {len(pictures)} pictures, {options.model}"] = report(
        of_pictures(load(options.model), pictures), sum(p.size for p in pictures)
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
