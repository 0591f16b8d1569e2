"""Drawn pictures are coded without loss where that is smaller."""

import numpy as np
import pytest
from skimage import data

import roundel
from roundel.codecs.drawn import is_drawn
from roundel.container import Kind


def screen() -> np.ndarray:
    """A window with a bar and dithered grey, three colours and sharp edges."""
    picture = np.full((96, 128, 3), 240, np.uint8)
    picture[:12] = (20, 60, 160)
    picture[40:80, 20:100] = np.where(np.indices((40, 80)).sum(0)[..., None] % 2, 0, 255)
    return picture


def test_a_screen_comes_back_exactly_and_small() -> None:
    pixels = screen()
    coded = roundel.encode(pixels, quality=80)
    assert roundel.info(coded).header.kind is Kind.LOSSLESS
    assert np.array_equal(roundel.decode_array(coded), pixels)
    lossy = roundel.encode(pixels, quality=80, model="photo-wavelet")
    assert roundel.info(lossy).header.kind is Kind.LOSSY
    assert len(coded) <= len(lossy)


def test_a_photograph_stays_lossy() -> None:
    pixels = data.astronaut()[100:200, 150:290]
    assert not is_drawn(pixels)
    assert roundel.info(roundel.encode(pixels, quality=50)).header.kind is Kind.LOSSY


@pytest.mark.parametrize(("colours", "drawn"), [(2, True), (64, True), (256, False)])
def test_few_colours_are_told_from_many(colours: int, drawn: bool) -> None:
    noise = np.random.default_rng(0).integers(0, colours, (200, 200, 1)).astype(np.uint8)
    assert is_drawn(np.repeat(noise, 3, 2)) == drawn
    assert not is_drawn(np.zeros((20, 20, 3), np.uint8))  # too small to gain


def test_thin_pictures_are_never_larger_than_without_loss() -> None:
    """The lossy model widens them to whole cells, noise of one row to 32."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 700, 3)).astype(np.uint8)
    exact = roundel.encode(noise, lossless=True)
    assert len(roundel.encode(noise, quality=95)) <= len(exact)
