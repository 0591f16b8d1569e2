"""A picture through every kind of model, where the product alone is installed: golden files decode to their arrays."""

import importlib.util
from pathlib import Path

import numpy as np

import roundel

assert importlib.util.find_spec("torch") is None, "the product must not bring PyTorch"
y, x = np.mgrid[0:80, 0:100]
picture = np.stack([2 * x, 2 * y, x + y], -1).astype(np.uint8)
assert np.array_equal(roundel.decode_array(roundel.encode(picture, lossless=True)), picture)
decoded = roundel.decode_array(roundel.encode(picture, quality=75))
assert np.abs(decoded.astype(int) - picture).mean() < 4
for file in sorted(Path("tests/codecs/golden").glob("*.rndl")):
    expected = file.with_suffix(".npy")
    if expected.exists() and "tokens" not in file.name:
        assert np.array_equal(roundel.decode_array(file.read_bytes()), np.load(expected)), file
print("decodes")
