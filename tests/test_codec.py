"""Whole pictures through tiles, passes, boxes and checks, with the stand-in models."""

import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel import container
from roundel.codec import MAX_QUALITY, restore
from roundel.container import Tag
from roundel.errors import (
    FormatError,
    ImageError,
    ModelError,
    RoundelError,
    RoundelWarning,
    TruncatedError,
)
from roundel.image import Picture
from tests.standin import BlockMeans, Exact

LOSSY, LOSSLESS = BlockMeans(), Exact()


def scene(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth colours with edges: (height, width, channels) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (-(-height // 23), -(-width // 23), channels))
    return coarse.repeat(23, axis=0).repeat(23, axis=1)[:height, :width].astype(np.uint8)


# ---- any size


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (15, 17), (64, 64), (65, 129), (257, 255)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_comes_back(size: tuple[int, int], channels: int) -> None:
    pixels = scene(*size, channels)
    lossy = restore(roundel.encode(pixels, model=LOSSY, tile_px=64), model=LOSSY).picture.pixels
    assert lossy.shape == pixels.shape
    exact = restore(roundel.encode(pixels, model=LOSSLESS, tile_px=64), model=LOSSLESS).picture.pixels
    assert np.array_equal(exact, pixels)


def test_a_constant_picture_keeps_its_colour() -> None:
    pixels = np.full((70, 90, 3), (10, 200, 255), np.uint8)
    assert np.array_equal(roundel.decode_array(roundel.encode(pixels, model=LOSSY, quality=100), model=LOSSY), pixels)


# ---- tiles


@pytest.mark.parametrize("jobs", [1, 3])
def test_tiles_leave_no_seams(jobs: int) -> None:
    pixels = scene(200, 311)
    one = restore(roundel.encode(pixels, model=LOSSY), model=LOSSY)
    many = restore(roundel.encode(pixels, model=LOSSY, tile_px=64, jobs=jobs), model=LOSSY, jobs=jobs)
    assert (one.tiles, many.tiles) == (1, 20)
    assert np.array_equal(one.picture.pixels, many.picture.pixels)


@pytest.mark.parametrize(
    "region", [(0, 0, 1, 1), (70, 33, 130, 99), (300, 190, 11, 10), (0, 0, 311, 200), (64, 64, 64, 64)]
)
def test_a_region_is_a_cut_of_the_whole(region: tuple[int, int, int, int]) -> None:
    data = roundel.encode(scene(200, 311), model=LOSSY, tile_px=64)
    x, y, width, height = region
    whole = roundel.decode_array(data, model=LOSSY)
    part = roundel.decode_array(data, model=LOSSY, region=region)
    assert np.array_equal(part, whole[y : y + height, x : x + width])


def test_a_region_reads_only_the_tiles_it_needs() -> None:
    data = roundel.encode(scene(640, 640), model=LOSSLESS, tile_px=64)
    file = container.read(data)
    broken = bytearray(data)
    for tile in range(file.header.tiles):
        if tile != 33:  # row 3, column 3
            start = file.layout.payload + file.index.span(tile)[0]
            broken[start] ^= 0xFF
    part = roundel.decode_array(bytes(broken), model=LOSSLESS, region=(192, 192, 64, 64))
    assert np.array_equal(part, scene(640, 640)[192:256, 192:256])


@pytest.mark.parametrize("region", [(0, 0, 0, 1), (-1, 0, 5, 5), (300, 0, 12, 5), (0, 199, 1, 2)])
def test_a_region_outside_is_refused(region: tuple[int, int, int, int]) -> None:
    data = roundel.encode(scene(200, 311), model=LOSSY)
    with pytest.raises(RoundelError, match="311×200"):
        restore(data, model=LOSSY, region=region)


def test_rows_of_tiles_stream() -> None:
    """Decoding holds a few rows of tiles beside the picture, not all latents."""
    data = roundel.encode(np.zeros((20_000, 256, 3), np.uint8), model=LOSSLESS, tile_px=64)
    tracemalloc.start()
    try:
        restore(data, model=LOSSLESS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * 20_000 * 256 * 3


# ---- prefixes


def test_each_pass_improves_on_the_ones_before() -> None:
    pixels = scene(200, 311)
    data = roundel.encode(pixels, model=LOSSY, tile_px=64, quality=90)
    errors = [
        np.square(roundel.decode_array(data, model=LOSSY, passes=n) - pixels.astype(float)).mean() for n in (1, 2, 3)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_every_prefix_with_a_first_pass_is_a_preview() -> None:
    data = roundel.encode(scene(130, 130), model=LOSSY, tile_px=64)
    file = container.read(data)
    for length in range(file.prefix_bytes(1), len(data), 7):
        found = restore(data[:length], model=LOSSY, partial_file=True)
        assert found.picture.pixels.shape == (130, 130, 3)
        assert 1 <= found.passes < 3
        with pytest.raises(TruncatedError):
            restore(data[:length], model=LOSSY)
    for length in (0, 1, 20, file.layout.payload):
        with pytest.raises(FormatError):
            restore(data[:length], model=LOSSY, partial_file=True)


@pytest.mark.parametrize("passes", [0, 4, -1])
def test_passes_that_are_not_there_are_refused(passes: int) -> None:
    with pytest.raises(RoundelError, match="1 to 3"):
        restore(roundel.encode(scene(9, 9), model=LOSSY), model=LOSSY, passes=passes)


# ---- what else a picture has


def test_alpha_and_metadata_come_back_to_the_byte() -> None:
    alpha = np.random.default_rng(3).integers(0, 256, (60, 50), np.uint8)
    picture = Picture(scene(60, 50), alpha, icc=b"profile", exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x/>")
    found = restore(roundel.encode(picture, model=LOSSY), model=LOSSY).picture
    assert found.alpha is not None
    assert np.array_equal(found.alpha, alpha)
    assert (found.icc, found.exif, found.xmp) == (picture.icc, picture.exif, picture.xmp)
    stripped = restore(roundel.encode(picture, model=LOSSY, strip=True), model=LOSSY).picture
    assert (stripped.icc, stripped.exif, stripped.xmp) == (None, None, None)
    assert stripped.alpha is not None


def test_a_region_has_its_part_of_alpha() -> None:
    alpha = np.arange(60 * 50, dtype=np.uint8).reshape(60, 50)
    data = roundel.encode(Picture(scene(60, 50), alpha), model=LOSSY)
    assert np.array_equal(roundel.decode_array(data, model=LOSSY, region=(5, 7, 20, 30))[..., 3], alpha[7:37, 5:25])


def test_colours_under_transparent_pixels_survive() -> None:
    pixels = scene(40, 40)
    data = roundel.encode(Picture(pixels, np.zeros((40, 40), np.uint8)), model=LOSSLESS)
    assert np.array_equal(roundel.decode_array(data, model=LOSSLESS)[..., :3], pixels)


@pytest.mark.parametrize(("shape", "mode"), [((8, 9), "L"), ((8, 9, 2), "LA"), ((8, 9, 3), "RGB"), ((8, 9, 4), "RGBA")])
def test_forms_in_and_out(shape: tuple[int, ...], mode: str) -> None:
    array = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    data = roundel.encode(array, model=LOSSLESS)
    assert np.array_equal(roundel.decode_array(data, model=LOSSLESS), array)
    image = roundel.decode(data, model=LOSSLESS)
    assert image.mode == mode
    assert np.array_equal(roundel.decode_array(roundel.encode(image, model=LOSSLESS), model=LOSSLESS), array)


def test_sixteen_bits_are_reduced_with_a_warning_by_lossy_models() -> None:
    deep = scene(20, 20).astype(np.uint16) * 257
    with pytest.warns(RoundelWarning, match="reduced to 8"):
        data = roundel.encode(deep, model=LOSSY)
    assert container.read(data).box(Tag.ORIGINAL_DEPTH) == b"\x10"
    assert np.array_equal(
        roundel.decode_array(data, model=LOSSY),
        roundel.decode_array(roundel.encode(scene(20, 20), model=LOSSY), model=LOSSY),
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_come_back_from_lossless_models(channels: int) -> None:
    deep = np.random.default_rng(5).integers(0, 2**16, (30, 41, channels), np.uint16)
    data = roundel.encode(deep, model=LOSSLESS)
    expected = deep[..., 0] if channels == 1 else deep
    assert container.read(data).header.depth == 16
    assert np.array_equal(roundel.decode_array(data, model=LOSSLESS), expected)
    part = roundel.decode_array(data, model=LOSSLESS, region=(7, 3, 20, 11))
    assert np.array_equal(part, expected[3:14, 7:27])


def test_widened_eight_bits_need_no_low_bytes() -> None:
    deep = scene(20, 20).astype(np.uint16) * 257
    data = roundel.encode(deep, model=LOSSLESS)
    assert container.read(data).box(Tag.LOW_BYTES) == b""
    assert np.array_equal(roundel.decode_array(data, model=LOSSLESS), deep)


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5, 5), np.uint8), np.zeros((5, 5), np.float32), np.zeros(5, np.uint8)],
)
def test_arrays_that_are_no_pictures_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ImageError):
        roundel.encode(array, model=LOSSY)


# ---- arguments


@pytest.mark.parametrize("quality", [-1, MAX_QUALITY + 1])
def test_quality_has_a_range(quality: int) -> None:
    with pytest.raises(RoundelError, match=r"0 to 100"):
        roundel.encode(scene(8, 8), model=LOSSY, quality=quality)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ModelError, match="no-such"):
        roundel.encode(scene(8, 8), model="no-such")


def test_progress_counts_tiles() -> None:
    seen: list[tuple[int, int]] = []
    data = roundel.encode(scene(100, 130), model=LOSSY, tile_px=64, progress=lambda *at: seen.append(at))
    assert seen == [(n, 6) for n in range(1, 7)]
    seen.clear()
    restore(data, model=LOSSY, progress=lambda *at: seen.append(at))
    assert seen == [(n, 6) for n in range(1, 7)]


def test_threads_share_a_model() -> None:
    pictures = [scene(90, 70, seed=seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pixels: roundel.encode(pixels, model=LOSSY), pictures))
    assert together == [roundel.encode(pixels, model=LOSSY) for pixels in pictures]


def test_info_says_what_the_header_says(tmp_path: object) -> None:
    from pathlib import Path

    data = roundel.encode(scene(200, 311), model=LOSSY, quality=33)
    path = Path(str(tmp_path)) / "x.rndl"
    path.write_bytes(data)
    for facts in (roundel.info(data), roundel.info(path), roundel.info(str(path))):
        assert (facts.header.width, facts.header.height, facts.header.quality) == (311, 200, 33)
        assert facts.total_bytes == facts.file_bytes == len(data)
    with pytest.raises(RoundelError, match="nowhere"):
        roundel.info("nowhere.rndl")


def test_the_checksum_is_that_of_the_tiles_in_raster_order() -> None:
    import zlib

    pixels = scene(64, 128)
    data = roundel.encode(pixels, model=LOSSLESS, tile_px=64)
    tiles = [zlib.crc32(pixels[:, :64].tobytes()), zlib.crc32(pixels[:, 64:].tobytes())]
    assert roundel.info(data).header.checksum == zlib.crc32(struct.pack("<II", *tiles))


def test_a_pil_image_keeps_its_profile() -> None:
    image = Image.fromarray(scene(20, 20))
    image.info["icc_profile"] = b"profile"
    assert roundel.decode(roundel.encode(image, model=LOSSY), model=LOSSY).info["icc_profile"] == b"profile"
