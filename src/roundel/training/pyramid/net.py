"""The lossless flow: a pyramid whose every 2×2 phase is predicted from the phases already known.

A picture's pixels at even rows and columns (phase a) are the next, coarser picture; the other three follow in the
order d, b, c, each predicted from all before it. As a flow, every step is a triangular integer coupling whose residual
keeps a conditional scale. Within a phase luma comes first, and chroma sees luma's actual residual.

Everything is integer-valued: pixels YCoCg-R with luma centred at 0, features in 0..255, and heads whose outputs are
sixteenths of a sample (means) and 1/64 of a natural-log unit (scales) or of a logit (tail weights).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.training.exact.sums import ExactSum, Part

PIXEL_MAX = 255
FEATURE_MAX = 255
OUT_MAX = 8191
MEAN_UNIT = 16
LOG_UNIT = 64
# The four nearest known pixels of phases d, b, c, as (known phase, row, column) of a 3×3 kernel: where training starts.
NEAREST = (
    ((0, 1, 1), (0, 1, 2), (0, 2, 1), (0, 2, 2)),
    ((0, 1, 1), (0, 1, 2), (1, 1, 1), (1, 0, 1)),
    ((0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 1, 0)),
)
PHASES = ((1, 1), (0, 1), (1, 0))
"""(row, column) of phases d, b, c in their 2×2 cell, in coding order."""


class Prediction(NamedTuple):
    """Distribution of each sample, integer-valued (B, n, h, w)."""

    mean: Tensor
    """In 1/MEAN_UNIT."""
    log_scale: Tensor
    """In 1/LOG_UNIT; not yet clamped to the tables' range."""
    tail: Tensor
    """Logit of the weight of the wide component, in 1/LOG_UNIT; not yet clamped."""


class Place(NamedTuple):
    """Which samples of a phase a prediction is about."""

    colours: slice
    positions: Tensor | None
    """(picture·h + row)·w + column of each, (n,), where not all are meant; arrays are then (1, colours, n, 1)."""

    def of(self, x: Tensor) -> Tensor:
        """These samples of a phase (B, 3, h, w)."""
        x = x[:, self.colours]
        return x if self.positions is None else x.transpose(0, 1).flatten(1)[None, :, self.positions, None]


@dataclass(frozen=True)
class PyramidShape:
    """Sizes: features of each level, finest first, the last serving all coarser ones; residual blocks; head width."""

    widths: tuple[int, ...] = (64, 64, 48)
    blocks: int | tuple[int, int, int] = 1
    """Of every step, or of the steps of phases d, b, c."""
    head: int = 64
    step: str = "pair"
    """Class of the steps: luma, then both chroma ("pair"), or the chain of `pyramid_chain`."""


class Step(nn.Module):
    """Predicts one phase from `known` phases and the features of the step before."""

    def __init__(self, known: int, carried: int, width: int, blocks: int, head: int) -> None:
        super().__init__()
        pixels, features = Part(3 * known, 3, PIXEL_MAX, padded=True), Part(width, 3, FEATURE_MAX)
        # Features are small integers: were they to carry the brightness, little would be left for fine differences.
        details = pixels._replace(balanced=3)
        relu, signed = (0, FEATURE_MAX), (-OUT_MAX, OUT_MAX)
        linear = ExactSum([pixels], 3, signed, unit=MEAN_UNIT, scaled=True)
        self.linear = nn.ModuleList([linear])  # its name tells the optimiser to tread softly
        self.enter = ExactSum([details, features] if carried else [details], width, relu)
        self.inner = nn.ModuleList(ExactSum([features], width, relu) for _ in range(blocks))
        self.outer = nn.ModuleList(ExactSum([features], width, relu, gain=0.1) for _ in range(blocks))
        point, residual, hidden = Part(width, 1, FEATURE_MAX), Part(1, 3, PIXEL_MAX), Part(head, 1, FEATURE_MAX)
        self.luma_in = ExactSum([point], head, relu)
        self.luma_out = ExactSum([hidden], 3, signed, unit=LOG_UNIT, gain=0.1)
        self.chroma_in = ExactSum([point, residual], head, relu)
        self.chroma_out = ExactSum([hidden], 6, signed, unit=LOG_UNIT, gain=0.1)
        with torch.no_grad():
            self.enter.weights[0].mul_(2)
            start_from_nearest(linear.weights[0], known)

    def features(self, known: Tensor, carried: Tensor | None) -> Tensor:
        """Features of this step, (B, width, h, w).

        Args:
            known: (B, 3k, h + 2, w + 2) pixels of the known phases, from `edged`. carried: the last step's features.
        """
        f = self.enter(known) if carried is None else self.enter(known, carried)
        for inner, outer in zip(self.inner, self.outer, strict=True):
            f = outer(inner(f), add=f)
        return f

    def linear_mean(self, known: Tensor) -> Tensor:
        """Linear part of the means, (B, 3, h, w); in float32 while training, since bfloat16 cannot hold its digits."""
        with torch.autocast(known.device.type, enabled=False):
            return self.linear[0](known)

    def code(self, f: Tensor, linear: Tensor, exchange: Callable[[Place, Prediction], Tensor], colours: int) -> None:
        """Predict the phase's samples, group by group.

        Args:
            f, linear: from `features` and `linear_mean`. exchange: takes a group's place and prediction, and gives its
                samples, which later groups learn from. colours: 1 for luma only, else 3.
        """
        luma = self.luma(f, linear)
        y = exchange(Place(slice(0, 1), None), luma)
        if colours > 1:
            chroma = self.chroma(f, linear, luma_residual(y, luma.mean.detach()))
            exchange(Place(slice(1, 3), None), chroma)

    def luma(self, f: Tensor, linear: Tensor) -> Prediction:
        """Distribution of Y, n = 1."""
        p = self.luma_out(self.luma_in(f)).float()
        return Prediction(linear[:, :1] + p[:, :1], p[:, 1:2], p[:, 2:3])

    def chroma(self, f: Tensor, linear: Tensor, residual: Tensor) -> Prediction:
        """Distributions of Co and Cg, n = 2, given Y less its rounded mean."""
        p = self.chroma_out(self.chroma_in(f, residual)).float()
        return Prediction(linear[:, 1:] + p[:, :2], p[:, 2:4], p[:, 4:6])


