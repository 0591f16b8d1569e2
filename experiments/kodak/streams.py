"""Bytes of each pass over a folder, beside what the model's tables, and the density of training, make of its symbols.

    python experiments/kodak/streams.py DIR [QUALITY ...]

Writes results/streams.json.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from roundel import coding
from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.wavelet.symbols import Reading, coded, pass_of
from roundel.codecs.wavelet.walk import Group, walk
from roundel.measure.provenance import provenance
from roundel.training.entropy.lookup import mixture_bits
from roundel.training.entropy.scales import scale_of

HERE = Path(__file__).parent


class Estimating(Reading):
    """Reads, and counts the bits of what it reads: by the tables, and by the density that training assumes."""

    def __init__(self, passes: Sequence[bytes], tables: coding.Tables) -> None:
        super().__init__(passes, tables)
        self.by_tables, self.by_density = np.zeros(len(passes)), np.zeros(len(passes))

    def next(self, group: Group, index: NDArray[np.uint8], guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`."""
        values = super().next(group, index, guess)
        held = coded(group, index)
        symbols, number = (values - guess)[held], pass_of(group.part)
        self.by_tables[number] += coding.cost_bits(symbols, index[held] - 1, self._tables)
        scale = scale_of(torch.from_numpy(index[held].astype(np.float64)))
        self.by_density[number] += mixture_bits(torch.from_numpy(symbols).double(), scale).sum().item()
        return values


@torch.inference_mode()
def main(folder: Path, qualities: list[int]) -> None:
    """Sum over the pictures, print and store."""
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    files = sorted(folder.glob("*.png"))
    rows = []
    for quality in qualities:
        found, tables, density = (np.zeros(model.passes) for _ in range(3))
        for file in files:
            with Image.open(file) as picture:
                pixels = np.array(picture.convert("RGB"))
            height, width = pixels.shape[:2]
            passes = model.encode(pixels, Window(0, 0, height, width), quality).passes
            found += [8 * len(data) for data in passes]
            reading = Estimating(passes, model.stored.tables)
            cells = -(-height // model.latent_px), -(-width // model.latent_px)
            walk(model.net, model.stored, reading, *cells, quality, model.passes)
            tables += reading.by_tables
            density += reading.by_density
        excess = [round(100 * float(a / b - 1), 3) if b else 0.0 for a, b in zip(found, tables, strict=True)]
        total, against_density = (round(100 * float(found.sum() / e.sum() - 1), 3) for e in (tables, density))
        rows.append(
            {
                "quality": quality,
                "pass_bytes": (found / 8).astype(int).tolist(),
                "excess_percent": excess,
                "total_percent": total,
                "total_percent_against_training_density": against_density,
            }
        )
        print(f"q{quality:3}  bytes {(found / 8).astype(int).tolist()}  over the estimate {excess} %, in all {total} %")
        print(f"      against the density of training {against_density} %")
    command = f"python experiments/kodak/streams.py {folder.name} {' '.join(map(str, qualities))}"
    result = {"rows": rows} | asdict(provenance(command, files))
    (HERE / "results" / "streams.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), [int(q) for q in sys.argv[2:]] or [10, 50, 90])
