"""Feedback of errors: the transposed synthesis, and files that are nearer to the picture at no more bits."""

import numpy as np
import pytest
from skimage import data

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.analysis import Coded, analysis, joined, pulled
from roundel.codecs.wavelet.codec import UNITS, WaveletModel
from roundel.codecs.wavelet.feedback import LENGTHS, Feedback
from roundel.codecs.wavelet.walk import ALL, Group
from roundel.coding import compiled
from tests.codecs.pictures import smooth_picture

LEVELS = 3
ONES = [np.ones(3, np.float32), *[np.ones(9, np.float32)] * LEVELS]


def parts(side: int, seed: int) -> list[np.ndarray]:
    """Coefficients in whole numbers that are 0 near the borders."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(LEVELS + 1):
        n = side >> LEVELS << max(number - 1, 0)
        part = np.zeros((n, n, 3 if number == 0 else 9), np.float32)
        inner = slice(n // 4, n - n // 4)
        part[inner, inner] = np.round(100 * rng.normal(size=part[inner, inner].shape))
        found.append(part)
    return found


def drawn(low: np.ndarray, details: np.ndarray) -> np.ndarray:
    """The picture (C, 2h, 2w) of a low band (C, h, w) and details (h, w, 9): what they are as errors."""
    return joined(low, Coded(np.zeros(details.shape, np.int16), -details, white=False), ONES[1])


def adjoint(x: np.ndarray) -> np.ndarray:
    """The transpose of `drawn`, for details (h, w, 9) of (3, 2h, 2w)."""
    details = np.zeros((x.shape[1] // 2, x.shape[2] // 2, 9), np.float32)
    pulled(x, -ONES[1], details, details)
    return details


def synthesis(found: list[np.ndarray]) -> np.ndarray:
    """Opponent colours (3, H, W) of coefficients; levels that are not there are 0."""
    low = np.ascontiguousarray(found[0].transpose(2, 0, 1))
    for number in range(1, LEVELS + 1):
        low = drawn(low, found[number]) if number < len(found) else joined(low, None, ONES[1])
    return low


def test_the_adjoint_is_the_transpose_of_the_synthesis() -> None:
    details, x = parts(256, 0)[-1], np.random.default_rng(1).normal(size=(3, 256, 256)).astype(np.float32)
    forth = float((drawn(np.zeros((3, 128, 128), np.float32), details) * x).sum())
    assert forth == pytest.approx(float((details * adjoint(x)).sum()), rel=1e-4)


def test_the_synthesis_is_the_inverse_of_the_analysis() -> None:
    pixels = smooth_picture(64, 64).astype(np.float32)
    energy = np.square(pixels - 127.5).sum()
    assert np.square(synthesis(analysis(pixels, ONES))).sum() == pytest.approx(energy, rel=1e-5)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 40), (56, 24)])
def test_the_c_core_rounds_as_numpy_does(monkeypatch: pytest.MonkeyPatch, height: int, width: int) -> None:
    if compiled.native() is None:
        pytest.skip("the C core is not built")
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.float32)
    factors = np.linspace(0.3, 3, 9, dtype=np.float32)
    found = []
    for coder in ("", "plain"):
        monkeypatch.setenv("ROUNDEL_CODER", coder)
        parts = analysis(pixels, ONES)
        picture = synthesis(parts[:-1])
        values = np.rint(parts[-1]).astype(np.int16)
        low = np.ascontiguousarray(parts[0].transpose(2, 0, 1))
        white = joined(np.zeros((1, *values.shape[:2]), np.float32), Coded(values, parts[-1], white=True), factors)
        found.append([*parts, low, picture, adjoint(picture), white])
    for own, other in zip(*found, strict=True):
        np.testing.assert_array_equal(own, other)


def test_lengths_are_those_of_the_synthesis() -> None:
    for band, length in enumerate(LENGTHS):
        one = np.zeros((64, 64, 9), np.float32)
        one[32, 32, band] = 1
        picture = drawn(np.zeros((3, 64, 64), np.float32), one)
        assert np.square(picture).sum() == pytest.approx(length, rel=1e-3)


def test_targets_take_a_part_of_the_errors_back() -> None:
    """An error of the coarsest level alone: with the targets of the others the picture is nearer."""
    y = parts(256, 2)
    feedback = Feedback(y, [np.ones(p.shape[2], np.float32) for p in y])
    error, nothing = 3 * parts(256, 3)[1], np.zeros_like(y[0])
    feedback.low(Group(0, slice(0, 3), ALL), y[0].reshape(-1, 3))
    first = Group(1, slice(0, 9), ALL)
    np.testing.assert_array_equal(feedback.targets(first), y[1])
    feedback.taken(first, (y[1] + error).astype(np.int16))
    finer = []
    for part in (2, 3):
        group = Group(part, slice(0, 9), ALL)
        coded = np.rint(feedback.targets(group)).astype(np.int16)
        finer.append(coded - y[part])
        feedback.taken(group, coded)
    plain = np.square(synthesis([nothing, error])).sum()
    assert np.square(synthesis([nothing, error, *finer])).sum() < 0.99 * plain


def test_black_fields_take_a_part_of_the_errors_of_white_ones_back() -> None:
    y = parts(64, 4)
    feedback = Feedback(y, [np.ones(p.shape[2], np.float32) for p in y])
    feedback.low(Group(0, slice(0, 3), ALL), y[0].reshape(-1, 3))
    white, black, colours = (Group(1, slice(*c), fields) for c, fields in (((0, 3), 0), ((0, 3), 1), ((3, 9), ALL)))
    error = np.zeros_like(y[1])
    error[..., :3] = 3 * parts(64, 5)[1][..., :3]
    on = np.indices(error.shape[:2]).sum(0) % 2 == 0
    error[~on] = 0
    assert np.array_equal(feedback.targets(white), y[1])
    values = np.where(on[..., None], y[1] + error, 77).astype(np.int16)  # what is not coded yet does not count
    feedback.taken(white, values)
    change = np.where(on[..., None], 0, np.rint(feedback.targets(black) - y[1]))
    feedback.taken(black, (y[1] + error + change).astype(np.int16))
    assert np.array_equal(feedback.targets(colours)[..., 3:], y[1][..., 3:])
    low = np.zeros((3, *error.shape[:2]), np.float32)
    assert np.square(drawn(low, error + change)).sum() < 0.99 * np.square(drawn(low, error)).sum()


def test_effort_lowers_error_and_bits_together() -> None:
    model = zoo.get("photo-wavelet")
    assert isinstance(model, WaveletModel)
    pixels, window, quality = data.astronaut()[:256, 100:356], Window(0, 0, 256, 256), 60
    costs = []
    for effort in (0, 1):
        own = model.tuned("psnr").at_effort(effort)
        passes = own.encode(pixels, window, quality).passes
        decoded = own.render(own.decode(passes, 256, 256, quality).latents, window, quality)
        step_px = own.stored.multipliers(own.tuning, quality)[-1][0] / UNITS
        worth = own.stored.bit_price(own.tuning) * step_px**2
        costs.append(np.square(decoded - pixels.astype(float)).sum() + worth * 8 * sum(map(len, passes)))
    assert costs[0] > costs[1]
