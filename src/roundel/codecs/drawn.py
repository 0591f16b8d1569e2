"""Whether a picture looks drawn, as screens, text, charts and dithers are: files without loss may then be smaller."""

import numpy as np

LEAST_PX = 4096
"""Smaller pictures are not looked at: there is nothing to gain."""
LOOK_PX = 1 << 16
"""About so many pixels are looked at, in whole rows spread over the picture."""
FEW_COLOURS = 64
FLAT = 0.4
"""Share of pixels that equal their left neighbour: more than photographs have."""


def is_drawn(pixels: np.ndarray) -> bool:
    """Whether a picture has few colours, or large flat parts.

    Args:
        pixels: uint8 (H, W, 1 or 3).

    Example:
        >>> is_drawn(np.zeros((100, 100, 3), np.uint8))
        True
    """
    height, width = pixels.shape[:2]
    if height * width < LEAST_PX:
        return False
    rows = pixels[:: max(1, height * width // LOOK_PX)]
    wide = rows.astype(np.uint32)
    codes: np.ndarray = wide[..., 0]
    for channel in range(1, pixels.shape[2]):
        codes = codes << 8 | wide[..., channel]
    if (codes[:, 1:] == codes[:, :-1]).sum() >= FLAT * codes.size:
        return True
    # A photograph's first pixels have enough colours already.
    return all(np.unique(part).size <= FEW_COLOURS for part in (codes.ravel()[:LEAST_PX], codes))
