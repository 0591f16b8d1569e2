"""Profiles made of PNG's colour chunks, judged by another library, Little CMS."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from roundel import image
from roundel.errors import RoundelWarning
from roundel.image import Picture
from roundel.image.profile import profile_of

SRGB = ImageCms.createProfile("sRGB")
SRGB_XY = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
WIDE_XY = (31270, 32900, 73470, 26530, 11520, 82640, 15660, 1770)
LEVELS = np.linspace(0, 1, 256)


def linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def to_srgb(profile: bytes, samples: np.ndarray) -> np.ndarray:
    mode = "L" if samples.ndim == 2 else "RGB"
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, SRGB, mode, "RGB", renderingIntent=1, flags=ImageCms.Flags.NOOPTIMIZE)
    return np.asarray(ImageCms.applyTransform(Image.fromarray(samples), transform))


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 1 / 2.2])
@pytest.mark.parametrize("grey", [False, True])
def test_gamma(gamma: float, grey: bool) -> None:
    chunks = {b"gAMA": struct.pack(">I", round(100_000 * gamma)), b"cHRM": struct.pack(">8I", *SRGB_XY)}
    profile = profile_of(chunks, grey=grey)
    assert profile is not None
    ramp = np.arange(256, dtype=np.uint8)[None]
    samples = ramp if grey else np.repeat(ramp[:, :, None], 3, axis=2)
    expected = encoded(LEVELS ** (1 / gamma)) * 255
    found = to_srgb(profile, samples)[0].astype(float)
    assert np.abs(found - expected[:, None]).max() <= 1.5


def matrix(xy: tuple[int, ...]) -> np.ndarray:
    points = np.array(xy).reshape(4, 2) / 100_000
    white, *columns = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in points)
    colours = np.stack(columns, axis=1)
    return colours * np.linalg.solve(colours, white)


@pytest.mark.parametrize(
    "chunks",
    [
        {b"cHRM": struct.pack(">8I", *WIDE_XY), b"gAMA": struct.pack(">I", 45455)},
        {b"cICP": bytes([12, 13, 0, 1]), b"gAMA": struct.pack(">I", 100_000)},  # cICP rules
        {b"cICP": bytes([9, 8, 0, 1])},
        {b"cICP": bytes([9, 1, 0, 1])},
    ],
)
def test_primaries(chunks: dict[bytes, bytes]) -> None:
    profile = profile_of(chunks, grey=False)
    assert profile is not None
    known = {
        12: (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
        9: (31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600),
    }
    primaries, transfer = chunks.get(b"cICP", b"\0\4")[:2]
    samples = np.random.default_rng(3).integers(90, 166, (1, 400, 3), dtype=np.uint8)  # within sRGB
    light = samples[0] / 255.0
    light = {
        13: linear(light),
        8: light,
        1: np.where(light < 0.081, light / 4.5, ((light + 0.099) / 1.099) ** (1 / 0.45)),
        4: light**2.2,
    }[transfer]
    expected = light @ (np.linalg.inv(matrix(SRGB_XY)) @ matrix(known.get(primaries, WIDE_XY))).T
    inside = (expected.min(axis=1) > 0) & (expected.max(axis=1) < 1)
    assert inside.sum() > 100
    found = to_srgb(profile, samples)[0].astype(float)
    assert np.abs(found - encoded(expected) * 255)[inside].max() <= 2.5


@pytest.mark.parametrize(
    "chunks",
    [
        {b"cICP": bytes([9, 16, 0, 1])},  # PQ
        {b"cICP": bytes([9, 18, 0, 1])},  # HLG
        {b"gAMA": bytes(4)},
        {b"cHRM": bytes(32)},
        {b"cHRM": struct.pack(">8I", *SRGB_XY[:2], *SRGB_XY[2:4] * 3)},  # three times red
    ],
)
def test_what_no_such_profile_says_gives_none(chunks: dict[bytes, bytes]) -> None:
    assert profile_of(chunks, grey=False) is None


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
def test_formats_without_colour_chunks_get_a_profile(format: str) -> None:
    colour = {b"gAMA": struct.pack(">I", 100_000)}
    picture = Picture(np.zeros((4, 4, 3), np.uint8), colour=colour)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image.write(picture, out, format)
        out.seek(0)
        assert image.read(out).icc == profile_of(colour, grey=False)
    hdr = Picture(picture.pixels, colour={b"cICP": bytes([9, 16, 0, 1])})
    with pytest.warns(RoundelWarning, match=r"colours \(cICP\)"):
        image.write(hdr, io.BytesIO(), format)
    with pytest.warns(RoundelWarning, match=r"colours \(gAMA\)"):
        image.write(picture, io.BytesIO(), "PPM")
