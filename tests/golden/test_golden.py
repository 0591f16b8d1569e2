"""Files written when a model was published decode to what they decoded to then."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.codecs import zoo

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.rndl"))


def test_every_published_lossy_model_has_golden_files() -> None:
    for entry in zoo.entries():
        if entry.kind.name == "LOSSY":
            assert [f.stem for f in FILES if f.stem.startswith(f"{entry.name}-q")], f"no golden files of {entry.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_golden_file_decodes_to_the_same_picture(path: Path) -> None:
    """All symbols, by the checksum that decoding compares, and every pixel."""
    with Image.open(path.with_suffix(".png")) as then:
        expected = np.asarray(then)
    assert np.array_equal(roundel.decode_array(path.read_bytes()), expected)
