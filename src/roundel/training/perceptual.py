"""How far a picture looks from another, with gradients: SSIMULACRA2, MS-SSIM, and errors in a space of seeing.

All take sRGB pixels (B, 3, H, W) in [0, 1] and give one distance a picture, 0 for equal ones.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from roundel.codecs.wavelet.eye import BIAS, C2, CONES, MEAN, RED_GREEN, SCALES, SHIFTS, WEIGHTS, B, X, Y

_REACH = 5
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ssimulacra2(first: Tensor, second: Tensor) -> Tensor:
    """The weighted sum of differences behind SSIMULACRA2 (B,), of sides of at least 249 px; see `score`.

    Smaller pictures have fewer scales, and the original weighs them as if they were others.
    """
    a, b = linear(first), linear(second)
    total = a.new_zeros(len(a))
    for scale in range(SCALES):
        channels = [c for c in (X, Y, B) if (scale, c) in WEIGHTS]
        terms = _terms(xyb(a)[:, channels], xyb(b)[:, channels])
        for place, channel in enumerate(channels):
            for norm, term, weight in WEIGHTS[scale, channel]:
                found = terms[term][:, place].flatten(1)
                # The root of a power has no slope at nothing.
                mean = found.mean(1) if norm == MEAN else (found.square().square().mean(1) + 1e-20) ** 0.25
                total = total + weight * mean
        if scale < SCALES - 1:
            a, b = (F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in (a, b))
    return total


def score(distance: Tensor) -> Tensor:
    """The SSIMULACRA2 score of a distance: 100 for none, 90 visually lossless, 30 low."""
    d = 0.9562382616834844 * distance
    d = 2.326765642916932 * d - 0.020884521182843837 * d**2 + 6.248496625763138e-05 * d**3
    return 100 - 10 * d.clamp_min(0) ** 0.6276336467831387


def ms_ssim_loss(first: Tensor, second: Tensor, finest: int = 0) -> Tensor:
    """1 − MS-SSIM (B,), the mean over R, G and B; sides of at least 161 px.

    Args:
        finest: the first of the five scales that counts; without scale 0, which weighs 4 %, it is three times as quick.
    """
    out = torch.ones_like(first[:, :, 0, 0])
    a, b = first, second
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        if scale < finest:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            continue
        n = len(a)
        blurred = _blur(torch.cat([a, b, a * a + b * b, a * b]), pad=False)
        mu_a, mu_b, squares, products = blurred.split(n)
        both, each = mu_a * mu_b, mu_a * mu_a + mu_b * mu_b
        found = (2 * (products - both) + 0.03**2) / (squares - each + 0.03**2)
        if scale == len(_MS_SSIM_WEIGHTS) - 1:
            found = found * (2 * both + 0.01**2) / (each + 0.01**2)
        out = out * found.mean((2, 3)).clamp_min(1e-3) ** weight
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return 1 - out.mean(1)


def colour_error(first: Tensor, second: Tensor) -> Tensor:
    """Errors in XYB of pixels and of 2×2 means (B,): the mean of cubes, so that a small lost colour counts.

    SSIMULACRA2 asks of the fine scales' colours next to nothing.
    """
    total: Tensor | float = 0.0
    a, b = xyb(linear(first)), xyb(linear(second))
    for _ in range(2):
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        error = ((a - b) * a.new_tensor((1.0, 1.0, 0.5))[:, None, None]).square().sum(1)
        total = total + ((error + 1e-9) ** 1.5).mean((1, 2)) ** (2 / 3)
    assert isinstance(total, Tensor)
    return total


def linear(srgb: Tensor) -> Tensor:
    """sRGB to linear light."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)


def xyb(light: Tensor) -> Tensor:
    """Linear RGB to X (red–green, × 14), Y and B − Y, shifted to be positive as SSIMULACRA2 does."""
    cones = torch.einsum("oc,bchw->bohw", light.new_tensor(CONES), light) + BIAS
    long, middle, short = (cones.clamp_min(1e-5) ** (1 / 3) - BIAS ** (1 / 3)).unbind(1)
    y = (long + middle) / 2
    parts = (long - middle) * (RED_GREEN / 2), y, short - y
    return torch.stack([part + shift for part, shift in zip(parts, SHIFTS, strict=True)], 1)


def _terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of structure, edges that were added, edges that were lost."""
    n = len(a)
    mu_a, mu_b, squares, products = _blur(torch.cat([a, b, a * a + b * b, a * b]), pad=True).split(n)
    covariance, variances = products - mu_a * mu_b, squares - mu_a * mu_a - mu_b * mu_b
    structure = 1 - (1 - (mu_a - mu_b).square()) * (2 * covariance + C2) / (variances + C2)
    edges = (1 + (b - mu_b).abs()) / (1 + (a - mu_a).abs()) - 1
    return structure.clamp_min(0), edges.clamp_min(0), (-edges).clamp_min(0)


def _blur(x: Tensor, *, pad: bool) -> Tensor:
    """A Gaussian of σ = 1.5 over 11 pixels; with black beyond the sides and mirrors above and below, or cut."""
    across, down = _gaussian(x.shape[3], "black" if pad else "cut"), _gaussian(x.shape[2], "mirror" if pad else "cut")
    return down.to(x) @ (x @ across.to(x).T)


@cache
def _gaussian(size: int, edge: str) -> Tensor:
    """The blur of a line as a matrix (out, size): a product with it is several times as quick as two convolutions."""
    taps = torch.exp(-(torch.arange(-_REACH, _REACH + 1, dtype=torch.float64) ** 2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    out = torch.zeros(size, size, dtype=torch.float64)
    rows = torch.arange(size)
    for tap, distance in zip(taps, range(-_REACH, _REACH + 1), strict=True):
        columns = rows + distance
        if edge == "mirror":
            columns = torch.where(columns < 0, -1 - columns, columns)
            columns = torch.where(columns >= size, 2 * size - 1 - columns, columns)
        inside = (columns >= 0) & (columns < size)
        out[rows[inside], columns[inside]] += tap
    return (out[_REACH:-_REACH] if edge == "cut" else out).float()
