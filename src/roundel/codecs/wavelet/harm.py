"""Whether a pre-filter, which is made for photographs, takes more from a tile than rounding does, as of letters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.wavelet import analysis
from roundel.codecs.wavelet.detail import cut, detailed
from roundel.codecs.wavelet.nets import Filter
from roundel.codecs.wavelet.places import PLAIN

LOOK_QUALITY = 20
HARM = 1.6
"""The pre-filter is left out where at that quality squared error with it is so many times that without it: photographs
measured came to 1.02 … 1.44, screens with letters to 1.76 … 4.6."""
PART, UNSURE = 8, (0.85, 1.3)
"""The parts with the most detail are asked, one in so many; they came to 0.97 to 1.21 times as much as the whole tile,
which is asked between these times `HARM`."""
DEAD_ZONE = 0.6
"""Below so many steps a coefficient counts as rounded to 0, about as the encoder chooses."""


def harms(x: NDArray[np.uint8], prefilter: Filter, per_step: Sequence[NDArray[np.float32]]) -> bool:
    """Whether a tile is better left as it is.

    Args:
        x: (H, W, 3) in 0 … 255, sides multiples of 2^LEVELS. prefilter: at `LOOK_QUALITY`.
        per_step: (C,) of every part: rounding steps to a pixel value at that quality.
    """
    parts = [cut(x, window) for window in detailed(x, PART)]
    share = _share(parts, prefilter, per_step)
    if UNSURE[0] < share / HARM < UNSURE[1] and len(parts) > 1:
        share = _share([x], prefilter, per_step)
    return share > HARM


def _share(pixels: Sequence[NDArray[np.uint8]], prefilter: Filter, per_step: Sequence[NDArray[np.float32]]) -> float:
    """Squared error with the pre-filter to that without it."""
    lost, factors = [0.0, 0.0], [per * np.float32(PLAIN) for per in per_step]
    for x in pixels:
        own = x.astype(np.float32)
        plain, prepared = (analysis.analysis(p, factors) for p in (own, own + prefilter.change(x)))
        for unchanged, other, per in zip(plain, prepared, factors, strict=True):
            for k, steps in enumerate((unchanged, other)):
                rounded = np.where(np.abs(steps) < DEAD_ZONE, 0, np.rint(steps))
                lost[k] += float(np.square((rounded - unchanged) / per).sum())
    return lost[1] / max(lost[0], 1e-9)
