"""Writes golden files of a model: three small pictures and what they decode to.

    python -m tests.golden.make MODEL

Golden files are never written again: a change that breaks one needs a new version of the format or a new model id.
"""

import sys
from pathlib import Path

from skimage import data

import roundel

HERE = Path(__file__).parent
CASES = ((15, "ssimulacra2"), (50, "psnr"), (92, "ssimulacra2"))


def main(name: str) -> None:
    """Encode a crop of 150 × 101 px at each quality, for one tuning or the other."""
    pixels = data.astronaut()[20:121, 150:300]
    for quality, tuning in CASES:
        path = HERE / f"{name}-q{quality}.rndl"
        if path.exists():
            raise SystemExit(f"{path}: golden files are not written twice")
        coded = roundel.encode(pixels, quality=quality, tune=tuning, model=name)
        path.write_bytes(coded)
        roundel.decode(coded).save(path.with_suffix(".png"))


if __name__ == "__main__":
    main(sys.argv[1])
