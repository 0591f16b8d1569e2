"""What an encoder asks of parts of a tile, it would be told of the whole as well."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet import detail, harm, trial
from roundel.codecs.wavelet.codec import WaveletModel


def page() -> np.ndarray:
    """uint8 (512, 256, 3): black letters on white paper with a little noise, in the upper half only."""
    image = Image.new("RGB", (256, 512), "white")
    draw = ImageDraw.Draw(image)
    for row in range(12):
        draw.text((8, 8 + 20 * row), "seventeen rivers carry copper coins", "black", ImageFont.load_default(13))
    noise = np.random.default_rng(0).integers(0, 4, (512, 256, 1))
    return (np.asarray(image).astype(int) - noise).clip(0, 255).astype(np.uint8)


def photo() -> np.ndarray:
    return data.astronaut()[:, :256]


def test_detail_is_found_where_it_is() -> None:
    flat = np.full((300, 520, 3), 90, np.uint8)
    assert detail.detailed(flat[:256, :256], 4) == [Window(0, 0, 256, 256)]  # too small to choose from
    flat[128:256, 384:512] = np.random.default_rng(0).integers(0, 256, (128, 128, 3))
    flat[0:128, 128:256, 1] += np.arange(128, dtype=np.uint8)
    assert (
        detail.detailed(flat, 4) == detail.detailed(flat, 8) == [Window(128, 384, 128, 128), Window(0, 128, 128, 128)]
    )


@pytest.mark.parametrize(("pixels", "harmed"), [(photo(), False), (page(), True)])
def test_the_pre_filter_harms_letters_alone(monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray, harmed: bool) -> None:
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    prefilter = model.tuned("ssimulacra2").stored.prefilter(0, harm.LOOK_QUALITY)
    assert prefilter is not None
    per_step = model._per_step(harm.LOOK_QUALITY)
    assert harm.harms(pixels, prefilter, per_step) == harmed
    monkeypatch.setattr(harm, "detailed", lambda tile, part: [Window(0, 0, *tile.shape[:2])])
    assert harm.harms(pixels, prefilter, per_step) == harmed


@pytest.mark.parametrize(("pixels", "tuning", "quality"), [(photo(), "psnr", 50), (page(), "psnr", 80)])
def test_parts_decide_of_the_filter_as_the_whole_does(
    monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray, tuning: str, quality: int
) -> None:
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    own, window = model.tuned(tuning).at_effort(0), Window(0, 0, *pixels.shape[:2])
    passes = own.encode(pixels, window, quality).passes
    monkeypatch.setattr(trial, "detailed", lambda tile, part: [Window(0, 0, *tile.shape[:2])])
    assert own.encode(pixels, window, quality).passes == passes


@pytest.mark.parametrize("tuning", ["psnr", "ssimulacra2"])
def test_what_is_far_from_a_tile_does_not_matter(tuning: str) -> None:
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    own, window = model.tuned(tuning), Window(192, 224, 64, 32)
    near = data.astronaut()[:416, :448].copy()
    far = near.copy()
    far[:64] = far[:, :96] = far[-32:] = far[:, -64:] = 255
    assert own.encode(near, window, 50) == own.encode(far, window, 50)
