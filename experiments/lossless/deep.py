"""Samples of 16 bits, made from a scene and from photographs: real lossless files of each codec. Writes one JSON file.

Usage: python experiments/lossless/deep.py OUT.json PHOTOS

PHOTOS holds at least ten photographs free of JPEG; the fourth, eighth and tenth by name are used, their upper left
512 × 512. Noise stands in for what a sensor adds below 8 bits.
"""

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import imagecodecs
import numpy as np

from roundel.codec import decode_array, encode
from roundel.image import read
from roundel.measure.provenance import provenance

SIDE_PX = 512


def depth_map(rng: np.random.Generator) -> np.ndarray:
    """Millimetres of a curved wall with twelve tilted discs before it, with a noise of 0.2 %; (480, 640)."""
    y, x = np.mgrid[0:480, 0:640].astype(float)
    depth = 2000 + 3 * y + 400 * np.sin(x / 90) + 300 * np.cos(y / 70 + x / 130)
    for _ in range(12):
        row, column, radius = rng.uniform(0, 480), rng.uniform(0, 640), rng.uniform(20, 90)
        disc = (y - row) ** 2 + (x - column) ** 2 < radius * radius
        depth[disc] = rng.uniform(600, 2500) + 0.5 * (x[disc] - column)
    return rounded(depth * (1 + rng.normal(0, 0.002, depth.shape)), 65535)


def rounded(x: np.ndarray, most: int) -> np.ndarray:
    """Whole numbers 0 … most, uint16."""
    return np.clip(np.rint(x), 0, most).astype(np.uint16)


def pictures(paths: list[Path]) -> dict[str, np.ndarray]:
    """Pixels (H, W) or (H, W, 3), uint16."""
    rng = np.random.default_rng(0)
    found = {"depth map": depth_map(rng)}
    linear, scan, grey = (read(path).pixels[:SIDE_PX, :SIDE_PX, :3].astype(float) for path in paths)
    linear = linear / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    found["12 in 16 bits"] = rounded(linear * 4095 + rng.normal(0, 3, linear.shape), 4095) * 16
    scan = scan + rng.uniform(-0.5, 0.5, scan.shape)
    found["scan"] = rounded(scan * 257 + rng.normal(0, 120, scan.shape), 65535)
    grey = grey.mean(2)
    found["grey scan"] = rounded(grey * 257 + rng.normal(0, 60, grey.shape), 65535)
    found["10 in 16 bits, grey"] = rounded(grey * 4 + rng.normal(0, 1, grey.shape), 1023) * 64
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("photos", type=Path)
    options = parser.parse_args()
    names = sorted(options.photos.glob("*.png"))
    paths = [names[3], names[7], names[9]]
    rows = {}
    for name, pixels in pictures(paths).items():
        data = encode(pixels, lossless=True, jobs=1)
        assert np.array_equal(decode_array(data).reshape(pixels.shape), pixels), name
        jxl = len(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7))
        png = len(imagecodecs.png_encode(pixels, level=9))
        rows[name] = {"roundel": len(data), "jxl-e7": jxl, "png": png, "v JXL": round(len(data) / jxl, 3),
                      "v PNG": round(len(data) / png, 3)}  # fmt: skip
        print(name, rows[name], flush=True)
    command = shlex.join(["python", "experiments/lossless/deep.py", *sys.argv[1:]])
    found = {"provenance": asdict(provenance(command, paths)), "pictures": rows}
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
