"""Slides in the formats of their scanners, through OpenSlide: an extra, loaded when such a file is opened."""

import os
from collections.abc import Mapping
from fractions import Fraction
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from roundel.errors import ImageError
from roundel.image import resolution
from roundel.image.picture import Picture
from roundel.image.scan import Scan
from roundel.image.tiff.scan import CheckSize

if TYPE_CHECKING:
    import openslide

SUFFIXES = frozenset({".svs", ".ndpi", ".scn", ".bif", ".mrxs", ".svslide", ".vms", ".vmu", ".czi", ".dcm"})
"""Of slides that OpenSlide reads; some are TIFFs in disguise."""
_TIFFS = frozenset({".tif", ".tiff"})
_NEED = "pip install 'roundel[slides]'"
_JPEG_ALWAYS = frozenset({"hamamatsu", "leica", "philips", "trestle", "ventana"})
_WHITE = (255, 255, 255)
_OF_THE_FILE = ("openslide.level", "openslide.region", "openslide.associated.", "openslide.icc-size")
"""Beginnings of properties that describe the file that was read, not the slide."""


class VendorScan(Scan):
    """See `Scan`; made by `open_vendor`. Pixels that the scanner did not take have the slide's background colour."""

    def __init__(self, slide: "openslide.OpenSlide", level: int) -> None:
        self._slide, self._level = slide, level
        width, height = slide.level_dimensions[level]
        self._downsample = slide.level_downsamples[level]
        properties = {key: value for key, value in slide.properties.items() if not key.startswith(_OF_THE_FILE)}
        density = _density(properties)
        self._background = _colour(properties.get("openslide.background-color", ""))
        profile = slide.read_region((0, 0), slide.level_count - 1, (1, 1)).info.get("icc_profile")
        tile = [slide.properties.get(f"openslide.level[{level}].tile-{side}", "?") for side in ("width", "height")]
        vendor = properties.get("openslide.vendor", "unknown")
        described = "JPEG" in properties.get("tiff.ImageDescription", "")
        code = "JPEG" if described or vendor in _JPEG_ALWAYS else vendor
        super().__init__(
            width,
            height,
            Picture(
                np.zeros((1, 1, 3), np.uint8),
                icc=profile,
                resolution=None if density is None else density.reduced(Fraction(self._downsample)),
            ),
            properties=properties,
            stored=f"{code} tiles of {'×'.join(tile)} px",
        )
        self.levels = slide.level_count

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """See `Scan.read`."""
        import openslide

        try:
            corner = _level_zero(left, self._downsample), _level_zero(top, self._downsample)
            found = np.asarray(self._slide.read_region(corner, self._level, (width, height)))
        except openslide.OpenSlideError as error:
            raise ImageError(f"OpenSlide cannot read {width}×{height} px at x={left}, y={top}: {error}") from error
        return _opaque(found, self._background)

    def associated(self) -> dict[str, Picture]:
        """See `Scan.associated`."""
        import openslide

        try:
            found = dict(self._slide.associated_images.items())
        except openslide.OpenSlideError as error:
            raise ImageError(f"OpenSlide cannot read the slide's label or macro: {error}") from error
        return {
            name: Picture(_opaque(np.asarray(image), self._background), icc=image.info.get("icc_profile"))
            for name, image in found.items()
        }

    def close(self) -> None:
        """See `Scan.close`."""
        self._slide.close()


def open_vendor(path: str | os.PathLike[str], check_size: CheckSize, level: int = 0) -> VendorScan | None:
    """A slide at one of its stored levels; None for what OpenSlide does not know, or knows as a plain TIFF only.

    Raises:
        ImageError: it is damaged, too large, has no such level, or OpenSlide is needed and not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES | _TIFFS:
        return None
    if util.find_spec("openslide") is None:
        if suffix in SUFFIXES - {".svs", ".scn", ".bif"}:  # the others are TIFFs that are mostly read without it
            raise ImageError(f"slides with the suffix {suffix} are read by OpenSlide, which is not installed: {_NEED}")
        return None
    import openslide

    name = os.fspath(path)
    try:
        if openslide.OpenSlide.detect_format(name) in (None, "generic-tiff"):
            return None
        slide = openslide.OpenSlide(name)
    except (openslide.OpenSlideError, OSError) as error:
        raise ImageError(f"OpenSlide cannot open it: {error}; get a whole copy of the file") from error
    try:
        if not 0 <= level < slide.level_count:
            sizes = ", ".join("{}×{}".format(*size) for size in slide.level_dimensions)
            raise ImageError(f"level {level} of a slide of {slide.level_count} levels ({sizes}); they count from 0")
        check_size(*slide.level_dimensions[level])
        return VendorScan(slide, level)
    except openslide.OpenSlideError as error:
        slide.close()
        raise ImageError(f"OpenSlide cannot read it: {error}; get a whole copy of the file") from error
    except BaseException:
        slide.close()
        raise


def _level_zero(place: int, downsample: float) -> int:
    """The least coordinate of level 0 that OpenSlide takes for this pixel of the level."""
    return int(np.ceil(place * downsample))


def _opaque(rgba: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """RGB of straight RGBA over a colour."""
    alpha = rgba[:, :, 3:].astype(np.uint16)
    if bool((alpha == 255).all()):
        return np.ascontiguousarray(rgba[:, :, :3])
    under = np.asarray(background, np.uint16)
    mixed: Any = (rgba[:, :, :3] * alpha + under * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def _density(properties: Mapping[str, str]) -> resolution.Resolution | None:
    """Pixels a centimetre, of micrometres a pixel."""
    try:
        x, y = (Fraction(10_000) / Fraction(properties[f"openslide.mpp-{axis}"]) for axis in "xy")
    except (KeyError, ValueError, ZeroDivisionError):
        return None
    return resolution.resolution(x, y, resolution.CENTIMETRE)


def _colour(text: str) -> tuple[int, int, int]:
    try:
        red, green, blue = bytes.fromhex(text)
    except ValueError:
        return _WHITE
    return red, green, blue
