"""A chunk of any shape and type is the bytes of a .rndl file, and comes back."""

import numpy as np
import pytest

import roundel
from roundel import RoundelError
from roundel.plugins.chunks import NOTE, Settings, decode_chunk, encode_chunk, layout_of
from tests.test_codec import scene

FAST = Settings(effort=0)
SHAPES = [
    (7, 9),
    (1, 7, 9),
    (1, 1, 1, 7, 9),
    (3, 7, 9),
    (1, 3, 1, 7, 9),
    (2, 3, 7, 9),
    (2, 5, 7, 9),
    (4, 7, 9),
    (7, 9, 1),
    (7, 9, 3),
    (7, 9, 4),
    (1, 1, 7, 9, 3),
    (5, 7, 9, 3),
    (1, 1),
    (3, 3, 3),
]


def samples(shape: tuple[int, ...], dtype: str = "u1", largest: int = 255) -> np.ndarray:
    return np.random.default_rng(0).integers(0, largest + 1, shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("colour", [True, False])
def test_every_shape_comes_back(shape: tuple[int, ...], colour: bool) -> None:
    settings = Settings(effort=0, colour=colour)
    chunk = samples(shape)
    data = encode_chunk(chunk, settings)
    for found in (decode_chunk(data, settings=settings), decode_chunk(data, shape, chunk.dtype, settings)):
        assert found.dtype == chunk.dtype
        assert np.array_equal(found, chunk)


@pytest.mark.parametrize("largest", [0, 1, 200, 255, 256, 4095, 40000, 65535])
@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 4), (3, 7, 9)], ids=str)
@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_every_range_of_16_bits_comes_back(largest: int, shape: tuple[int, ...], dtype: str) -> None:
    chunk = samples(shape, dtype, largest)
    chunk[0, 0] = largest
    found = decode_chunk(encode_chunk(chunk, FAST))
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(found, chunk)


@pytest.mark.parametrize("step", [16, 257])
def test_samples_that_were_widened_cost_no_more_than_before(step: int) -> None:
    chunk = samples((30, 40), "u2", 255)
    chunk[0, :2] = 255, 254
    wide = encode_chunk(chunk * np.uint16(step), FAST)
    assert len(wide) < len(encode_chunk(chunk, FAST)) + 10
    assert np.array_equal(decode_chunk(wide), chunk * step)


def test_the_order_of_memory_comes_back() -> None:
    chunk = np.asfortranarray(samples((7, 9)))
    found = decode_chunk(encode_chunk(chunk, FAST))
    assert found.flags.f_contiguous
    assert np.array_equal(found, chunk)


def test_a_chunk_is_a_file_that_shows_it() -> None:
    chunk = scene(20, 30)
    data = encode_chunk(chunk, FAST)
    assert data == roundel.encode(chunk, lossless=True, effort=0)
    planes = samples((1, 2, 7, 9))
    assert np.array_equal(roundel.decode_array(encode_chunk(planes, FAST)), planes.reshape(14, 9))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64, 48), (1, 64, 48, 1, True)),
        ((64, 48, 3), (1, 64, 48, 3, False)),
        ((64, 48, 4), (1, 64, 48, 4, False)),
        ((4, 64, 48), (4, 64, 48, 1, True)),
        ((2, 3, 1, 64, 48), (2, 64, 48, 3, True)),
        ((3, 2, 64, 48), (6, 64, 48, 1, True)),
    ],
)
def test_layouts(shape: tuple[int, ...], expected: tuple[object, ...]) -> None:
    assert layout_of(shape) == expected


def test_a_quality_bounds_the_error_and_the_bytes() -> None:
    y, x = np.mgrid[:64, :64]
    chunk = (128 + 60 * np.sin(x / 9) + 50 * np.cos(y / 7)).astype(np.uint8)
    sizes = []
    for quality in (10, 90):
        settings = Settings(quality=quality, model="photo-wavelet")
        data = encode_chunk(chunk, settings)
        sizes.append(len(data))
        assert np.abs(decode_chunk(data, settings=settings).astype(int) - chunk).mean() < (15 if quality == 10 else 3)
    assert sizes[0] < sizes[1]


