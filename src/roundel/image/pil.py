"""Pictures from and to Pillow's images: modes, transparency, metadata, orientation."""

import struct
import warnings
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from roundel.errors import ImageError, RoundelWarning
from roundel.image import resolution
from roundel.image.cmyk import to_rgb
from roundel.image.orientation import upright_picture
from roundel.image.picture import Picture, to_array
from roundel.image.resolution import Resolution
from roundel.image.tiff.directory import ASCII, Entry, structure
from roundel.image.tiff.exif import from_exif

EXIF_PREFIX = b"Exif\0\0"
_BAND_PIXELS = 2**20


def from_pil(image: Image.Image, info: Mapping[str, Any] | None = None) -> Picture:
    """A picture from a Pillow image, with its metadata; the EXIF orientation is applied.

    CMYK becomes sRGB, and further frames are left out, each with a RoundelWarning; a transparent colour or palette
    entry becomes alpha.

    Args:
        info: Metadata by Pillow's names, in the place of what the image says under these names.

    Raises:
        ImageError: The mode cannot be kept (32-bit integers, floating point, LAB, HSV, premultiplied alpha).
    """
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        warnings.warn(f"only one of {frames} frames is kept", RoundelWarning, stacklevel=2)
    return from_frame(image, info)


def from_frame(image: Image.Image, info: Mapping[str, Any] | None = None) -> Picture:
    """The same of the frame that is shown, without a word of the others."""
    return upright_picture(with_info(plain_picture(image), image, info))


def plain_picture(image: Image.Image, profile: bytes | None = None) -> Picture:
    """Samples and alpha of a Pillow image, as stored. Args: profile: of CMYK. Raises: as `from_pil`."""
    if 0 in image.size:
        raise ImageError(f"an image of {image.width}×{image.height} px has no pixels")
    image.load()
    if image.mode == "CMYK":
        return Picture(to_rgb(samples_of(image), profile or image.info.get("icc_profile")))
    key = image.info.get("transparency")
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        samples, alpha = samples_of(image).astype(np.uint16), None
        if isinstance(key, (int, tuple)):
            alpha = np.where((samples == np.asarray(key)).all(axis=2), 0, 65535).astype(np.uint16)
        return Picture(samples, alpha)
    target = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}.get(image.mode, image.mode)
    if key is not None:
        target = {"L": "LA", "RGB": "RGBA"}.get(target, target)
    if target not in ("L", "LA", "RGB", "RGBA"):
        raise ImageError(f"pixels of mode {image.mode} are not supported; convert to 8- or 16-bit grey or RGB first")
    samples = samples_of(image if target == image.mode else image.convert(target))
    if samples.shape[2] in (1, 3):
        return Picture(samples)
    return Picture(np.ascontiguousarray(samples[:, :, :-1]), np.ascontiguousarray(samples[:, :, -1]))


def with_info(picture: Picture, image: Image.Image, changes: Mapping[str, Any] | None = None) -> Picture:
    """The picture with what a Pillow image says of it in `info`, or what `changes` say instead."""
    changes = changes or {}
    info: dict[Any, Any] = {**image.info, **changes}
    xmp = info.get("xmp")
    own_notes = image.format == "TIFF" and "exif" not in changes
    return replace(
        picture,
        icc=None if image.mode == "CMYK" else info.get("icc_profile") or picture.icc,
        exif=_tiff_notes(image) if own_notes else _exif(info.get("exif")),
        xmp=(xmp.encode() if isinstance(xmp, str) else xmp) or None,
        colour=_colour(info),
        resolution=_resolution(info.get("dpi")),
        texts=tuple((str(key), str(text)) for key, text in getattr(image, "text", {}).items() if "\0" not in text),
    )


def _exif(block: bytes | None) -> bytes | None:
    return (block or b"").removeprefix(EXIF_PREFIX) or None


