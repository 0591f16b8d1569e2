"""The lossless model: every bit back, from any prefix a picture, at any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from roundel.codec import decode_array, encode
from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.pyramid.codec import LosslessModel, Mode, from_ycocg, to_ycocg
from roundel.codecs.pyramid.symbols import Expected, Reading, Writing
from roundel.codecs.pyramid.walk import PASSES, level_count, pass_of, walk
from roundel.errors import FormatError, ModelError
from roundel.training.pyramid import stored as lossless_weights
from roundel.training.pyramid.net import Pyramid, PyramidShape
from tests.codecs import reference

SIZES = [(1, 1), (1, 2), (2, 1), (1, 37), (37, 1), (2, 2), (3, 5), (33, 17), (64, 64)]


STEPS = ("pair", "chain")
HEADER_BYTES = 80


def tiny_net(step: str = "pair", seed: int = 0) -> Pyramid:
    """An untrained net whose branches all have a say."""
    torch.manual_seed(seed)
    blocks = 1 if step == "pair" else (2, 1, 0)
    net = Pyramid(PyramidShape(widths=(16, 8), blocks=blocks, head=8, step=step)).eval().requires_grad_(False)
    for p in net.parameters():
        p.add_(0.02 * torch.randn_like(p))
    return net


@pytest.fixture(scope="module", params=STEPS)
def weights(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    lossless_weights.save(path, tiny_net(request.param), {})
    return path


@pytest.fixture(scope="module")
def model(weights: Path) -> LosslessModel:
    found = zoo.get(str(weights))
    assert isinstance(found, LosslessModel)
    return found


def picture(kind: str, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "grey":
        return np.repeat(picture("gradient", height, width)[..., :1], 3, axis=2)
    if kind == "dot":
        white = np.full((height, width, 3), 255, np.uint8)
        white[height // 2, width // 2] = (0, 255, 1)
        return white
    if kind == "extremes":
        return rng.choice(np.array([0, 255], np.uint8), (height, width, 3))
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / 9 + c) + 30 * np.cos(y / 5) for c in range(3)]
    return (np.stack(waves, -1) + rng.normal(0, 2, (height, width, 3))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "grey", "dot", "extremes", "gradient"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_bit_comes_back_and_nothing_grows(model: LosslessModel, kind: str, height: int, width: int) -> None:
    pixels, window = picture(kind, height, width), Window(0, 0, height, width)
    coded = model.encode(pixels, window, 0)
    assert len(coded.passes) == PASSES
    assert sum(map(len, coded.passes)) <= pixels.size + 1
    decoded = model.decode(coded.passes, height, width, 0)
    assert np.array_equal(model.render(decoded.latents, window, 0), pixels)
    assert decoded.crc == coded.crc


@pytest.mark.parametrize(
    ("kind", "height", "width"),
    [("gradient", 13, 18), ("gradient", 9, 8), ("grey", 11, 18), ("dot", 5, 1), ("noise", 3, 3)],
)
def test_the_plain_decoder_reads_the_same_pixels(
    weights: Path, model: LosslessModel, kind: str, height: int, width: int
) -> None:
    pixels = picture(kind, height, width)
    coded = model.encode(pixels, Window(0, 0, height, width), 0)
    assert np.array_equal(reference.decode(*reference.load(weights), coded.passes, height, width), pixels)


@pytest.mark.parametrize(("height", "width", "tile_px"), [(1, 1, None), (1, 300, None), (300, 1, 64), (130, 200, 80)])
@pytest.mark.parametrize("channels", [1, 3])
def test_files_of_noise_hardly_grow(
    model: LosslessModel, height: int, width: int, tile_px: int | None, channels: int
) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)
    data = encode(noise, model=model, tile_px=tile_px)
    assert len(data) <= 1.01 * noise.size + HEADER_BYTES
    assert np.array_equal(decode_array(data, model=model), np.squeeze(noise, 2) if channels == 1 else noise)


def test_a_constant_tile_is_four_bytes(model: LosslessModel) -> None:
    pixels = np.full((200, 100, 3), (7, 0, 255), np.uint8)
    coded = model.encode(pixels, Window(0, 0, 200, 100), 0)
    assert b"".join(coded.passes) == bytes([Mode.CONSTANT, 7, 0, 255])


@pytest.mark.parametrize("kind", ["noise", "dot", "extremes", "gradient"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_nets_code_anything_even_what_is_better_stored(
    model: LosslessModel, kind: str, height: int, width: int
) -> None:
    x = to_ycocg(picture(kind, height, width)[None])
    writing = Writing(x, model.tables)
    walk(model.net, writing, 1, height, width, colour=True)
    reading = Reading(writing.passes(), model.tables, Expected())
    assert np.array_equal(walk(model.net, reading, 1, height, width, colour=True), x)


def test_grey_noise_is_one_byte_a_pixel(model: LosslessModel) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (32, 32, 1), np.uint8)
    coded = model.encode(np.repeat(grey, 3, axis=2), Window(0, 0, 32, 32), 0)
    assert b"".join(coded.passes) == bytes([Mode.RAW_GREY]) + grey.tobytes()


def test_a_batch_is_coded_together_and_decoded_alone_or_not_at_all(model: LosslessModel) -> None:
    batch = np.stack([picture("gradient", 16, 16), picture("noise", 16, 16) // 8])
    coded = model.encode_batch(batch)
    assert np.array_equal(model.decode_batch(coded.passes, 2, 16, 16).pixels, batch)


def test_the_window_is_what_is_coded(model: LosslessModel) -> None:
    pixels = picture("gradient", 40, 30)
    coded = model.encode(pixels, Window(5, 7, 20, 11), 0)
    latents = model.decode(coded.passes, 20, 11, 0).latents
    assert np.array_equal(latents.transpose(1, 2, 0), pixels[5:25, 7:18])


def test_every_prefix_is_a_picture_and_each_pass_brings_it_nearer(model: LosslessModel) -> None:
    pixels = picture("gradient", 64, 64)
    coded = model.encode(pixels, Window(0, 0, 64, 64), 0)
    errors = []
    for passes in range(PASSES + 1):
        found = model.decode(coded.passes[:passes], 64, 64, 0).latents.transpose(1, 2, 0)
        errors.append(float(np.square(found.astype(float) - pixels).mean()))
    assert errors[-1] == 0
    assert errors[1] < errors[0]
    assert errors[4] < errors[2]


def test_samples_of_missing_passes_depend_on_the_seed_alone(model: LosslessModel) -> None:
    pixels = picture("gradient", 32, 32)
    coded = model.encode(pixels, Window(0, 0, 32, 32), 0)

    def sample(seed: int, passes: int) -> np.ndarray:
        return model.sampling(seed).decode(coded.passes[:passes], 32, 32, 0).latents

    assert np.array_equal(sample(1, 3), sample(1, 3))
    assert not np.array_equal(sample(1, 3), sample(2, 3))
    assert np.array_equal(sample(1, 3)[:, ::2, ::2], pixels[::2, ::2].transpose(2, 0, 1))
    assert np.array_equal(sample(1, PASSES), pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("first", [b"\x02ab", b"\x03abc", b"\x04not zlib", b"\x09", b"\x05", bytes([4, 120, 156])])
def test_damaged_tiles_are_refused(model: LosslessModel, first: bytes) -> None:
    with pytest.raises(FormatError):
        model.decode([first] + [b""] * (PASSES - 1), 8, 8, 0)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    lossless_weights.save(path, tiny_net(seed=1), {})
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors["levels.0.0.enter.weight0"] += 1
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match="integer nets"):
        lossless_weights.load(path, "cpu")
    tensors["levels.0.0.enter.weight0"][:] = 2**15 - 1
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=r"2\^24"):
        lossless_weights.load(path, "cpu")


@pytest.mark.parametrize("step", STEPS)
def test_training_goes_on_from_the_integers_of_a_file(step: str, tmp_path: Path) -> None:
    path, again = tmp_path / "w.safetensors", tmp_path / "again.safetensors"
    lossless_weights.save(path, tiny_net(step), {})
    net = tiny_net(step, seed=1)
    net.load_state_dict(lossless_weights.trainable(path, net))
    lossless_weights.save(again, net, {})
    before, after = load_file(path), load_file(again)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    with pytest.raises(ModelError, match="shape"):
        lossless_weights.trainable(path, Pyramid(PyramidShape(widths=(8,))))


def test_colour_is_reversible_on_its_whole_range() -> None:
    corners = np.stack(np.meshgrid(*[[0, 1, 127, 128, 254, 255]] * 3), -1).reshape(1, 6, 36, 3).astype(np.uint8)
    x = to_ycocg(corners)
    assert (x.min(axis=(0, 2, 3)) >= [-128, -255, -255]).all()
    assert (x.max(axis=(0, 2, 3)) <= [127, 255, 255]).all()
    assert np.array_equal(from_ycocg(x), corners)


def test_levels_and_passes_of_known_sizes() -> None:
    assert [level_count(*s) for s in ((1, 1), (1, 2), (3, 2), (512, 1), (513, 512))] == [0, 1, 2, 9, 10]
    assert [pass_of(0, p) for p in range(3)] == [3, 4, 5]
    assert [pass_of(level, 0) for level in range(1, 6)] == [2, 1, 0, 0, 0]
