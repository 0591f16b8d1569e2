"""Feedback of errors: the transposed synthesis, and files that are nearer to the picture at no more bits."""

import numpy as np
import pytest
from skimage import data

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.analysis import analysis, linear_synthesis, pulled
from roundel.codecs.wavelet.codec import UNITS, WaveletModel
from roundel.codecs.wavelet.feedback import LENGTHS, Feedback
from roundel.codecs.wavelet.walk import ALL, Group
from roundel.coding import compiled
from tests.codecs.pictures import smooth_picture

LEVELS = 3


def parts(side: int, seed: int) -> list[np.ndarray]:
    """Coefficients that are 0 near the borders."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(LEVELS + 1):
        n = side >> LEVELS << max(number - 1, 0)
        part = np.zeros((n, n, 3 if number == 0 else 9), np.float32)
        inner = slice(n // 4, n - n // 4)
        part[inner, inner] = rng.normal(size=part[inner, inner].shape)
        found.append(part)
    return found


def test_the_adjoint_is_the_transpose_of_the_synthesis() -> None:
    e, g = parts(256, 0), np.random.default_rng(1).normal(size=(3, 256, 256)).astype(np.float32)
    e[0][...] = 0
    forth = float((linear_synthesis(e, LEVELS) * g).sum())
    back = sum(float((a * pulled(g, LEVELS, number)).sum()) for number, a in enumerate(e[1:], 1))
    assert forth == pytest.approx(back, rel=1e-4)


def test_the_synthesis_is_the_inverse_of_the_analysis() -> None:
    pixels = smooth_picture(64, 64).astype(np.float32)
    again = analysis(pixels, LEVELS)
    energy = np.square(pixels - 127.5).sum()
    assert np.square(linear_synthesis(again, LEVELS)).sum() == pytest.approx(energy, rel=1e-5)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 40), (56, 24)])
def test_the_c_core_rounds_as_numpy_does(monkeypatch: pytest.MonkeyPatch, height: int, width: int) -> None:
    if compiled.native() is None:
        pytest.skip("the C core is not built")
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.float32)
    found = []
    for coder in ("", "plain"):
        monkeypatch.setenv("ROUNDEL_CODER", coder)
        parts = analysis(pixels, LEVELS)
        drawn = linear_synthesis(parts[:-1], LEVELS)
        found.append([*parts, drawn, *(pulled(drawn, LEVELS, number) for number in range(1, LEVELS + 1))])
    for own, other in zip(*found, strict=True):
        np.testing.assert_array_equal(own, other)


def test_lengths_are_those_of_the_synthesis() -> None:
    """Of the two finest levels of five, which the last two of three are as well."""
    for part, known in ((LEVELS, LENGTHS[5]), (LEVELS - 1, LENGTHS[4])):
        for band in range(3):
            one = [np.zeros_like(p) for p in parts(256, 0)]
            middle = one[part].shape[0] // 2
            one[part][middle, middle, band] = 1
            assert np.square(linear_synthesis(one, LEVELS)).sum() == pytest.approx(known[band], rel=1e-3)


def test_targets_take_a_part_of_the_errors_back() -> None:
    """An error of the coarsest level alone: with the targets of the others the picture is nearer."""
    y = parts(256, 2)
    steps = [np.ones(p.shape[2], np.float32) for p in y]
    feedback = Feedback(y, steps, every=False, lengths=LENGTHS[5 - LEVELS :])
    group = Group(1, slice(0, 9), ALL)
    feedback.target(group)
    error = np.round(3 * parts(256, 3)[1])
    feedback.coded(group, (y[1] + error).reshape(-1, 9))
    finer = [feedback.target(Group(n, slice(0, 9), ALL)).reshape(y[n].shape) - y[n] for n in (2, 3)]
    zeros = np.zeros_like(y[0])
    plain = np.square(linear_synthesis([zeros, error], LEVELS)).sum()
    assert np.square(linear_synthesis([zeros, error, *finer], LEVELS)).sum() < 0.99 * plain


def test_effort_lowers_error_and_bits_together() -> None:
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    pixels, window, quality = data.astronaut()[:256, 100:356], Window(0, 0, 256, 256), 60
    costs = []
    for effort in (0, 1, 5):
        own = model.tuned("psnr").at_effort(effort)
        passes = own.encode(pixels, window, quality).passes
        decoded = own.render(own.decode(passes, 256, 256, quality).latents, window, quality)
        step_px = own.stored.multipliers(own.tuning, quality)[-1][0] / UNITS
        worth = own.stored.bit_price(own.tuning) * step_px**2
        costs.append(np.square(decoded - pixels.astype(float)).sum() + worth * 8 * sum(map(len, passes)))
    assert costs[0] > costs[1] > costs[2]
