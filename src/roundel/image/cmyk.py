"""CMYK samples as sRGB."""

import io
import warnings

import numpy as np
from PIL import Image

from roundel.errors import RoundelWarning


def to_rgb(samples: np.ndarray, profile: bytes | None) -> np.ndarray:
    """RGB, uint8 (H, W, 3), through the colour profile where there is one that works, else by the plain formula.

    Args:
        samples: uint8 or uint16 (H, W, 4), 0 being no ink.
        profile: ICC.
    """
    at_eight = " at 8 bits" if samples.dtype == np.uint16 else ""
    warnings.warn(f"CMYK was converted to sRGB{at_eight}; its colour profile is not kept", RoundelWarning, stacklevel=3)
    if samples.dtype == np.uint16:
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.frombuffer("CMYK", (samples.shape[1], samples.shape[0]), samples.tobytes())
    if profile:
        from PIL import ImageCms

        try:
            source, goal = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, goal, outputMode="RGB")
        except (OSError, ImageCms.PyCMSError):  # a damaged profile must not cost the picture
            converted = None
        if converted is not None:
            return np.array(converted)
    return np.array(image.convert("RGB"))
