"""Lossless figures from real bytes: independent tiles, packs, and every model on every set. Writes one JSON file.

Usage: python experiments/lossless/run.py tiles|cifar|generalisation OUT.json --kodak DIR --cifar DIR --histology DIR

tiles: Kodak in independent tiles of 64 px and the held-out histology in tiles of 80 px, as files of roundel, beside
JPEG 2000, JPEG-LS, JPEG XL and WebP of every tile alone (their own file headers included, as nobody packs them).
cifar: the 10,000 test pictures as one pack.
generalisation: each model on each set, in tiles of 256 px (packs for CIFAR-10), on part of the larger sets.
Every file is decoded and compared.
"""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from roundel import baselines, cifar
from roundel.codec import decode_array, encode
from roundel.container import read_pack
from roundel.image import read
from roundel.lab.provenance import provenance
from roundel.packing import Collection, pack, unpack

MODELS = ("photo", "cifar", "histology", "cifar-2", "photo-2")
HELD_OUT = 2
CLASSICAL = ("jpeg2000-lossless", "jpegls", "jxl-e7", "webp-lossless")


def bpsp(size: int, subpixels: int) -> float:
    """Bits per subpixel."""
    return round(8 * size / subpixels, 4)


def whole(pictures: Iterable[np.ndarray], model: str, tile_px: int) -> float:
    """Bits per subpixel of roundel's files."""
    size = subpixels = 0
    for pixels in pictures:
        data = encode(pixels, lossless=True, model=model, tile_px=tile_px)
        assert np.array_equal(decode_array(data), pixels)
        size, subpixels = size + len(data), subpixels + pixels.size
    return bpsp(size, subpixels)


def alone(pictures: Iterable[np.ndarray], codec: str, tile_px: int) -> float:
    """Bits per subpixel of a classical codec, each tile a file."""
    baseline = baselines.find(codec)
    size = subpixels = 0
    for pixels in pictures:
        for top in range(0, pixels.shape[0], tile_px):
            for left in range(0, pixels.shape[1], tile_px):
                tile = np.ascontiguousarray(pixels[top : top + tile_px, left : left + tile_px])
                size += len(baseline.encode(tile, baseline.ladder[0]))
        subpixels += pixels.size
    return bpsp(size, subpixels)


def packed(pictures: np.ndarray, labels: np.ndarray, model: str, group: int) -> dict[str, float]:
    """Size and speed of a pack of all pictures."""
    start = time.perf_counter()
    data = pack(Collection(list(pictures), labels=labels.tolist()), model=model, group=group)
    middle = time.perf_counter()
    found = np.stack(list(unpack(read_pack(data), range(len(pictures)))))
    seconds = time.perf_counter() - middle
    assert np.array_equal(found, pictures)
    megabytes = pictures.size / 1e6
    return {
        "pictures": len(pictures),
        "group": group,
        "bytes": len(data),
        "bits_per_dimension": round(8 * len(data) / pictures.size, 5),
        "encode_mb_s": round(megabytes / (middle - start), 3),
        "decode_mb_s": round(megabytes / seconds, 3),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("tiles", "cifar", "generalisation"))
    parser.add_argument("out", type=Path)
    for name in ("kodak", "cifar", "histology"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--model", default="cifar-2", help="of the pack")
    options = parser.parse_args()
    kodak_files = sorted(options.kodak.glob("*.png"))
    histology_files = sorted(options.histology.glob("*.png"))[-HELD_OUT:]
    batch = options.cifar / "test_batch.bin"
    kodak = [read(path).pixels for path in kodak_files]
    histology = [read(path).pixels for path in histology_files]
    pixels, labels = cifar.read([batch])
    command = f"python experiments/lossless/run.py {options.what} {options.out} --model {options.model}"
    results: dict[str, object] = {
        "provenance": asdict(provenance(command, [*kodak_files, *histology_files, batch])),
    }
    if options.what == "tiles":
        results["kodak_64"] = {f"roundel {m}": whole(kodak, m, 64) for m in ("photo", "photo-2")} | {
            name: alone(kodak, name, 64) for name in CLASSICAL
        }
        results["histology_80"] = {f"roundel {m}": whole(histology, m, 80) for m in ("histology", "photo-2")} | {
            name: alone(histology, name, 80) for name in CLASSICAL
        }
        results["histology_whole"] = {"roundel histology": whole(histology, "histology", 1024)} | {
            name: alone(histology, name, 1024) for name in CLASSICAL
        }
    elif options.what == "cifar":
        results["cifar_test"] = packed(pixels, labels, options.model, 64)
    else:
        few = slice(0, 256)
        middles = [np.ascontiguousarray(tile[244:756, 244:756]) for tile in histology]
        results["models"] = {
            model: {
                "kodak, every eighth, 256 px tiles": whole(kodak[::8], model, 256),
                "histology, held out, middle 512 px, 256 px tiles": whole(middles, model, 256),
                "cifar-10 test, first 256": packed(pixels[few], labels[few], model, 64)["bits_per_dimension"],
            }
            for model in MODELS
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
