"""Training pictures: crops that fit, broken files, the split."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roundel.errors import ImageError
from roundel.training.data import Crops, load, split


def test_crops_larger_than_every_picture_are_refused() -> None:
    crops, rng = Crops([np.zeros((40, 90, 3), np.uint8)]), np.random.default_rng(0)
    assert crops.batch(2, 40, rng).shape == (2, 3, 40, 40)
    with pytest.raises(ImageError, match="smaller than the crop"):
        crops.batch(1, 41, rng)


def test_a_single_picture_leaves_none_to_train_on() -> None:
    training, _ = split([Path("alone.png")])
    with pytest.raises(ImageError, match="add pictures"):
        Crops(load(training)).batch(1, 8, np.random.default_rng(0))


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    good, cut, text = tmp_path / "good.png", tmp_path / "cut.png", tmp_path / "text.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(good)
    cut.write_bytes(good.read_bytes()[:5000])
    text.write_text("no picture")
    for path in (cut, text):
        with pytest.raises(ImageError, match=f"{path.name}: cannot read this picture"):
            load([good, path])


def test_split_keeps_every_tenth_for_validation() -> None:
    training, validation = split([Path(str(k)) for k in range(25)])
    assert [int(str(p)) for p in validation] == [0, 10, 20]
    assert len(training) == 22