def test_16_bits_with_a_quality_are_relative_to_the_largest_sample() -> None:
    """Eight bits of what is there, not of what the type could hold: 4095 / 255 = 16 is a step."""
    y, x = np.mgrid[:64, :64]
    chunk = (2048 + 1500 * np.sin(x / 20) * np.cos(y / 15)).astype(np.uint16)
    found = decode_chunk(encode_chunk(chunk, Settings(quality=95)), (64, 64), chunk.dtype)
    assert np.abs(found.astype(int) - chunk).mean() < 2 * 16


@pytest.mark.parametrize(
    "settings",
    [{"quality": 101}, {"quality": True}, {"effort": 10}, {"model": 2.5}, {"tune": "psnr"}, {"colour": 1}],
    ids=str,
)
def test_wrong_settings(settings: dict[str, object]) -> None:
    with pytest.raises(RoundelError, match=next(iter(settings))):
        Settings(**settings)
    with pytest.raises(RoundelError, match="'level' is no setting"):
        Settings.of({"level": 3})


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "empty"),
        (np.zeros((4, 4), np.float32), "float32"),
    ],
)
def test_what_is_no_picture(chunk: np.ndarray, message: str) -> None:
    with pytest.raises(RoundelError, match=message):
        encode_chunk(chunk, FAST)


# ---- bytes that are not as they should be


def test_chunks_of_other_arrays() -> None:
    data = encode_chunk(samples((7, 9)), FAST)
    for shape, dtype in [((9, 7), "u1"), ((3, 7, 9), "u1"), ((7, 9, 4), "u1"), ((7, 9), "u2")]:
        with pytest.raises(RoundelError, match="another array"):
            decode_chunk(data, shape, np.dtype(dtype))
    for there, wanted in [((7, 9, 3), (7, 9, 4)), ((7, 9, 4), (7, 9, 3)), ((7, 9, 4), (3, 7, 9))]:
        with pytest.raises(RoundelError, match="another array"):
            decode_chunk(encode_chunk(samples(there), FAST), wanted, np.dtype("u1"))


def test_a_huge_picture_is_refused_before_it_is_decoded() -> None:
    from roundel.container import Header, Kind, write

    huge = Header(Kind.LOSSLESS, 25, bytes(8), 60000, 60000, 3, 8, 100, 31 << 15, 1, 0)
    with pytest.raises(RoundelError, match="another array"):
        decode_chunk(write(huge, [], [[b"x"]]), (64, 64, 3), np.dtype("u1"))
    with pytest.raises(RoundelError):
        decode_chunk(write(huge, [], [[b"x"]]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "<u2 C 7,9",
        "<u2 C 7,8 0",
        "<u2 C 7,-9 0",
        "<f4 C 7,9 0 1",
        "|u1 C 7,9 70000 1",
        "O C 7,9 0 1",
        "|u1 C 7,9 1_0 1",
    ],
)
def test_notes_that_make_no_sense(text: str) -> None:
    picture = roundel.image.Picture(samples((7, 9))[:, :, None], texts=((NOTE, text),))
    with pytest.raises(RoundelError):
        decode_chunk(roundel.encode(picture, lossless=True, effort=0))


def test_every_damage_is_a_roundel_error() -> None:
    data = encode_chunk(samples((2, 12, 10), "u2", 3000), FAST)
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        broken[rng.integers(len(data))] ^= 1 << rng.integers(8)
        with pytest.raises(RoundelError):
            decode_chunk(bytes(broken), (2, 12, 10), np.dtype("u2"))
    for length in range(0, len(data), 7):
        with pytest.raises(RoundelError):
            decode_chunk(data[:length], (2, 12, 10), np.dtype("u2"))