def start_from_nearest(predictor: Tensor, known: int) -> None:
    """Set a linear predictor (3, 3·known, 3, 3) to the mean of the four nearest known pixels."""
    predictor.zero_()
    for phase, row, column in NEAREST[known - 1]:
        for colour in range(3):
            predictor[colour, 3 * phase + colour, row, column] = 0.25


def edged(known: Tensor) -> Tensor:
    """(B, C, h, w) to (B, C, h + 2, w + 2): the border continues with its own pixels."""
    return F.pad(known, (1, 1, 1, 1), mode="replicate")


def centre(mean: Tensor) -> Tensor:
    """Means in 1/MEAN_UNIT to the nearest whole sample value."""
    return torch.floor(mean / MEAN_UNIT + 0.5)


def luma_residual(y: Tensor, mean: Tensor) -> Tensor:
    """What chroma sees of luma, bounded as its layer expects."""
    return (y - centre(mean)).clamp(-PIXEL_MAX, PIXEL_MAX)


class Pyramid(nn.Module):
    """All steps of all levels; level 0 is the finest."""

    def __init__(self, shape: PyramidShape) -> None:
        super().__init__()
        self.shape = shape
        kind = _step_class(shape.step)
        blocks = (shape.blocks,) * 3 if isinstance(shape.blocks, int) else shape.blocks
        self.levels = nn.ModuleList(
            nn.ModuleList(kind(k + 1, width * (k > 0), width, blocks[k], shape.head) for k in range(3))
            for width in shape.widths
        )

    def steps(self, level: int) -> Sequence[Step]:
        """The nets of phases d, b, c at a level, level 0 being the finest."""
        return self.levels[min(level, len(self.levels) - 1)]  # type: ignore[return-value]

    def forward(self, x: Tensor, level: int = 0) -> tuple[Tensor, Prediction]:
        """Samples of phases d, b, c and their distributions, for one level whose samples are all known.

        Args:
            x: (B, 3, H, W) YCoCg-R, luma centred, H and W even. level: whose nets to use.

        Returns:
            (N,) samples and their prediction, in the order of coding.
        """
        known, f = x[:, :, 0::2, 0::2], None
        samples: list[Tensor] = []
        predictions: list[Prediction] = []
        for step, (row, column) in zip(self.steps(level), PHASES, strict=True):
            around = edged(known).contiguous(memory_format=torch.channels_last)
            now = x[:, :, row::2, column::2]

            def exchange(place: Place, predicted: Prediction, now: Tensor = now) -> Tensor:
                values = place.of(now)
                samples.append(values.reshape(-1))
                predictions.append(Prediction(*(p.reshape(-1) for p in predicted)))
                return values

            f = step.features(around, f)
            step.code(f, step.linear_mean(around), exchange, 3)
            known = torch.cat([known, now], 1)
        return torch.cat(samples), Prediction(*(torch.cat(p) for p in zip(*predictions, strict=True)))


def _step_class(name: str) -> type[nn.Module]:
    """Raises: ValueError: no steps have this name."""
    from roundel.training.pyramid.chain import ChainStep

    classes: dict[str, type[nn.Module]] = {"pair": Step, "chain": ChainStep}
    if name not in classes:
        raise ValueError(f"steps are one of {', '.join(classes)}, not {name!r}")
    return classes[name]


def to_ycocg(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) RGB 0..255 as float to YCoCg-R with luma less 128, as float: Y −128..127, Co and Cg −255..255."""
    r, g, b = rgb.unbind(1)
    co = r - b
    t = b + torch.floor(co / 2)
    cg = g - t
    return torch.stack([t + torch.floor(cg / 2) - 128, co, cg], 1)
