"""Samples of 16 bits: they come back, Python writes the same bytes as C, noise does not grow, damage is safe."""

import numpy as np
import pytest

from roundel.coding import compiled, samples
from roundel.errors import FormatError


def scene(height: int, width: int, colours: int, noise: float = 9) -> np.ndarray:
    """A slope with an edge and some noise, uint16."""
    rng = np.random.default_rng(height * width + colours)
    y, x, _ = np.indices((height, width, colours))
    values = 3000 + 40 * x + 25 * y + 20000 * (x > width // 2) + rng.normal(0, noise, (height, width, 1))
    return (values + rng.normal(0, noise, (height, width, colours))).clip(0, 65535).astype(np.uint16)


SHAPES = [(1, 1, 1), (1, 6, 3), (6, 1, 1), (4, 40, 1), (5, 9, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_they_come_back_and_python_writes_the_same(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = scene(*shape)
    coded = samples.encode(pixels)
    assert np.array_equal(samples.decode(coded, *shape), pixels)
    monkeypatch.setenv("ROUNDEL_CODER", "plain")
    assert samples.encode(pixels) == coded
    assert np.array_equal(samples.decode(coded, *shape), pixels)


@pytest.mark.parametrize("extreme", [0, 1, 65535])
def test_extremes_come_back(extreme: int) -> None:
    rng = np.random.default_rng(0)
    flat, jumps = np.full((40, 50, 3), extreme), rng.choice([0, extreme, 65535], (40, 50, 3))
    for made in (flat, jumps, rng.choice([9, 77], (1, 99, 1))):
        pixels = made.astype(np.uint16)
        assert np.array_equal(samples.decode(samples.encode(pixels), *pixels.shape), pixels)


def test_noise_takes_what_its_bits_do() -> None:
    """Normal noise of deviation s has log2(s·√(2πe)) bits a sample; on a plane nothing else is to be told."""
    rng = np.random.default_rng(0)
    y, x = np.indices((200, 200))
    pixels = np.rint(20000 + 5 * x + 3 * y + rng.normal(0, 50, (200, 200))).astype(np.uint16)[..., None]
    ideal_bytes = 200 * 200 * np.log2(50 * np.sqrt(2 * np.pi * np.e)) / 8
    assert ideal_bytes < len(samples.encode(pixels)) < 1.05 * ideal_bytes


def test_zeros_at_the_end_of_all_samples_cost_nothing() -> None:
    pixels = scene(60, 60, 1) >> 4
    assert len(samples.encode(pixels << 4)) == len(samples.encode(pixels))


def test_noise_of_16_bits_grows_by_a_byte() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (50, 40, 3)).astype(np.uint16)
    assert len(samples.encode(pixels)) == pixels.nbytes + 1


def test_damage_is_refused_or_gives_samples_of_the_size() -> None:
    good, rng = samples.encode(scene(20, 30, 3)), np.random.default_rng(0)
    refused = 0
    for turn in range(300):
        data = bytearray(good)
        if turn % 3 == 0:
            del data[rng.integers(len(data)) :]
        elif turn % 3 == 1:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        else:
            data = bytearray([rng.integers(17), *rng.integers(0, 256, 200).tolist()])
        try:
            assert samples.decode(bytes(data), 20, 30, 3).shape == (20, 30, 3)
        except FormatError:
            refused += 1
    assert refused > 50
    for bad in (b"", b"\x10", b"\x11abc"):
        with pytest.raises(FormatError):
            samples.decode(bad, 20, 30, 3)


def test_the_core_refuses_what_does_not_fit_together() -> None:
    native = compiled.native()
    if native is None:
        pytest.skip("the C core is not built")
    pixels = np.zeros((4, 5, 1), np.uint16)
    for sizes in ((5, 5, 1), (4, 5, 2), (0, 0, 1), (2**40, 2**40, 1)):
        with pytest.raises(ValueError, match="fit"):
            native.samples_put(pixels, *sizes, 100)
        with pytest.raises(ValueError, match="fit"):
            native.samples_take(b"", pixels, *sizes)
