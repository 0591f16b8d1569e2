"""Netpbm files, plain and raw, of any maximum: each sample right, made by hand and by other libraries."""

import io

import numpy as np
import pytest
from PIL import Image

from roundel import image
from roundel.errors import ImageError, RoundelWarning

RNG = np.random.default_rng(22)
MAXIMA = [1, 2, 7, 15, 100, 254, 255, 256, 1000, 1023, 4095, 32767, 65534, 65535]


def expected(samples: np.ndarray, largest: int) -> np.ndarray:
    whole = 255 if largest < 256 else 65535
    return np.floor(samples * whole / largest + 0.5).astype(np.uint8 if largest < 256 else np.uint16)


@pytest.mark.parametrize("largest", MAXIMA)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("plain", [False, True])
def test_pgm_and_ppm_of_any_maximum(largest: int, channels: int, plain: bool) -> None:
    samples = RNG.integers(0, largest + 1, (5, 7, channels))
    samples[0, 0] = largest
    if plain:
        body = "\n".join(" ".join(map(str, row.ravel())) for row in samples).encode() + b"\n"
    else:
        body = samples.astype("u1" if largest < 256 else ">u2").tobytes()
    kind = {(1, True): b"P2", (3, True): b"P3", (1, False): b"P5", (3, False): b"P6"}[channels, plain]
    head = b"%s # a comment\n# another\n7\n5 %d\n" % (kind, largest)
    picture = image.read(io.BytesIO(head + body))
    np.testing.assert_array_equal(picture.pixels, expected(samples, largest))
    assert picture.sample_max == (None if largest in (1, 255, 65535) else largest)
    out = io.BytesIO()
    image.write(picture, out, "PPM")  # a plain file comes back raw, with its own maximum and samples
    if picture.sample_max is not None:
        raw = {1: b"P5", 3: b"P6"}[channels]
        assert (
            out.getvalue()
            == b"%s\n7 5\n%d\n" % (raw, largest) + samples.astype("u1" if largest < 256 else ">u2").tobytes()
        )
    out.seek(0)
    np.testing.assert_array_equal(image.read(out).pixels, picture.pixels)


@pytest.mark.parametrize("width", [1, 8, 13])
def test_bitmaps_are_black_at_one(width: int) -> None:
    bits = RNG.integers(0, 2, (4, width))
    raw = b"P4\n%d 4\n" % width + np.packbits(bits, axis=1).tobytes()
    plain = b"P1\n%d 4\n" % width + b"".join(b"".join(b"%d" % bit for bit in row) + b"\n" for row in bits)
    spaced = b"P1 %d 4 " % width + b" ".join(b"%d" % bit for bit in bits.ravel())
    for data in (raw, plain, spaced):
        np.testing.assert_array_equal(image.read(io.BytesIO(data)).pixels[:, :, 0], (1 - bits) * 255)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), bits == 0)


@pytest.mark.parametrize(
    ("kind", "channels"),
    [("GRAYSCALE", 1), ("GRAYSCALE_ALPHA", 2), ("RGB", 3), ("RGB_ALPHA", 4), (None, 3)],
)
@pytest.mark.parametrize("largest", [255, 1000, 65535])
def test_pam(kind: str | None, channels: int, largest: int) -> None:
    samples = RNG.integers(0, largest + 1, (5, 7, channels))
    head = f"P7\nWIDTH 7\nHEIGHT 5\n# a comment\nDEPTH {channels}\nMAXVAL {largest}\n"
    head += f"TUPLTYPE {kind}\nENDHDR\n" if kind else "ENDHDR\n"
    data = head.encode() + samples.astype("u1" if largest < 256 else ">u2").tobytes()
    found = image.to_array(image.read(io.BytesIO(data)))
    np.testing.assert_array_equal(found.reshape(samples.shape), expected(samples, largest))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_what_pillow_writes_is_read(mode: str) -> None:
    array = RNG.integers(0, 65536, (9, 8), np.uint16) if mode == "I;16" else RNG.integers(0, 256, (9, 8, 3), np.uint8)
    pil = Image.fromarray(array) if mode == "I;16" else Image.fromarray(array).convert(mode)
    buffer = io.BytesIO()
    pil.save(buffer, "PPM")
    buffer.seek(0)
    expected = np.asarray(pil).astype(np.uint8) * 255 if mode == "1" else np.asarray(pil)
    np.testing.assert_array_equal(image.to_array(image.read(buffer)), expected)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"P5\n2 2\n255\nabc", "truncated"),
        (b"P2\n2 2\n255\n1 2 3", "truncated"),
        (b"P2\n2 2\n255\n1 2 3 x", "b'x'"),
        (b"P2\n2 2\n9\n1 2 3 10", "10 exceeds"),
        (b"P5\n2 2\n9\n\1\2\3\x0a", "10 exceeds"),
        (b"P1\n2 2\n0 1 2 0", "sample of 2"),
        (b"P2\n1 1\n255\n99999999999999999999999", "sample of"),
        (b"P5\n2 2\n0\nabcd", "maximum of 0"),
        (b"P5\n2 2\n65536\nabcdefgh", "maximum of 65536"),
        (b"P5\n0 2\n255\n", "0×2"),
        (b"P5\nx 2\n255\n", "no size"),
        (b"P7\nWIDTH 2\nENDHDR\n", "without width, height, depth"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\nabcde", "5 channels"),
        (b"PF\n2 2\n-1.0\n" + bytes(48), "floating-point"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, named: str) -> None:
    with pytest.raises(ImageError, match=named):
        image.read(io.BytesIO(data))


def test_samples_that_look_like_a_comment_are_samples() -> None:
    found = image.read(io.BytesIO(b"P5\n4 1\n255\n#\n #"))
    np.testing.assert_array_equal(found.pixels.ravel(), [35, 10, 32, 35])


def test_a_second_picture_is_named() -> None:
    with pytest.warns(RoundelWarning, match="first of several"):
        image.read(io.BytesIO(b"P5\n1 1\n255\nxP5\n1 1\n255\ny"))


def test_the_limit_holds_before_anything_is_read() -> None:
    with pytest.raises(ImageError, match="100000×100000 pixels are more"):
        image.read(io.BytesIO(b"P6\n100000 100000\n255\n"))
