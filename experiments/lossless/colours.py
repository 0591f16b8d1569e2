"""What seen colours save, by the past of pictures: real files, decoded and compared. Writes one JSON file.

Usage: python experiments/lossless/colours.py OUT.json --kodak DIR --clean DIR [--clean DIR …] --photos DIR
       --histology DIR [--every N] [--sets A,B]

Sets:
kodak             all pictures, whole: 8-bit PhotoCD YCC once, with chroma of half the resolution
kodak halved      the same, halved by Lanczos: all of that past is gone
clean             the middle 512 × 512 of pictures held out of training that show no trace of a past
jpeg QUALITY …    the same, through JPEG in Pillow, chroma of full (444) or half resolution (420)
stretched         the same with 128 levels, stretched to 256
cameras           the middle 512 × 512 of camera photos held out of training, as they come: JPEG
tissue            the middle 512 × 512 of two histology tiles held out of training, JPEG once
"Held out" is as training has it: every tenth picture of the folders `clean` and `photos`, which must come in the order
of the model's card; of histology the last two.
"""

import argparse
import io
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from roundel.codec import decode_array, encode
from roundel.codecs import zoo
from roundel.codecs.pyramid.codec import PyramidModel
from roundel.container import Kind
from roundel.image import read
from roundel.measure import baselines
from roundel.measure.provenance import provenance
from roundel.training.data import find_images, split

SIDE_PX = 512
HELD_OUT_TISSUE = 2
JPEG = {"jpeg 75 420": (75, 2), "jpeg 85 420": (85, 2), "jpeg 92 420": (92, 2), "jpeg 92 444": (92, 0)}
RIVALS = ("jxl-e7", "webp-lossless")
Change = Callable[[np.ndarray], np.ndarray]


def middle(pixels: np.ndarray) -> np.ndarray:
    """At most 512 × 512 of it, RGB."""
    top, left = (max(0, side - SIDE_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX, :3]


def through_jpeg(pixels: np.ndarray, quality: int, subsampling: int) -> np.ndarray:
    """What a JPEG file of it decodes to."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file).convert("RGB"))


def stretched(pixels: np.ndarray) -> np.ndarray:
    """128 of the 256 levels."""
    return ((pixels >> 1).astype(np.uint16) * 255 // 127).astype(np.uint8)


def halved(pixels: np.ndarray) -> np.ndarray:
    """Half the size, by Lanczos."""
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS))


def pictures(paths: list[Path], *changes: Change) -> Iterator[np.ndarray]:
    """Pixels in RGB, changed one after the other."""
    for path in paths:
        pixels = read(path).pixels
        pixels = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
        for change in changes:
            pixels = np.ascontiguousarray(change(pixels))
        yield pixels


def measured(found: Iterator[np.ndarray], model: PyramidModel) -> dict[str, float]:
    """Bits per subpixel of each codec over all bytes of a set, and of ours the seconds."""
    sizes = dict.fromkeys(("roundel", "roundel without", *RIVALS), 0)
    seconds = {"encode": 0.0, "decode": 0.0, "encode without": 0.0, "jxl-e7 encode": 0.0}
    subpixels = count = 0
    for pixels in found:
        start = time.process_time()
        data = encode(pixels, lossless=True, model=model, jobs=1)
        between = time.process_time()
        assert np.array_equal(decode_array(data, jobs=1), pixels)
        end = time.process_time()
        without = encode(pixels, lossless=True, model=model.at_effort(0), jobs=1)
        seconds["encode"] += between - start
        seconds["decode"] += end - between
        seconds["encode without"] += time.process_time() - end
        sizes["roundel"] += len(data)
        sizes["roundel without"] += len(without)
        for name in RIVALS:
            rival = baselines.find(name)
            start = time.process_time()
            sizes[name] += len(rival.encode(pixels, rival.ladder[0]))
            seconds["jxl-e7 encode"] += (time.process_time() - start) * (name == "jxl-e7")
        subpixels, count = subpixels + pixels.size, count + 1
    bits = {name: round(8 * size / subpixels, 4) for name, size in sizes.items()}
    speed = {f"{name}, ns a subpixel": round(1e9 * s / subpixels, 1) for name, s in seconds.items()}
    return {"pictures": count, **bits, **speed}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    for name in ("kodak", "photos", "histology"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--clean", type=Path, action="append", required=True)
    parser.add_argument("--every", type=int, default=1, help="only every so many of a set's pictures")
    parser.add_argument("--sets", type=lambda names: names.split(","))
    options = parser.parse_args()
    model = zoo.get(zoo.default(Kind.LOSSLESS))
    assert isinstance(model, PyramidModel)
    tissue_model = zoo.get("histology")
    assert isinstance(tissue_model, PyramidModel)

    kodak = sorted(options.kodak.glob("*.png"))[:: options.every]
    _, held_out = split(find_images([*options.clean, options.photos]))
    cameras = [path for path in held_out if path.parent == options.photos][:: options.every]
    clean = [path for path in held_out if path.parent != options.photos][:: options.every]
    tissue = sorted(options.histology.glob("*.png"))[-HELD_OUT_TISSUE:]
    sets: dict[str, tuple[list[Path], tuple[Change, ...], PyramidModel]] = {
        "kodak": (kodak, (), model),
        "kodak halved": (kodak, (halved,), model),
        "clean": (clean, (middle,), model),
        **{
            name: (clean, (middle, partial(through_jpeg, quality=quality, subsampling=subsampling)), model)
            for name, (quality, subsampling) in JPEG.items()
        },
        "stretched": (clean, (middle, stretched), model),
        "cameras": (cameras, (middle,), model),
        "tissue": (tissue, (middle,), model),
        "tissue with histology": (tissue, (middle,), tissue_model),
    }
    files = sorted({path for paths, _, _ in sets.values() for path in paths})
    command = shlex.join(["python", "experiments/lossless/colours.py", *sys.argv[1:]])
    results: dict[str, object] = {"provenance": asdict(provenance(command, files))}
    for name in options.sets or sets:
        paths, changes, codec = sets[name]
        results[name] = measured(pictures(paths, *changes), codec)
        print(name, json.dumps(results[name]), flush=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
