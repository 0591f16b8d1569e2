"""Lossless figures from real bytes: independent tiles, packs, and every model on every set. Writes one JSON file.

Usage: python experiments/lossless/run.py tiles|cifar|generalisation|effort OUT.json --kodak DIR --cifar DIR
       --histology DIR [--models A,B] [--codecs A,B] [--held-out DIR --held-out DIR]
       python experiments/lossless/run.py --scale smoke          on made-up pictures: does everything run?

tiles: Kodak in independent tiles of 64 px and the held-out histology in tiles of 80 px, as files of roundel, beside
JPEG 2000, JPEG-LS, JPEG XL and WebP of every tile alone (their own file headers included, as nobody packs them).
cifar: the 10,000 test pictures as one pack.
generalisation: each model on each set of sets.py, in tiles of 256 px, small pictures as packs; beside it the codecs,
each tile or small picture alone.
effort: which model `encode --effort 9` takes for these pictures, and what that saves.
Every file is decoded and compared.
"""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from sets import Set, middle, sets

from roundel.codec import decode_array, encode
from roundel.codecs import zoo
from roundel.codecs.selection import best_lossless
from roundel.container import Kind, read_pack
from roundel.image import cifar, read
from roundel.lab import smoke
from roundel.measure import baselines
from roundel.measure.provenance import provenance
from roundel.packing import Collection, pack, unpack

MODELS = [entry.name for entry in zoo.current(Kind.LOSSLESS)]
TILED = "kodak_64,histology_80,histology_whole"
HELD_OUT = 2
CLASSICAL = ["jpeg2000-lossless", "jpegls", "jxl-e7", "webp-lossless"]
TILE_PX = 256


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


def on_set(found: Set, model: str) -> float:
    """Bits per subpixel of one model on a set."""
    if found.packed:
        labels = np.zeros(len(found.pictures), np.uint8)
        return packed(np.stack(found.pictures), labels, model, 64)["bits_per_dimension"]
    return whole(found.pictures, model, TILE_PX)


def effort(pixels: np.ndarray) -> dict[str, object]:
    """The model that a sample of a picture chooses, beside the default."""
    chosen, default = best_lossless(pixels).name, zoo.default(Kind.LOSSLESS)
    found = {model: whole([pixels], model, TILE_PX) for model in {chosen, default}}
    saved = round(100 * (1 - found[chosen] / found[default]), 2)
    return {"model": chosen, "bits_per_subpixel": found[chosen], "fewer_bytes_than_default_percent": saved}


def main(arguments: list[str] | None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("tiles", "cifar", "generalisation", "effort"))
    parser.add_argument("out", type=Path)
    for name in ("kodak", "cifar", "histology"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--models", default=",".join(MODELS), type=lambda names: [n for n in names.split(",") if n])
    parser.add_argument("--codecs", default=",".join(CLASSICAL), type=lambda names: [n for n in names.split(",") if n])
    parser.add_argument("--sets", default=TILED, type=lambda names: names.split(","), help="of tiles")
    parser.add_argument(
        "--held-out", type=Path, action="append", default=[], help="folders that photo was trained on, in that order"
    )
    options = parser.parse_args(arguments)
    kodak_files = sorted(options.kodak.glob("*.png"))
    histology_files = sorted(options.histology.glob("*.png"))[-HELD_OUT:]
    batch = options.cifar / "test_batch.bin"
    kodak = [read(path).pixels for path in kodak_files]
    histology = [read(path).pixels for path in histology_files]
    middles = [middle(tile) for tile in histology]
    pixels, labels = cifar.read([batch])
    command = f"python experiments/lossless/run.py {options.what} {options.out} --models {','.join(options.models)}"
    if options.what == "tiles":
        command += f" --codecs {','.join(options.codecs)} --sets {','.join(options.sets)}"
    if options.what == "generalisation":
        command += "".join(f" --held-out {folder.name}" for folder in options.held_out)
    results: dict[str, object] = {
        "provenance": asdict(provenance(command, [*kodak_files, *histology_files, batch])),
    }
    if options.what == "tiles":
        for name, pictures, side in (
            ("kodak_64", kodak, 64),
            ("histology_80", histology, 80),
            ("histology_whole", histology, 1024),
        ):
            if name not in options.sets:
                continue
            results[name] = {f"roundel {model}": whole(pictures, model, side) for model in options.models} | {
                codec: alone(pictures, codec, side) for codec in options.codecs
            }
    elif options.what == "cifar":
        results["cifar_test"] = {model: packed(pixels, labels, model, 64) for model in options.models}
    elif options.what == "effort":
        results["kodak"] = {
            path.stem: effort(picture) for path, picture in zip(kodak_files[::8], kodak[::8], strict=True)
        }
        results["histology"] = {
            path.stem: effort(middle) for path, middle in zip(histology_files, middles, strict=True)
        }
    else:
        found = sets(options.kodak, options.cifar, options.histology, options.held_out)
        files = [file for each in found.values() for file in each.files]
        results["provenance"] = asdict(provenance(command, list(dict.fromkeys(files))))
        results["pictures"] = {name: len(each.pictures) for name, each in found.items()}
        results["models"] = {m: {name: on_set(each, m) for name, each in found.items()} for m in options.models}
        results["codecs"] = {
            codec: {name: alone(each.pictures, codec, TILE_PX) for name, each in found.items()}
            for codec in options.codecs
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    smoke.run(
        main,
        "tiles {out}/tiles.json --kodak {pictures} --cifar {cifar} --histology {pictures}",
        "cifar {out}/cifar.json --kodak {pictures} --cifar {cifar} --histology {pictures}",
        "generalisation {out}/generalisation.json --kodak {pictures} --cifar {cifar} --histology {pictures} "
        "--held-out {pictures}",
        "effort {out}/effort.json --kodak {pictures} --cifar {cifar} --histology {pictures}",
    )
