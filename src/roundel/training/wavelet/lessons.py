"""What an encoder with other weights does, for nets to learn from: what it chooses does not depend on who learns.

Contexts that train on their own choices go astray: where they expect little the encoder codes less, and they learn to
expect less yet. Choices of a teacher stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.wavelet.stored import QUALITIES
from roundel.codecs.wavelet.symbols import Decided, Writing
from roundel.codecs.wavelet.walk import Group, put
from roundel.training.wavelet.filters import Filter
from roundel.training.wavelet.net import WaveletNet
from roundel.training.wavelet.tunings import TUNINGS

USUAL_STEP = 30.0
"""Rounding step, in pixel values, at which a bit per pixel counts as it is."""
FEW_BPP = 0.1
"""Pictures of fewer bits weigh less."""
LEAST = 1e-4
"""Of a squared error, in steps²: where there was less, next to nothing is left to learn."""


class Batches(Protocol):
    """Where crops come from."""

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """uint8 (count, 3, side, side)."""
        ...


class Recording(Writing):
    """Writes, and keeps which quantiser each value is of."""

    def __init__(self, y: Any, *args: Any) -> None:
        super().__init__(y, *args)
        self.odd = [np.zeros(part.shape, np.uint8) for part in y[1:]]
        """(h, w, 9) of each level: 1 where the second one was on."""

    def put(self, group: Group, decided: Decided) -> None:
        """See `Writing.put`."""
        super().put(group, decided)
        odd = np.zeros(decided.held.size, np.uint8)
        odd[decided.held] = decided.path.odd
        channels = group.channels.stop - group.channels.start
        put(self.odd[group.part - 1], group, odd.reshape(-1, channels))


class Lesson(NamedTuple):
    """Crops, and what a teacher does with them, channels first."""

    pixels: Tensor
    """uint8 (B, 3, S, S)."""
    decoded: Tensor
    """uint8 (B, 3, S, S), before the filter."""
    filtered: Tensor
    """float16 (B, 3, S, S): what the filter adds, in pixel values."""
    prepared: Tensor
    """float16 (B, 3, S, S): what the pre-filter adds, in pixel values; 0 where it is left out."""
    quality: Tensor
    """int16 (B,)."""
    tuning: Tensor
    """int16 (B,)."""
    untouched: Tensor
    """bool (B,): the pre-filter was left out, or there is none."""
    low: Tensor
    """int16 (B, 3, s, s)."""
    values: tuple[Tensor, ...]
    """int16 (B, 9, h, w) of each level, coarsest first: 2·value, and 1 more where the second quantiser was on."""

    def rows(self, places: NDArray[np.integer[Any]]) -> "Lesson":
        """Some of the crops."""
        at = torch.from_numpy(places)
        own = [field[at] for field in self[:-1]]
        return Lesson._make([*own, tuple(level[at] for level in self.values)])

    @classmethod
    def joined(cls, parts: Sequence["Lesson"]) -> "Lesson":
        """All crops of several."""
        own = [torch.cat(fields) for fields in zip(*(part[:-1] for part in parts), strict=True)]
        levels = zip(*(part.values for part in parts), strict=True)
        return cls._make([*own, tuple(torch.cat(level) for level in levels)])


def lessons(model: WaveletModel, crops: Batches, count: int, side: int, generator: np.random.Generator) -> Lesson:
    """What a model does with so many crops, at qualities drawn at random, for its tunings in turn."""
    own = [model.tuned(name) for name in model.stored.tunings]
    pixels = crops.batch(count, side, generator).permute(0, 2, 3, 1).contiguous().numpy()
    found = [lesson(own[k % len(own)], crop, int(generator.integers(QUALITIES))) for k, crop in enumerate(pixels)]
    return Lesson.joined(found)


def lesson(model: WaveletModel, pixels: NDArray[np.uint8], quality: int) -> Lesson:
    """What a model does with a crop (S, S, 3), S a multiple of 32."""
    side = pixels.shape[0]
    tile = model.tile(pixels, Window(0, 0, side, side), quality)
    chosen = model.choose(tile, Recording)
    decoded = model.unfiltered(chosen.parts, quality)
    repair = model.stored.filter(model.tuning, quality)
    prefilter = None if tile.drawn else model.stored.prefilter(model.tuning, quality)
    prepared = np.zeros(pixels.shape, np.float32) if prefilter is None else prefilter.change(pixels)
    odd = chosen.writing.odd
    low, *levels = (part.astype(np.int32) for part in chosen.parts)
    return Lesson(
        pixels=_first(pixels),
        decoded=_first(decoded.pixels),
        filtered=_first(repair.change(decoded.pixels).astype(np.float16)),
        prepared=_first(prepared.astype(np.float16)),
        quality=torch.tensor([quality], dtype=torch.int16),
        tuning=torch.tensor([model.tuning], dtype=torch.int16),
        untouched=torch.tensor([prefilter is None]),
        low=_first(low),
        values=tuple(_first(2 * own + which) for own, which in zip(levels, odd, strict=True)),
    )


@dataclass
class LessonTask:
    """Bits of what a teacher chose, and what squared error is left by the nets around the codec, in parts of it.

    Filters are to do as the teacher's do: that teaches faster than the pictures, whose noise nobody can restore, and
    what is learned holds for other pictures, too. Contexts and filters share no parameter.
    """

    model: nn.Module
    training: Lesson
    validation: Lesson
    _at_hand: Lesson | None = None

    @property
    def net(self) -> WaveletNet:
        """The model by its type."""
        assert isinstance(self.model, WaveletNet)
        return self.model

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Crops of lessons, whatever `side` is: the loss that is asked for next is that of these."""
        self._at_hand = self.training.rows(generator.integers(len(self.training.pixels), size=count))
        return self._at_hand.pixels

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        """See `Task.loss`."""
        assert isinstance(model, WaveletNet)
        assert self._at_hand is not None
        return losses(model, self._at_hand, x)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        """See `Task.validate`: the loss of the validation lessons."""
        assert isinstance(model, WaveletNet)
        found = []
        for places in np.array_split(np.arange(len(self.validation.pixels)), -(-len(self.validation.pixels) // 8)):
            own = self.validation.rows(places)
            with torch.autocast("cpu", torch.bfloat16):
                found.append(losses(model, own, own.pixels.float().div(255))[1])
        parts = {key: None for values in found for key in values}  # not all crops have all
        means = {key: float(np.mean([values[key] for values in found if key in values])) for key in parts}
        return means.pop("loss"), means


def losses(net: WaveletNet, own: Lesson, x: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The loss of lessons, whose pixels in [0, 1] are x, and its parts."""
    t, tuning = net.t_of_quality[own.quality.long()].float(), own.tuning.long()
    step = net.step(t)
    parts: dict[str, Tensor] = {}
    if _learns(net.contexts):
        values = [level.float() for level in own.values]
        odd = [level % 2 for level in values]
        coded = net.taught(own.low.float(), [(v - o) / 2 for v, o in zip(values, odd, strict=True)], odd, t, tuning)
        # Bits fall about as the rounding step grows, and their logarithm counts: all pictures weigh the same so.
        bpp = (coded.bpp + coded.low_bpp) * step * 255 / USUAL_STEP
        parts["bits"] = torch.log(bpp + FEW_BPP).mean()
    for number, (tuned, after) in enumerate(zip(TUNINGS, net.filters, strict=True)):
        here = tuning == number
        if _learns(after) and bool(here.any()):
            decoded, wanted = own.decoded[here].float().div(255), own.filtered[here].float().div(255)
            parts[f"filter.{tuned.name}"] = _left(after, decoded, t[here], step[here], wanted)
        here &= ~own.untouched
        if tuned.prepared and _learns(net.prefilters[tuned.name]) and bool(here.any()):
            wanted = own.prepared[here].float().div(255)
            parts[f"prefilter.{tuned.name}"] = _left(net.prefilters[tuned.name], x[here], t[here], step[here], wanted)
    loss = sum(parts.values(), torch.zeros(()))
    return loss, {"loss": loss.item(), **{name: part.item() for name, part in parts.items()}}


def _learns(net: nn.Module) -> bool:
    """Whether a part of the model is trained: `only` of a schedule may leave it out."""
    return any(p.requires_grad for p in net.parameters())


def _left(net: nn.Module, x: Tensor, t: Tensor, step: Tensor, wanted: Tensor) -> Tensor:
    """Which part of what a filter is to add to pictures it does not add; all qualities weigh the same so."""
    assert isinstance(net, Filter)
    change = net.change(x.contiguous(memory_format=torch.channels_last), t, step)
    error, before = ((wanted - other).square().mean((1, 2, 3)) for other in (change, torch.zeros_like(change)))
    return (error / (before + LEAST * step**2)).mean()


def _first(x: NDArray[Any]) -> Tensor:
    """(h, w, C) to (1, C, h, w)."""
    own = x.astype(np.int16) if x.dtype == np.int32 else x
    return torch.from_numpy(np.ascontiguousarray(own.transpose(2, 0, 1)))[None]
