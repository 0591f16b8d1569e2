"""A page of `roundel view` as static files, and what Python decodes its files to: python viewed.py FOLDER.

FOLDER/page is the page: a photo beside its original, a pack, a file that is damaged, one of many tiles.
FOLDER/expected.json has the RGB of each pass of the photo, of its original, of the images of the pack, and of the file
of many tiles, hexadecimal.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import roundel
from roundel.cli.main import run

TILED = ["--lossless", "--effort", "0", "--tile", "128", "--force", "--quiet"]
ROOT = Path(__file__).parents[2]


def main(folder: Path) -> None:
    """Write it all."""
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    with Image.open(ROOT / "tests/golden/photo-wavelet-q50.png") as image:
        photo = np.asarray(image.convert("RGB"))[:75, :101]  # odd sides
    grain = np.random.default_rng(54).normal(0, 6, photo.shape)
    photo = np.clip(photo + grain, 0, 255).astype(np.uint8)
    Image.fromarray(photo).save(files / "a-photo.png")
    data = roundel.encode(photo, quality=60)
    (files / "a-photo.rndl").write_bytes(data)
    (files / "b-pack.rndl").write_bytes(roundel.pack([photo[:20, :30], photo[30:39, :8]], names=["x.png", "y.png"]))
    (files / "c-damaged.rndl").write_bytes(data[:-40] + bytes(40))
    slide = np.tile(photo, (6, 6, 1))
    Image.fromarray(slide).save(folder / "slide.png")
    run(["encode", str(folder / "slide.png"), "-o", str(files / "d-slide.rndl"), *TILED])
    code = run(["view", str(files), "--export", str(folder / "page"), "--force"])
    passes = range(1, roundel.info(data).header.passes + 1)
    expected = {
        "size": [photo.shape[1], photo.shape[0]],
        "original": photo.tobytes().hex(),
        "passes": [roundel.decode_array(data, passes=count).tobytes().hex() for count in passes],
        "slide": {"size": [slide.shape[1], slide.shape[0]], "pixels": slide.tobytes().hex()},
        "members": [member.pixels.tobytes().hex() for member in roundel.unpack(files / "b-pack.rndl")],
    }
    (folder / "expected.json").write_text(json.dumps(expected))
    sys.exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
