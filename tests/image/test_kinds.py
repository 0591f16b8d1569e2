"""Formats by their first bytes; WebP, GIF, BMP and AVIF; what is no picture, and what is one that is not read."""

import io
import struct
import threading
import warnings

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import roundel.image.plugins
from roundel import image
from roundel.errors import ImageError, RoundelWarning

RNG = np.random.default_rng(24)
RGBA = RNG.integers(0, 256, (20, 30, 4), dtype=np.uint8)


def saved(format: str, array: np.ndarray = RGBA[:, :, :3], **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format, **options)
    return buffer.getvalue()


def read(data: bytes) -> image.Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return image.read(io.BytesIO(data))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "empty"),
        (b"hello, world", "not a picture"),
        (bytes(600), "not a picture"),
        (b"\x89RND\r\n\x1a\n" + bytes(40), "already a roundel file"),
        (b"\xff\x0a" + bytes(20), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "JPEG 2000"),
        (b"\xff\x4f\xff\x51" + bytes(20), "JPEG 2000"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
        (b"qoif" + bytes(20), "QOI"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"<svg xmlns=", "SVG"),
    ],
)
def test_what_a_file_is_instead_is_named(data: bytes, named: str) -> None:
    with pytest.raises(ImageError, match=named):
        image.read(io.BytesIO(data))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "AVIF"])
def test_a_damaged_picture_is_not_called_no_picture(format: str) -> None:
    whole = saved(format)
    with pytest.raises(ImageError) as caught:
        image.read(io.BytesIO(whole[: len(whole) // 2]))
    assert "not a picture" not in str(caught.value)
    assert "damaged" in str(caught.value) or "truncated" in str(caught.value)


# ---- AVIF


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif_of_more_than_eight_bits_is_named_and_never_cut(bits: int, channels: int) -> None:
    shape = (16, 24) if channels == 1 else (16, 24, channels)
    deep = imagecodecs.avif_encode(RNG.integers(0, 2**bits, shape, dtype=np.uint16), bitspersample=bits, level=100)
    with pytest.raises(ImageError, match=f"an AVIF of {bits}-bit samples is not supported"):
        image.read(io.BytesIO(deep))


@pytest.mark.parametrize("channels", [3, 4])
def test_avif_of_eight_bits_is_read(channels: int) -> None:
    array = RGBA[:, :, :channels]
    data = imagecodecs.avif_encode(np.ascontiguousarray(array), bitspersample=8, level=100)
    np.testing.assert_array_equal(image.to_array(read(data)), imagecodecs.avif_decode(data))


def test_colours_of_an_avif_are_kept_for_png() -> None:
    data = saved("AVIF")
    place = data.index(b"nclx")
    primaries, transfer = 9, 16  # BT.2020, PQ
    wide = data[: place + 4] + struct.pack(">HH", primaries, transfer) + data[place + 8 :]
    picture = read(wide)
    assert picture.colour == {b"cICP": bytes([9, 16, 0, 1])}
    assert read(data).colour == {}
    out = io.BytesIO()
    image.write(picture, out, "PNG")
    assert b"cICP" + bytes([9, 16, 0, 1]) in out.getvalue()


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_facts_of_a_damaged_avif_do_no_harm(cut: int) -> None:
    data = saved("AVIF")
    with pytest.raises(ImageError):
        image.read(io.BytesIO(data[: min(cut, len(data) - 300)]))


# ---- WebP, GIF, BMP


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_without_loss(channels: int) -> None:
    data = imagecodecs.webp_encode(np.ascontiguousarray(RGBA[:, :, :channels]), lossless=True, level=100)
    found = image.to_array(read(data))
    expected = imagecodecs.webp_decode(data)
    np.testing.assert_array_equal(found[..., :3], expected[..., :3])


def test_gif_of_a_palette_with_transparency_and_a_comment() -> None:
    indexed = Image.fromarray(RGBA[:, :, 0] % 4)
    indexed.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    buffer = io.BytesIO()
    indexed.save(buffer, "GIF", transparency=2, comment=b"made by hand")
    picture = read(buffer.getvalue())
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]], np.uint8)
    opaque = (RGBA[:, :, 0] % 4) != 2
    np.testing.assert_array_equal(picture.alpha, opaque * np.uint8(255))
    np.testing.assert_array_equal(picture.pixels[opaque], colours[RGBA[:, :, 0] % 4][opaque])
    assert picture.texts == (("Comment", "made by hand"),)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "AVIF"])
def test_animations_say_how_many_frames_there_are(format: str) -> None:
    frames = [Image.fromarray(np.roll(RGBA[:, :, :3], shift, axis=0)) for shift in range(4)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
    buffer.seek(0)
    with pytest.warns(RoundelWarning, match="first of 4 frames") as caught:
        image.read(buffer)
    assert len(caught) == 1


def test_bmp_keeps_its_resolution() -> None:
    data = bytearray(saved("BMP"))
    data[38:46] = struct.pack("<II", 11811, 5906)
    picture = read(bytes(data))
    assert picture.resolution == image.Resolution(11811, 5906, 3)
    out = io.BytesIO()
    image.write(picture, out, "BMP")
    assert out.getvalue()[38:46] == data[38:46]


def test_bmp_keeps_an_embedded_profile() -> None:
    plain = saved("BMP")
    profile = b"profile of many bytes"
    fields = struct.pack("<4I4s36s3I4I", 0xFF0000, 0xFF00, 0xFF, 0, b"DEBM", bytes(36), 0, 0, 0, 4, 0, 0, 0)
    dib = struct.pack("<I", 124) + plain[18:54] + fields
    pixels = plain[54:]
    dib = dib[:112] + struct.pack("<III", 124 + len(pixels), len(profile), 0)
    whole = b"BM" + struct.pack("<IHHI", 14 + 124 + len(pixels) + len(profile), 0, 0, 14 + 124) + dib + pixels + profile
    picture = read(whole)
    np.testing.assert_array_equal(picture.pixels, RGBA[:, :, :3])
    assert picture.icc == profile


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"lossless": True, "exif": b"Exif\0\0II"}])
def test_webp_says_its_size_before_anything_is_allocated(
    options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(roundel.image.plugins._PLUGINS, "WEBP", None)
    with pytest.raises(ImageError, match="30×20 pixels are more"):
        image.read(io.BytesIO(saved("WEBP", **options)), max_pixels=599)


def test_a_bmp_of_a_kind_that_nobody_reads_is_not_called_damaged() -> None:
    data = bytearray(saved("BMP"))
    data[28:30] = struct.pack("<H", 64)  # bits a pixel
    with pytest.raises(ImageError, match="not supported"):
        image.read(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("format", ["WEBP", "GIF", "BMP", "AVIF"])
def test_pillow_s_limit_never_strikes_and_stays_as_it_was(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow would raise from 200 on
    monkeypatch.setattr("roundel.image.pil._BAND_PIXELS", 10)
    data = saved(format)
    assert read(data).width == 30
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(ImageError, match="30×20 pixels are more than the limit of 599"):
        image.read(io.BytesIO(data), max_pixels=599)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_pillow_s_limit_is_restored_by_the_last_of_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data, failures = saved("WEBP"), []

    def work() -> None:
        for _ in range(30):
            try:
                image.read(io.BytesIO(data))
            except ImageError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert Image.MAX_IMAGE_PIXELS == 100
    assert roundel.image.plugins._without_limit == 0
