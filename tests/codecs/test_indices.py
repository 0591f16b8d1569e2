"""Tiles of few colours as indices: chosen where they suit, the same bytes by C and Python, safe to read."""

from pathlib import Path

import numpy as np
import pytest

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.pyramid import indices, plain_indices
from roundel.codecs.pyramid.codec import PyramidModel
from roundel.codecs.pyramid.modes import Mode
from roundel.codecs.pyramid.walk import PASSES
from roundel.coding import compiled
from roundel.errors import FormatError
from tests.codecs import reference, reference_indices
from tests.codecs.pyramids import tiny_weights
from tests.codecs.test_webp_tiles import drawing

MUCH = 1 << 30


def few(height: int, width: int, colours: int) -> np.ndarray:
    """Squares of random colours out of a few, each of those there, over a part that repeats."""
    rng = np.random.default_rng(height * width + colours)
    palette = (rng.integers(1 << 24) + 10007003 * np.arange(colours)) % (1 << 24)  # an odd factor: all differ
    index = np.kron(rng.integers(0, colours, (-(-height // 3), -(-width // 4))), np.ones((3, 4), int))[:height, :width]
    index[height // 2 :] = index[: height - height // 2]
    index.flat[: min(colours, index.size)] = np.arange(min(colours, index.size))
    return np.stack([palette >> 16, palette >> 8 & 255, palette & 255], -1).astype(np.uint8)[index]


SHAPES = [(1, 1, 1), (1, 9, 2), (9, 1, 2), (3, 4, 3), (20, 30, 2), (11, 13, 3), (9, 14, 5), (10, 11, 16), (7, 20, 30)]


@pytest.mark.parametrize(("height", "width", "colours"), SHAPES)
def test_it_comes_back_and_python_writes_the_same(
    height: int, width: int, colours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = few(height, width, colours)
    coded = indices.encode(pixels, MUCH)
    assert np.array_equal(indices.decode(coded, height, width), pixels)
    assert np.array_equal(reference_indices.decode(coded, height, width), pixels)
    monkeypatch.setenv("ROUNDEL_CODER", "plain")
    assert indices.encode(pixels, MUCH) == coded
    assert np.array_equal(indices.decode(coded, height, width), pixels)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def test_a_drawing_is_indices_and_comes_back(weights: Path) -> None:
    model, pixels = zoo.get(str(weights)), drawing(96, 130)
    assert isinstance(model, PyramidModel)
    coded = model.encode(pixels, Window(0, 0, 96, 130), 0)
    assert coded.passes[0][0] == Mode.INDICES
    assert coded.passes[1:] == [b""] * (PASSES - 1)
    found = model.decode(coded.passes, 96, 130, 0)
    assert np.array_equal(model.render(found.latents, Window(0, 0, 96, 130), 0), pixels)
    assert found.crc == coded.crc
    reduced = model.reduced(1).decode(coded.passes, 96, 130, 0)
    assert np.array_equal(reduced.latents, pixels[::2, ::2].transpose(2, 0, 1))
    small = few(16, 20, 5)
    passes = model.encode_batch(small[None]).passes
    assert passes[0][0] == Mode.INDICES
    assert np.array_equal(reference.decode(reference.load(weights), passes, 16, 20), small)
    batch = np.stack([pixels, pixels[::-1]])
    together = model.encode_batch(batch)
    assert together.passes[0][0] == Mode.INDICES
    assert np.array_equal(model.decode_batch(together.passes, 2, 96, 130).pixels, batch)


def test_a_terminal_takes_less_than_half_of_webp() -> None:
    """Letters without smooth edges come again and again, which context and match find and Lempel-Ziv does not."""
    from PIL import Image, ImageDraw, ImageFont

    from roundel.codecs.pyramid import webp

    image, rng = Image.new("RGB", (400, 300)), np.random.default_rng(0)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    for line in range(20):
        text = " ".join(rng.choice(["while", "return", "import", "0x1f", "lambda", "self"], 9))
        draw.text((4, 15 * line), text, ("lime", "white", "cyan")[line % 3], ImageFont.load_default(13))
    pixels = np.asarray(image)
    assert 2 * len(indices.encode(pixels, MUCH)) < len(webp.encode(pixels))


def test_a_checkerboard_and_stripes_take_next_to_nothing() -> None:
    """Of 2^16 pixels that follow from their neighbours; a stream of bits would take 8192 bytes."""
    y, x = np.indices((256, 256))
    for pattern in (y + x, x // 4, y // 8 + x // 8):
        assert len(indices.encode(np.repeat((pattern % 2 * 255)[..., None], 3, 2).astype(np.uint8), MUCH)) < 100


def test_noise_of_two_colours_costs_little_more_than_a_bit_a_pixel() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (128, 128, 1)) * np.array([9, 99, 200])
    assert 2048 < len(indices.encode(noise.astype(np.uint8), MUCH)) < 2048 * 1.04


def test_it_gives_up_at_the_limit_and_on_many_colours() -> None:
    pixels = few(30, 30, 220)
    length = len(indices.encode(pixels, MUCH))
    assert len(indices.encode(pixels, length + 1)) == length
    assert indices.encode(pixels, length) == b""
    assert indices.encode(pixels, 1) == indices.encode(pixels, 0) == b""
    assert indices.encode(few(20, 20, 101), MUCH) == b""  # more than one colour in four pixels


@pytest.mark.parametrize("coder", ["compiled", "plain"])
def test_damage_is_refused_or_gives_a_picture_of_the_size(coder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if coder == "plain":
        monkeypatch.setenv("ROUNDEL_CODER", "plain")
    good, rng = indices.encode(few(20, 30, 5), MUCH), np.random.default_rng(0)
    refused = 0
    for turn in range(200 if coder == "compiled" else 6):
        data = bytearray(good)
        if turn % 3 == 0:
            del data[rng.integers(len(data)) :]
        elif turn % 3 == 1:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        else:  # any number of colours, and noise for them
            data = bytearray([0, rng.integers(1, 40), *rng.integers(0, 256, 60).tolist()])
        try:
            assert indices.decode(bytes(data), 20, 30).shape == (20, 30, 3)
        except FormatError:
            refused += 1
    assert refused > 0
    with pytest.raises(FormatError, match="too large"):
        indices.decode(good, 1 << 14, (1 << 12) + 1)


def test_the_core_refuses_what_does_not_fit_together() -> None:
    native = compiled.native()
    if native is None:
        pytest.skip("the C core is not built")
    index, palette = np.zeros((4, 5), np.uint16), np.zeros((2, 3), np.uint8)
    for sizes in ((5, 5), (0, 0), (2**40, 2**40), (20, 2)):
        with pytest.raises(ValueError, match="fit"):
            native.indices_put(index, palette, *sizes, 100)
    with pytest.raises(ValueError, match="fit"):
        native.indices_take(b"", index, palette, 4, 5)  # no room for all colours
    assert native.indices_put(index + 2, palette, 4, 5, 100) is None  # an index beyond the palette
    assert plain_indices.put(index, palette, 100) == native.indices_put(index, palette, 4, 5, 100)
