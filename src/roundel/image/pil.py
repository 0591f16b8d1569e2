"""Pictures from and to Pillow's images: modes, transparency, metadata, orientation."""

import io
import warnings
from dataclasses import replace

import numpy as np
from PIL import Image

from roundel.errors import ImageError, RoundelWarning
from roundel.image import orientation
from roundel.image.picture import Picture, to_array

EXIF_PREFIX = b"Exif\0\0"
_BAND_ROWS = 256
_CAMERA_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # description, make, model … copyright
_CAMERA_DIRECTORIES = (0x8769, 0x8825)  # exposure, GPS


def from_pil(image: Image.Image) -> Picture:
    """A picture from a Pillow image, with its metadata; the EXIF orientation is applied.

    CMYK becomes sRGB with a RoundelWarning; a transparent colour or palette entry becomes alpha.

    Raises:
        ImageError: The mode cannot be kept (32-bit integers, floating point, LAB, HSV, premultiplied alpha).
    """
    image.load()
    if image.mode == "CMYK":
        return replace(from_samples(_samples(_cmyk_to_rgb(image)), image), icc=None)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return from_samples(_samples(image).astype(np.uint16), image)
    target = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}.get(image.mode, image.mode)
    if "transparency" in image.info:
        target = {"L": "LA", "RGB": "RGBA"}.get(target, target)
    if target not in ("L", "LA", "RGB", "RGBA"):
        raise ImageError(f"pixels of mode {image.mode} are not supported; convert to 8- or 16-bit grey or RGB first")
    return from_samples(_samples(image if target == image.mode else image.convert(target)), image)


def from_samples(samples: np.ndarray, image: Image.Image) -> Picture:
    """A picture of samples (H, W, 1..4; alpha last) with the metadata and the orientation of a loaded image."""
    alpha = None
    key = image.info.get("transparency")
    if samples.shape[2] in (2, 4):
        alpha, samples = np.ascontiguousarray(samples[:, :, -1]), np.ascontiguousarray(samples[:, :, :-1])
    elif samples.dtype == np.uint16 and isinstance(key, (int, tuple)):
        alpha = np.where((samples == np.asarray(key)).all(axis=2), 0, 65535).astype(np.uint16)
    xmp = image.info.get("xmp")
    exif = _tiff_exif(image) if image.format == "TIFF" else image.info.get("exif")
    picture = Picture(
        samples,
        alpha,
        icc=image.info.get("icc_profile") or None,
        exif=(exif or b"").removeprefix(EXIF_PREFIX) or None,
        xmp=(xmp.encode() if isinstance(xmp, str) else xmp) or None,
    )
    return _upright(picture)


def to_pil(picture: Picture) -> Image.Image:
    """A Pillow image (L, LA, RGB, RGBA or I;16), its metadata in `info`.

    Raises:
        ImageError: 16-bit colour or 16-bit alpha, which Pillow cannot hold.
    """
    if picture.depth == 16 and (picture.channels == 3 or picture.alpha is not None):
        raise ImageError("Pillow holds no 16-bit colour or alpha; use arrays, write a PNG, or reduce_depth first")
    image = Image.fromarray(to_array(picture))
    named = {"icc_profile": picture.icc, "exif": picture.exif and EXIF_PREFIX + picture.exif, "xmp": picture.xmp}
    image.info.update({key: value for key, value in named.items() if value})
    return image


def _samples(image: Image.Image) -> np.ndarray:
    """Pillow's pixels as (H, W, C), copied in bands: np.asarray would hold them three times over."""
    first = np.asarray(image.crop((0, 0, image.width, 1)))
    out = np.empty((image.height, *first.shape[1:]), first.dtype.newbyteorder("="))
    for top in range(0, image.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, image.height)
        out[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return out if out.ndim == 3 else out[:, :, None]


def _upright(picture: Picture) -> Picture:
    found = orientation.find(picture.exif) if picture.exif else None
    if picture.exif is None or found is None or found.value == 1:
        return picture
    return replace(
        picture,
        pixels=orientation.turn(picture.pixels, found.value),
        alpha=None if picture.alpha is None else orientation.turn(picture.alpha, found.value),
        exif=orientation.upright(picture.exif, found),
    )


def _tiff_exif(image: Image.Image) -> bytes | None:
    """An EXIF block of what a camera noted in a TIFF's own directory, without the tags that lay out its pixels."""
    ours, theirs = Image.Exif(), image.getexif()
    for tag in _CAMERA_TAGS:
        if tag in theirs:
            ours[tag] = theirs[tag]
    for directory in _CAMERA_DIRECTORIES:
        if entries := theirs.get_ifd(directory):
            ours[directory] = entries
    return ours.tobytes() if len(ours) else None


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    """CMYK as sRGB: through its profile where it has one that works, else by the plain formula."""
    warnings.warn("CMYK was converted to sRGB; its colour profile is not kept", RoundelWarning, stacklevel=2)
    profile = image.info.get("icc_profile")
    if profile:
        from PIL import ImageCms

        try:
            source, goal = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, goal, outputMode="RGB")
        except (OSError, ImageCms.PyCMSError):  # a damaged profile must not cost the picture
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")
