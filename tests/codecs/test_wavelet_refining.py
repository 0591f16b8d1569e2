"""Encoding harder: a slope that is SSIMULACRA2's, and files that are nearer to the original for their bytes."""

import numpy as np
import pytest
from skimage import data

import roundel
from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.wavelet.eye import Eye
from roundel.codecs.wavelet.masking import repriced
from roundel.codecs.wavelet.refining import BYTES

SIDE = 256


def astronaut() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:SIDE, 100 : 100 + SIDE])


def model(tuning: str, effort: int) -> WaveletModel:
    found = zoo.get("photo-wavelet")
    assert isinstance(found, WaveletModel)
    return found.tuned(tuning).at_effort(effort)


def encoded(tuning: str, effort: int, pixels: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
    """What a picture of one tile is decoded to, and its bytes."""
    own, window = model(tuning, effort), Window(0, 0, *pixels.shape[:2])
    coded = own.encode(pixels, window, quality)
    decoded = own.decode(coded.passes, *pixels.shape[:2], quality)
    assert decoded.crc == coded.crc
    return own.render(decoded.latents, window, quality), sum(map(len, coded.passes))


def test_the_original_is_at_no_distance() -> None:
    eye = Eye(astronaut())
    distance, slope = eye.look(astronaut())
    assert distance == pytest.approx(0, abs=0.01)  # of 1 for files nobody can tell from it
    assert slope.shape == (SIDE, SIDE, 3)


def test_the_slope_is_what_the_distance_changes_by() -> None:
    rng = np.random.default_rng(0)
    original = astronaut()
    decoded = (original + rng.integers(-12, 13, original.shape)).clip(1, 254).astype(np.uint8)
    eye = Eye(original)
    _, slope = eye.look(decoded)
    # A sample at a time would drown in rounding: all of them, up where the slope is, and down.
    way = np.sign(slope).astype(np.int64)
    up, down = (eye.look((decoded + sign * way).clip(0, 255).astype(np.uint8))[0] for sign in (1, -1))
    assert (up - down) / 2 == pytest.approx(float(np.abs(slope).sum()), rel=0.1)


def test_effort_looks_more_like_the_original_for_its_bytes() -> None:
    pixels = astronaut()
    eye = Eye(pixels)
    usual, harder = (encoded("ssimulacra2", effort, pixels, 50) for effort in (1, 3))
    costs = [eye.look(decoded)[0] * size**BYTES for decoded, size in (usual, harder)]
    assert costs[1] < 0.98 * costs[0]


def test_tiles_know_what_is_around_them() -> None:
    """Errors of a tile that is decoded by itself, near its borders, are not what has to be mended."""
    pixels = astronaut()
    eye = Eye(pixels)
    costs = []
    for effort in (1, 3):
        coded = roundel.encode(pixels, quality=80, effort=effort, tile_px=128)
        costs.append(eye.look(roundel.decode_array(coded))[0] * len(coded) ** BYTES)
    assert costs[1] < costs[0]


def test_a_bit_may_cost_less_where_errors_count_more() -> None:
    rng = np.random.default_rng(0)
    error = rng.normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    counts = np.where(np.arange(SIDE) < SIDE // 2, 4, 1).astype(np.float32)  # squared error, four times on the left
    maps = [np.ones((SIDE >> k, SIDE >> k), np.float32) for k in (5, 4, 3, 2, 1)]
    for own in repriced(maps, counts[:, None] * error, error):
        left, right = own[:, : own.shape[1] // 4], own[:, -(own.shape[1] // 4) :]
        assert np.median(left) < 0.8 * np.median(right)
        assert own.min() >= 0.5
        assert own.max() <= 2


def test_effort_for_psnr_has_less_error_for_its_bytes() -> None:
    pixels = astronaut()
    usual, harder = (encoded("psnr", effort, pixels, 50) for effort in (1, 3))
    costs = [np.square(decoded.astype(float) - pixels).mean() * size**BYTES for decoded, size in (usual, harder)]
    assert costs[1] < 0.995 * costs[0]


def test_what_is_drawn_stays_as_it_is() -> None:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[50:80, 30:90] = (200, 30, 20)
    window = Window(0, 0, SIDE, SIDE)
    usual, harder = (model("ssimulacra2", effort).encode(pixels, window, 60).passes for effort in (1, 9))
    assert usual == harder
