"""A picture in memory: arrays of it, bit depth, reversible colour."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from roundel.errors import ImageError
from roundel.image.resolution import Resolution


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, upright, with everything that is kept of its file.

    Args:
        pixels: uint8 or uint16 (H, W, C), C = 1 (grey) or 3 (RGB).
        alpha: Same dtype, (H, W); None if opaque.
        icc: Colour profile, as stored.
        exif: EXIF block, starting at its TIFF header; the orientation, if noted, is 1.
        xmp: XMP packet, as stored.
        xmp_extension: What a JPEG's extended XMP holds, put together; `xmp` names its digest.
        colour: PNG's chunks that say what samples mean as light (cICP, cHRM, gAMA, sRGB, mDCV, cLLI): type -> content.
        resolution: Pixels per unit of length, where the file itself says it; None leaves it to EXIF.
        texts: Keyword and text of comments and descriptions.
        photoshop: Image resource blocks (8BIM …), among them IPTC.
        sample_max: The source's samples were 0 … sample_max and were scaled to those here; None if they were not.

    Raises:
        ImageError: The arrays have other shapes or types.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    xmp_extension: bytes | None = None
    colour: Mapping[bytes, bytes] = field(default_factory=dict)
    resolution: Resolution | None = None
    texts: tuple[tuple[str, str], ...] = ()
    photoshop: bytes | None = None
    sample_max: int | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype not in (np.uint8, np.uint16) or len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape:
            raise ImageError(f"pixels must be uint8 or uint16 (H, W, 1 or 3), not empty; found {dtype} {shape}")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise ImageError(
                f"alpha must be {dtype} {shape[:2]} like the pixels; found {self.alpha.dtype} {self.alpha.shape}"
            )

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """Colour channels, alpha not counted: 1 or 3."""
        return int(self.pixels.shape[2])

    @property
    def depth(self) -> int:
        """Bits a sample: 8 or 16."""
        return 8 * int(self.pixels.dtype.itemsize)


def from_array(array: np.ndarray) -> Picture:
    """A picture from uint8 or uint16 samples.

    Args:
        array: (H, W) or (H, W, C), C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.

    Raises:
        ImageError: Another type or shape.

    Example:
        >>> from_array(np.zeros((4, 6, 4), np.uint8)).alpha.shape
        (4, 6)
    """
    samples = array[:, :, None] if array.ndim == 2 else array
    if samples.ndim != 3 or samples.shape[2] not in (1, 2, 3, 4):
        raise ImageError(
            f"an array must be (H, W) or (H, W, 1 to 4), uint8 or uint16; found {array.dtype} {array.shape}"
        )
    if samples.shape[2] in (1, 3):
        return Picture(np.ascontiguousarray(samples))
    return Picture(np.ascontiguousarray(samples[:, :, :-1]), np.ascontiguousarray(samples[:, :, -1]))


def to_array(picture: Picture) -> np.ndarray:
    """All samples, the inverse of `from_array`: (H, W) for plain grey, else (H, W, C) with alpha last."""
    if picture.alpha is not None:
        return np.concatenate([picture.pixels, picture.alpha[:, :, None]], axis=2)
    return picture.pixels[:, :, 0] if picture.channels == 1 else picture.pixels


def reduce_depth(picture: Picture) -> Picture:
    """The same picture in 8 bits, rounded; one that was 8-bit before it was widened (× 257) comes back exactly."""
    if picture.depth == 8:
        return picture

    def reduced(samples: np.ndarray) -> np.ndarray:
        # round(v * 255 / 65535) = round(v / 257), ties do not occur
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)

    alpha = None if picture.alpha is None else reduced(picture.alpha)
    return replace(picture, pixels=reduced(picture.pixels), alpha=alpha, sample_max=None)


def scale_samples(samples: np.ndarray, largest: int) -> np.ndarray:
    """Samples of 0 … largest, scaled to the whole range of the type that holds them.

    To nearest, as the PNG specification has it (third edition, 12.4): unlike a shift this takes white to white, and a
    shift to the right still gives the samples back where `largest` is 2^n − 1.

    Args:
        samples: Integers of 0 … largest, any shape.
        largest: 1 … 65535.

    Returns:
        uint8 where largest is at most 255, else uint16.

    Raises:
        ImageError: A sample exceeds `largest`.
    """
    goal: type[np.uint8] | type[np.uint16] = np.uint8 if largest < 256 else np.uint16
    if samples.dtype == goal and largest == np.iinfo(goal).max:
        return samples
    found, whole = int(samples.max(initial=0)), int(np.iinfo(goal).max)
    if found > largest:
        raise ImageError(f"a sample of {found} exceeds the file's own maximum of {largest}")
    if largest == whole:
        return samples.astype(goal, copy=False)
    table = (np.arange(largest + 1, dtype=np.uint64) * whole + largest // 2) // largest
    return table.astype(goal)[samples]


def is_scaled(samples: np.ndarray, largest: int) -> bool:
    """Whether samples of 0 … largest, scaled, are all that there is among these."""
    return np.array_equal(scale_samples(source_samples(samples, largest), largest), samples)


def source_samples(samples: np.ndarray, largest: int) -> np.ndarray:
    """Inverse of `scale_samples`: samples of 0 … largest, of the same type."""
    whole = int(np.iinfo(samples.dtype).max)
    table = (np.arange(whole + 1, dtype=np.uint64) * largest + whole // 2) // whole
    return table.astype(samples.dtype)[samples]


def ycocg_r(rgb: np.ndarray) -> np.ndarray:
    """The reversible YCoCg colour transform.

    Args:
        rgb: Integers (..., 3) of any range.

    Returns:
        int32 (..., 3): Y in the range of the input, Co and Cg signed, one bit wider.

    Source: Malvar, Sullivan, Srinivasan 2008, "Lifting-based reversible color transformations", section 3.
    """
    r, g, b = np.moveaxis(rgb.astype(np.int32), -1, 0)
    co = r - b
    t = b + (co >> 1)
    cg = g - t
    return np.stack([t + (cg >> 1), co, cg], axis=-1)


def ycocg_r_inverse(ycocg: np.ndarray) -> np.ndarray:
    """RGB, int32 (..., 3), from what `ycocg_r` gave; exact."""
    y, co, cg = np.moveaxis(ycocg.astype(np.int32), -1, 0)
    t = y - (cg >> 1)
    b = t - (co >> 1)
    return np.stack([b + co, cg + t, b], axis=-1)