def _tiff_notes(image: Image.Image) -> bytes | None:
    """An EXIF block of what a TIFF's own directory says, without the tags that lay out its samples."""
    order, notes = from_exif(image.getexif().tobytes().removeprefix(EXIF_PREFIX))
    read = getattr(image, "tag_v2", {})
    tree = dict(notes)
    for tag, entry in notes.items():
        text = read.get(tag)
        if isinstance(entry, Entry) and entry.kind == ASCII and isinstance(text, str):
            raw = text.encode("latin-1", "replace") + b"\0"  # as Pillow decoded it; what it encodes is ASCII alone
            tree[tag] = Entry(ASCII, len(raw), raw)
    return structure(tree, order) if tree else None


def to_pil(picture: Picture) -> Image.Image:
    """A Pillow image (L, LA, RGB, RGBA or I;16), its metadata in `info`, under Pillow's own names.

    Raises:
        ImageError: 16-bit colour or 16-bit alpha, which Pillow cannot hold.
    """
    if picture.depth == 16 and (picture.channels == 3 or picture.alpha is not None):
        raise ImageError("Pillow holds no 16-bit colour or alpha; use arrays, write a PNG, or reduce_depth first")
    image = Image.fromarray(to_array(picture))
    named: dict[str, Any] = {
        "icc_profile": picture.icc,
        "exif": picture.exif and EXIF_PREFIX + picture.exif,
        "xmp": picture.xmp,
    }
    if picture.resolution and picture.resolution.unit != resolution.NONE:
        named["dpi"] = tuple(map(float, picture.resolution.per(resolution.INCH)[:2]))
    if b"gAMA" in picture.colour:
        named["gamma"] = int.from_bytes(picture.colour[b"gAMA"], "big") / 100_000
    if b"cHRM" in picture.colour:
        named["chromaticity"] = tuple(value / 100_000 for value in struct.unpack(">8I", picture.colour[b"cHRM"]))
    if b"sRGB" in picture.colour:
        named["srgb"] = picture.colour[b"sRGB"][0]
    image.info.update({key: value for key, value in named.items() if value or key == "srgb"})
    return image


def samples_of(image: Image.Image) -> np.ndarray:
    """Pillow's pixels as (H, W, C), copied in bands: np.asarray would hold them three times over."""
    if image.width > _BAND_PIXELS:  # Pillow has its own limit of pixels for a part, too
        whole = np.array(image)
        return whole if whole.ndim == 3 else whole[:, :, None]
    first = np.asarray(image.crop((0, 0, image.width, 1)))
    out = np.empty((image.height, *first.shape[1:]), first.dtype.newbyteorder("="))
    rows = _BAND_PIXELS // image.width
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        out[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return out if out.ndim == 3 else out[:, :, None]


def _resolution(dpi: Any) -> Resolution | None:
    """From Pillow's pair of numbers; a PNG's whole numbers per metre come back as they were."""
    try:
        x, y = (Fraction(float(value)) for value in dpi)
    except (TypeError, ValueError, OverflowError):
        return None
    inches = [value.limit_denominator(100) for value in (x, y)]
    if all(abs(a - b) < Fraction(1, 10**6) for a, b in zip(inches, (x, y), strict=True)):
        return resolution.resolution(inches[0], inches[1], resolution.INCH)
    metres = [value / Fraction("0.0254") for value in (x, y)]
    return resolution.resolution(round(metres[0]), round(metres[1]), resolution.METRE)


def _colour(info: dict[Any, Any]) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    try:
        if "chromaticity" in info:
            chunks[b"cHRM"] = struct.pack(">8I", *(round(value * 100_000) for value in info["chromaticity"]))
        if "gamma" in info:
            chunks[b"gAMA"] = struct.pack(">I", round(info["gamma"] * 100_000))
        if "srgb" in info:
            chunks[b"sRGB"] = bytes([info["srgb"]])
    except (TypeError, ValueError, struct.error):  # numbers that somebody set by hand
        return {}
    return chunks
