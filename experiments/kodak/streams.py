"""Bytes of each pass over a folder, beside what the densities that training minimises make of the same symbols.

    python experiments/kodak/streams.py DIR [QUALITY ...]

Writes results/streams.json.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from roundel import coding
from roundel.entropy.densities import gaussian_bits, logistic_bits
from roundel.lab.provenance import provenance
from roundel.models import zoo
from roundel.models.hyperprior import scale_of
from roundel.models.lossy import LossyModel
from roundel.models.lossy_weights import Z_SCALES
from roundel.models.protocol import Window

HERE = Path(__file__).parent


def estimated_bits(model: LossyModel, passes: list[bytes], height: int, width: int, quality: int) -> np.ndarray:
    """(passes,) bits by the densities, of the symbols that the passes hold."""
    h, w = -(-height // 16), -(-width // 16)
    shape = (model.stored.z_loc.shape[1], -(-h // 4), -(-w // 4))
    centre, index = model._z_call(shape, quality)
    z = coding.decode(passes[0], index, model.stored.z_tables)
    bits = [logistic_bits(torch.from_numpy(z).float(), torch.from_numpy(Z_SCALES[index]).float()).sum().item()]
    z_hat = torch.from_numpy((centre + z).reshape(shape)).float()[None]
    _, scales = model._hyper(z_hat, quality, h, w)
    residual = np.zeros(scales.shape, np.int32)
    for number, (channels, data) in enumerate(zip(model._groups(), passes[1:], strict=True)):
        coded = scales[channels] > 0
        table = model._tables(number, channels, residual, scales)[coded]
        symbols = coding.decode(data, table, model.stored.y_tables)
        residual[channels][coded] = symbols
        scale = scale_of(torch.from_numpy(table.astype(np.float32) + 1))
        bits.append(gaussian_bits(torch.from_numpy(symbols).float(), scale).sum().item())
    return np.array(bits)


@torch.inference_mode()
def main(folder: Path, qualities: list[int]) -> None:
    """Sum over the pictures, print and store."""
    model = zoo.get("photo-lossy")
    assert isinstance(model, LossyModel)
    files = sorted(folder.glob("*.png"))
    rows = []
    for quality in qualities:
        found, expected = np.zeros(model.passes), np.zeros(model.passes)
        for file in files:
            with Image.open(file) as picture:
                pixels = np.array(picture.convert("RGB"))
            height, width = pixels.shape[:2]
            passes = model.encode(pixels, Window(0, 0, height, width), quality).passes
            found += [8 * len(data) for data in passes]
            expected += estimated_bits(model, passes, height, width, quality)
        excess = [round(100 * (a / b - 1), 3) for a, b in zip(found, expected, strict=True)]
        total = round(100 * (found.sum() / expected.sum() - 1), 3)
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
