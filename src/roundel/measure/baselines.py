"""Classical codecs with pinned settings, as rivals for roundel: whole files of real bytes, in memory."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, features

from roundel.errors import RoundelError, UnsupportedError


@dataclass(frozen=True)
class Baseline:
    """One codec at fixed settings but for one, the quality.

    Args:
        name: What `--codec` calls it.
        settings: Everything that is pinned, in words.
        quality: What the one free setting means; empty if lossless.
        ladder: Its values for a rate-distortion curve from about 0.08 to 3 bpp, best last; one value if lossless.
        encoder: (pixels, setting) -> bytes.
        decoder: bytes -> pixels.
    """

    name: str
    settings: str
    quality: str
    ladder: tuple[float, ...]
    encoder: Callable[[np.ndarray, float], bytes]
    decoder: Callable[[bytes], np.ndarray]

    @property
    def lossless(self) -> bool:
        return not self.quality

    def encode(self, pixels: np.ndarray, setting: float) -> bytes:
        """A file of uint8 pixels (H, W, 1 or 3).

        Raises:
            UnsupportedError: An optional package is missing, or Pillow was built without the codec.
        """
        return self.encoder(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, setting)

    def decode(self, data: bytes) -> np.ndarray:
        """The pixels of such a file, uint8 (H, W, C)."""
        pixels = self.decoder(data)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels


def find(name: str) -> Baseline:
    """The codec of that name.

    Raises:
        RoundelError: There is none.
    """
    for baseline in (*LOSSY, *LOSSLESS):
        if baseline.name == name:
            return baseline
    known = ", ".join(baseline.name for baseline in (*LOSSY, *LOSSLESS))
    raise RoundelError(f"no codec is called {name}; known are roundel, {known}")


def _pillow(pixels: np.ndarray, setting: float, format: str, options: Callable[[float], dict[str, Any]]) -> bytes:
    if format == "AVIF" and not features.check("avif"):
        raise UnsupportedError("this Pillow cannot write AVIF; install Pillow 11.3 or later")
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, format, **options(setting))
    except ValueError as error:
        if format != "AVIF":
            raise
        # Libraries before libaom 3.12 do not know tune=iq.
        raise UnsupportedError(f"this Pillow's AVIF library refuses {options(setting)}: {error}") from error
    return buffer.getvalue()


def _unpillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def _imagecodecs() -> Any:
    try:
        import imagecodecs
    except ImportError as error:
        raise UnsupportedError(
            "JPEG XL and JPEG-LS need the package imagecodecs: pip install 'roundel[compare]'"
        ) from error
    return imagecodecs


def _jpegxl(pixels: np.ndarray, setting: float, effort: int, lossless: bool) -> bytes:
    distance = {} if lossless else {"distance": float(setting)}
    return bytes(_imagecodecs().jpegxl_encode(pixels, effort=effort, lossless=lossless, numthreads=1, **distance))


def _unjpegxl(data: bytes) -> np.ndarray:
    return _imagecodecs().jpegxl_decode(data, numthreads=1)


def _jpegls(pixels: np.ndarray, setting: float) -> bytes:
    """JPEG-LS has no colour transform: red and blue are coded as their difference from green, modulo 256."""
    if pixels.ndim == 3:
        pixels = pixels.copy()
        pixels[:, :, ::2] -= pixels[:, :, 1:2]
    return bytes(_imagecodecs().jpegls_encode(pixels))


def _unjpegls(data: bytes) -> np.ndarray:
    pixels = _imagecodecs().jpegls_decode(data)
    if pixels.ndim == 3:
        pixels[:, :, ::2] += pixels[:, :, 1:2]
    return pixels


def _jpeg(setting: float, subsampling: str) -> dict[str, Any]:
    return {"quality": int(setting), "subsampling": subsampling, "optimize": True}


def _webp(setting: float) -> dict[str, Any]:
    return {"quality": setting, "method": 6}


def _avif(setting: float, tune: str) -> dict[str, Any]:
    advanced = {"tune": tune}
    return {"quality": int(setting), "speed": 6, "subsampling": "4:4:4", "max_threads": 1, "advanced": advanced}


def _jpeg2000(setting: float) -> dict[str, Any]:
    # mct=1: without it Pillow codes R, G and B on their own
    return {"irreversible": True, "mct": 1, "quality_mode": "rates", "quality_layers": [setting]}


_AVIF_QUALITIES = (4.0, 10, 17, 24, 30, 36, 42, 48, 54, 60, 66, 72, 78, 84, 90, 95)
_JPEG_QUALITIES = (2.0, 5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 82, 88, 92, 95)

LOSSY = (
    Baseline(
        "jpeg",
        "Pillow JPEG, 4:4:4, optimised Huffman tables",
        "quality 1..95",
        _JPEG_QUALITIES,
        partial(_pillow, format="JPEG", options=partial(_jpeg, subsampling="4:4:4")),
        _unpillow,
    ),
    Baseline(
        "jpeg420",
        "Pillow JPEG, 4:2:0, optimised Huffman tables",
        "quality 1..95",
        _JPEG_QUALITIES,
        partial(_pillow, format="JPEG", options=partial(_jpeg, subsampling="4:2:0")),
        _unpillow,
    ),
    Baseline(
        "webp",
        "Pillow WebP, method 6 (4:2:0 always)",
        "quality 0..100",
        (0, 2, 6, 14, 25, 38, 50, 62, 72, 80, 85, 89, 93, 96, 99),
        partial(_pillow, format="WEBP", options=_webp),
        _unpillow,
    ),
    Baseline(
        "avif",
        "Pillow AVIF, speed 6, 4:4:4, 8 bits, one thread, tune=iq (for the eye, as Pillow 13 has it by default)",
        "quality 0..100",
        _AVIF_QUALITIES,
        partial(_pillow, format="AVIF", options=partial(_avif, tune="iq")),
        _unpillow,
    ),
    Baseline(
        "avif-psnr",
        "Pillow AVIF, speed 6, 4:4:4, 8 bits, one thread, tune=psnr",
        "quality 0..100",
        _AVIF_QUALITIES,
        partial(_pillow, format="AVIF", options=partial(_avif, tune="psnr")),
        _unpillow,
    ),
    Baseline(
        "jpeg2000",
        "Pillow JPEG 2000 (OpenJPEG), 9/7 irreversible, colour transform, one layer",
        "compression ratio v raw pixels",
        (300, 200, 140, 96, 72, 54, 40, 30, 24, 19, 15, 12, 10, 8),
        partial(_pillow, format="JPEG2000", options=_jpeg2000),
        _unpillow,
    ),
    Baseline(
        "jxl",
        "imagecodecs JPEG XL (libjxl), effort 7, one thread (not tuned for PSNR)",
        "Butteraugli distance",
        (25, 20, 15, 11, 8, 6, 4.5, 3.5, 2.6, 2, 1.5, 1, 0.7, 0.5, 0.3),
        partial(_jpegxl, effort=7, lossless=False),
        _unjpegxl,
    ),
)


def _lossless(name: str, settings: str, encoder: Callable[..., bytes], decoder: Callable[..., Any]) -> Baseline:
    return Baseline(name, settings, "", (0,), encoder, decoder)


LOSSLESS = (
    _lossless(
        "png",
        "Pillow PNG, compression level 9",
        partial(_pillow, format="PNG", options=lambda _: {"optimize": True, "compress_level": 9}),
        _unpillow,
    ),
    _lossless(
        "webp-lossless",
        "Pillow WebP lossless, method 4, exact",
        partial(_pillow, format="WEBP", options=lambda _: {"lossless": True, "exact": True, "method": 4}),
        _unpillow,
    ),
    _lossless(
        "webp-lossless-m6",
        "Pillow WebP lossless, method 6, quality 100, exact",
        partial(
            _pillow,
            format="WEBP",
            options=lambda _: {"lossless": True, "exact": True, "method": 6, "quality": 100},
        ),
        _unpillow,
    ),
    _lossless(
        "jpeg2000-lossless",
        "Pillow JPEG 2000 (OpenJPEG), 5/3 reversible, colour transform",
        partial(_pillow, format="JPEG2000", options=lambda _: {"irreversible": False, "mct": 1}),
        _unpillow,
    ),
    _lossless("jpegls", "imagecodecs JPEG-LS (CharLS) after subtracting green", _jpegls, _unjpegls),
    *(
        _lossless(
            f"jxl-e{effort}",
            f"imagecodecs JPEG XL (libjxl) lossless, effort {effort}, one thread",
            partial(_jpegxl, effort=effort, lossless=True),
            _unjpegxl,
        )
        for effort in (3, 7, 9)
    ),
)
