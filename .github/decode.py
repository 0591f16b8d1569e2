"""A picture through every kind of model, where the product alone is installed; a golden file decodes to its pixels."""

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

import roundel

assert importlib.util.find_spec("torch") is None, "the product must not bring PyTorch"
y, x = np.mgrid[0:80, 0:100]
picture = np.stack([2 * x, 2 * y, x + y], -1).astype(np.uint8)
assert np.array_equal(roundel.decode_array(roundel.encode(picture, lossless=True)), picture)
decoded = roundel.decode_array(roundel.encode(picture, quality=75))
assert np.abs(decoded.astype(int) - picture).mean() < 4
tokens = Path("tests/codecs/golden/photo-tokens-101x75")  # the same pixels on every machine
with Image.open(tokens.with_suffix(".png")) as golden:
    assert np.array_equal(roundel.decode_array(tokens.with_suffix(".rndl").read_bytes()), np.asarray(golden))
print("decodes")
