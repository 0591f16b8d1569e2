"""Tiles as WebP: chosen where they repeat, read back to the bit, refused when damaged."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.pyramid import indices, webp
from roundel.codecs.pyramid.codec import Mode, PyramidModel
from roundel.codecs.pyramid.walk import PASSES
from roundel.errors import FormatError, UnsupportedError
from tests.codecs import reference
from tests.codecs.pyramids import tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def model(weights: Path) -> PyramidModel:
    found = zoo.get(str(weights))
    assert isinstance(found, PyramidModel)
    return found


@pytest.fixture(autouse=True)
def _no_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawings here have few colours: they are WebP only where indices are not tried."""
    monkeypatch.setattr(indices, "encode", lambda pixels, limit: b"")


def drawing(height: int, width: int) -> np.ndarray:
    """Lines of text in colours, whose letters come again at odd distances."""
    image = Image.new("RGB", (width, height), (250, 250, 240))
    draw = ImageDraw.Draw(image)
    for line in range(height // 12):
        draw.text((3, 12 * line), "the quick brown fox jumps over it "[line:] * 3, fill=(line * 5 % 256, 20, 90))
    return np.asarray(image)


def test_a_drawing_is_webp_and_comes_back(weights: Path, model: PyramidModel) -> None:
    pixels = drawing(96, 130)
    coded = model.encode(pixels, Window(0, 0, 96, 130), 0)
    assert coded.passes[0][0] == Mode.WEBP
    assert coded.passes[1:] == [b""] * (PASSES - 1)
    found = model.decode(coded.passes, 96, 130, 0)
    assert np.array_equal(model.render(found.latents, Window(0, 0, 96, 130), 0), pixels)
    assert found.crc == coded.crc
    assert np.array_equal(reference.decode(reference.load(weights), coded.passes, 96, 130), pixels)
    assert np.array_equal(
        model.reduced(1).decode(coded.passes, 96, 130, 0).latents, pixels[::2, ::2].transpose(2, 0, 1)
    )


def test_pictures_of_a_batch_stand_below_one_another(model: PyramidModel) -> None:
    batch = np.stack([drawing(40, 50), drawing(40, 50)[::-1]])
    coded = model.encode_batch(batch)
    assert coded.passes[0][0] == Mode.WEBP
    assert np.array_equal(model.decode_batch(coded.passes, 2, 40, 50).pixels, batch)


def test_damage_is_refused_or_gives_a_picture_of_the_size_it_says() -> None:
    good, rng = webp.encode(drawing(20, 30)), np.random.default_rng(0)
    assert np.array_equal(webp.decode(good, 20, 30), drawing(20, 30))
    for height, width in ((20, 29), (19, 30), (30, 20)):
        with pytest.raises(FormatError, match="does not hold WebP"):
            webp.decode(good, height, width)
    refused = 0
    for _ in range(200):
        data = bytearray(good)
        if rng.random() < 0.5:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        else:
            del data[rng.integers(len(data)) :]
        try:
            assert webp.decode(bytes(data), 20, 30).shape == (20, 30, 3)
        except FormatError:
            refused += 1
    assert refused > 50


def test_what_is_too_large_for_webp_is_not_tried() -> None:
    assert webp.encode(np.zeros((1, webp.SIDE_MAX + 1, 3), np.uint8)) == b""


def test_pillow_without_webp_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    good = webp.encode(drawing(20, 30))
    monkeypatch.setattr(webp.features, "check", lambda name: False)
    assert webp.encode(drawing(20, 30)) == b""
    with pytest.raises(UnsupportedError, match="Pillow"):
        webp.decode(good, 20, 30)
