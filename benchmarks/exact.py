"""Exact convolution beside F.conv2d on one thread: GMAC/s of each and their ratio, with and without requantisation."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from benchmarks.timing import fastest_s
from roundel.training.exact import ExactConv2d, convolve

SHAPES = [  # batch, channels in and out, kernel, height, width
    (1, 96, 96, 3, 24, 32),
    (1, 96, 384, 1, 24, 32),
    (1, 96, 256, 3, 96, 128),
    (1, 32, 32, 3, 256, 256),
    (1, 12, 32, 3, 128, 128),
    (64, 32, 32, 3, 16, 16),
    (1, 192, 192, 3, 64, 64),
]


@torch.no_grad()
def rows() -> Iterator[str]:
    torch.set_num_threads(1)
    yield f"{'B, C_in, C_out, k, H, W':>26}  conv2d  exact  ratio  layer, ratio to conv2d and the same rounding"
    for b, c_in, c_out, k, h, w in SHAPES:
        layer = ExactConv2d(c_in, c_out, k, max_input=127, out_range=(0, 255))
        layer.freeze()
        x = torch.randint(-127, 128, (b, c_in, h, w)).float()
        weight, bias, factor = layer.int_weight, layer.int_bias, layer.factor[:, :, None]

        def library(x=x, weight=weight, bias=bias, k=k) -> torch.Tensor:
            return F.conv2d(x, weight, bias, padding=k // 2)

        def rounded(library=library, factor=factor) -> torch.Tensor:
            return library().mul_(factor).add_(0.5).floor_().clamp_(0, 255)

        gmac = b * h * w * c_in * c_out * k * k / 1e9
        plain, exact = fastest_s(library), fastest_s(lambda a=(x, weight, bias): convolve(*a))
        whole, reference = fastest_s(lambda x=x, layer=layer: layer(x)), fastest_s(rounded)
        shape = f"{b}, {c_in}, {c_out}, {k}, {h}, {w}"
        yield f"{shape:>26}  {gmac / plain:6.0f} {gmac / exact:6.0f}  {plain / exact:5.2f}  {reference / whole:5.2f}"
