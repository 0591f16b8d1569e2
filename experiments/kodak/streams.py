"""Bytes of each pass over a folder, beside what the model's tables make of its symbols.

    python experiments/kodak/streams.py DIR [QUALITY ...]

Writes results/streams.json.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roundel import coding
from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.wavelet.places import Places, flag_table
from roundel.codecs.wavelet.symbols import Reading
from roundel.codecs.wavelet.walk import Group, walk
from roundel.measure.provenance import provenance

HERE = Path(__file__).parent


class Estimating(Reading):
    """Reads, and counts the bits of what it reads by the tables."""

    def __init__(self, passes: Sequence[bytes], limits: Sequence[NDArray[np.int32]], tables: coding.Tables) -> None:
        super().__init__(passes, limits, tables)
        self.bits = np.zeros(len(passes))

    def next(self, group: Group, places: Places, guess: NDArray[np.int32] | int) -> NDArray[np.int32]:
        """See `Symbols.next`."""
        values = super().next(group, places, guess)
        symbols = (values - guess).ravel()
        flags = places.flags(symbols)
        held = places.coded(flags)
        table = np.full(flags.size, flag_table(group.part, group.channels), np.int32)
        own = np.where(places.turned, -symbols, symbols)[held]
        self.bits[max(group.part - 1, 0)] += coding.cost_bits(flags, table, self._tables)
        self.bits[max(group.part - 1, 0)] += coding.cost_bits(own, places.table[held], self._tables)
        return values


def main(folder: Path, qualities: list[int]) -> None:
    """Sum over the pictures, print and store."""
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    files = sorted(folder.glob("*.png"))
    rows = []
    for quality in qualities:
        found, tables = np.zeros(model.passes), np.zeros(model.passes)
        for file in files:
            with Image.open(file) as picture:
                pixels = np.array(picture.convert("RGB"))
            height, width = pixels.shape[:2]
            passes = model.encode(pixels, Window(0, 0, height, width), quality).passes
            found += [8 * len(data) for data in passes]
            limits = model.stored.limits(model.tuning, quality)
            reading = Estimating([passes[0][1:], *passes[1:]], limits, model.stored.tables)
            cells = -(-height // model.latent_px), -(-width // model.latent_px)
            walk(model.stored.contexts(model.tuning, quality), reading, *cells, model.passes)
            tables += reading.bits
        excess = [round(100 * float(a / b - 1), 3) if b else 0.0 for a, b in zip(found, tables, strict=True)]
        total = round(100 * float(found.sum() / tables.sum() - 1), 3)
        rows.append(
            {
                "quality": quality,
                "pass_bytes": (found / 8).astype(int).tolist(),
                "excess_percent": excess,
                "total_percent": total,
            }
        )
        print(f"q{quality:3}  bytes {(found / 8).astype(int).tolist()}  over the estimate {excess} %, in all {total} %")
    command = f"python experiments/kodak/streams.py {folder.name} {' '.join(map(str, qualities))}"
    result = {"rows": rows} | asdict(provenance(command, files))
    (HERE / "results" / "streams.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), [int(q) for q in sys.argv[2:]] or [10, 50, 90])
