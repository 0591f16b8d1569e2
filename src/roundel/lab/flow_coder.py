"""Real bytes of an integer discrete flow: latents from the coarsest level down, under stored-integer tables.

Which table a latent uses comes from float nets: such bytes are for measuring, and decode on the machine, by the
libraries and with the thread count that made them. Every picture is coded alone, so that nets see the same batch of one
on both sides. Source: Hoogeboom et al. 2019, sections 3 and 5.3.
"""

import math
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roundel import coding
from roundel.errors import FormatError, ModelError
from roundel.lab.flow import LOG_SCALE_START, Flow
from roundel.lab.flow_steps import STEP
from roundel.training.entropy.logistic import logistic_index, logistic_pmf, logistic_tables

LEVELS = 256
SCALES = np.geomspace(0.1, 128, 88)
"""Of logistics, in STEPs: 8.5 in an octave."""
UNIT_LOG2 = 4
"""Means count in 16ths of a step."""
FRACTIONS = 2 ** np.ceil(np.log2(8 / SCALES)).clip(0, UNIT_LOG2).astype(int)
REACH = 2048
"""The top level's symbols that tables hold at most, on both sides of zero."""
TAIL_MASS = 2.0**-16
SURE_BYTES = 4
"""Symbols whose code ends so far before the end of a prefix are taken for decoded."""


class Predicted(NamedTuple):
    """What the prior says of the latents that leave a level, both (C, h, w), in pixels' units."""

    mean: Tensor
    log_scale: Tensor


@lru_cache(maxsize=1)
def logistics() -> coding.Tables:
    """Tables of the grid of scales and fractional means."""
    return logistic_tables(SCALES, FRACTIONS, TAIL_MASS)


class FlowCoder:
    """A trained integer flow as a codec.

    Raises:
        ModelError: the flow is continuous.
    """

    def __init__(self, model: Flow) -> None:
        if model.dequantiser is not None:
            raise ModelError("a continuous flow has no integers to code; only idf has")
        self.model = model.eval()

    @torch.inference_mode()
    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        """Bytes of (H, W, 3), sides multiples of 2^levels."""
        x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / LEVELS
        *parts, (top, _, _) = self.model.latents(x)
        writer = coding.Writer()
        for channel, plane in enumerate(_integers(top[0])):
            coding.put(writer, plane, np.full(plane.size, channel, np.int32), self._top_tables)
        for i, (left, stays, _) in reversed(list(enumerate(parts))):
            predicted = self._predict(i, stays)
            for channel, plane in enumerate(_integers(left[0])):
                index, centre = _index(predicted, channel)
                coding.put(writer, plane - centre, index, logistics())
        return writer.close()

    def decode(self, data: bytes, height: int, width: int) -> NDArray[np.uint8]:
        """The picture.

        Raises:
            FormatError: the bytes are not those of such a picture.
        """
        lefts, whole = self._read(data, height, width, None, prefix=False)
        pixels = _pixels(self.model, lefts)
        if not whole or pixels is None or self.encode(pixels) != data:
            raise FormatError(f"{len(data)} bytes are no picture of {width} × {height} pixels under this flow")
        return pixels

    def preview(self, data: bytes, height: int, width: int, generator: torch.Generator | None) -> NDArray[np.uint8]:
        """A picture from the first bytes of its code.

        Args:
            generator: missing latents are drawn from the prior; with None they are its rounded mean.
        """
        lefts, _ = self._read(data, height, width, generator, prefix=True)
        return np.round(_picture(self.model, lefts).clip(0, 1 - STEP) * LEVELS).astype(np.uint8)

    @torch.inference_mode()
    def _read(
        self, data: bytes, height: int, width: int, generator: torch.Generator | None, *, prefix: bool
    ) -> tuple[list[Tensor], bool]:
        """Latents of the levels, finest first, and whether all of them were there."""
        levels = self.model.shape.levels
        reading = Reading(data, prefix)
        top = self.model.top
        shape = (top.mean.shape[1], height >> levels, width >> levels)
        mixture = torch.softmax(top.weight, 0)
        middle = (mixture * top.mean).sum(0).expand(shape)
        planes = []
        for channel in range(shape[0]):
            index = np.full(shape[1] * shape[2], channel, np.int32)
            found = reading.take(index, self._top_tables)
            if found is None:
                drawn = _drawn(self._top_component(channel, shape, generator), generator)
                found = _integers(drawn if generator else middle[channel][None])[0]
            planes.append(found)
        lefts = [_latents(planes, shape)]
        for i in reversed(range(levels - 1)):
            predicted = self._predict(i, self.model.inverse(lefts, i + 1))
            missing = _integers(_drawn(predicted, generator))
            planes = []
            for channel, guess in enumerate(missing):
                index, centre = _index(predicted, channel)
                found = reading.take(index, logistics())
                planes.append(guess if found is None else found + centre)
            lefts.insert(0, _latents(planes, tuple(predicted.mean.shape)))
        return lefts, reading.whole

    def _predict(self, level: int, stays: Tensor) -> Predicted:
        """See `flow.SplitPrior`."""
        mean, log_scale = self.model.splits[level].net(stays)[0].chunk(2, 0)  # type: ignore[operator]
        return Predicted(mean + 0.5, log_scale + LOG_SCALE_START)

    def _top_component(self, channel: int, shape: tuple[int, ...], generator: torch.Generator | None) -> Predicted:
        """One component of the mixture for each latent of a channel, drawn by its weight."""
        top, count = self.model.top, shape[1] * shape[2]
        weights = torch.softmax(top.weight[:, channel, 0, 0], 0)
        chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
        return Predicted(*(p[:, channel, 0, 0][chosen].view(1, *shape[1:]) for p in (top.mean, top.log_scale)))

    @cached_property
    def _top_tables(self) -> coding.Tables:
        """One table for each channel's mixture."""
        top, pmfs, offsets, escapes = self.model.top, [], [], []
        weights, means = torch.softmax(top.weight, 0)[:, :, 0, 0].double(), top.mean[:, :, 0, 0].double() / STEP
        scales = torch.exp(top.log_scale[:, :, 0, 0].double()) / STEP
        for w, m, s in zip(weights.T.tolist(), means.T.tolist(), scales.T.tolist(), strict=True):
            reach = [scale * math.log(2 / TAIL_MASS) for scale in s]
            first = max(-REACH, math.floor(min(a - r for a, r in zip(m, reach, strict=True))))
            last = max(first, min(REACH, math.ceil(max(a + r for a, r in zip(m, reach, strict=True)))))
            pmf = sum(a * logistic_pmf(scale, mean, first, last) for a, mean, scale in zip(w, m, s, strict=True))
            pmfs.append(np.asarray(pmf) + 1e-300)
            offsets.append(first)
            escapes.append(min(max(1 - float(np.sum(pmf)), TAIL_MASS), 0.5))
        return coding.Tables.from_pmfs(pmfs, offsets, escapes)


class Reading:
    """Lists of symbols from bytes, or from the first of them until they are no longer sure."""

    def __init__(self, data: bytes, prefix: bool) -> None:
        self._reader, self._spent_bits = coding.Reader(data), 0.0
        self._sure_bits = 8.0 * (len(data) - SURE_BYTES) if prefix else math.inf
        self.whole = True

    def take(self, index: NDArray[np.int32], tables: coding.Tables) -> NDArray[np.int32] | None:
        """The next list; None from where a prefix ends. Raises: FormatError."""
        if self.whole:
            try:
                found = coding.take(self._reader, index, tables)
            except FormatError:
                if math.isinf(self._sure_bits):
                    raise
                self.whole = False
                return None
            self._spent_bits += coding.cost_bits(found, index, tables)
            if self._spent_bits <= self._sure_bits:
                return found
            self.whole = False
        return None


def _index(predicted: Predicted, channel: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Tables and centres of a channel's latents; both sides must compute the very same."""
    mean = predicted.mean[channel].flatten().double().numpy() / STEP
    scale = predicted.log_scale[channel].flatten().double().numpy() - math.log(STEP)
    place = (scale - math.log(SCALES[0])) / math.log(SCALES[1] / SCALES[0])
    grid = np.floor(place + 0.5).clip(0, len(SCALES) - 1).astype(np.int32)
    units = np.floor(mean.clip(-REACH, REACH) * 2**UNIT_LOG2 + 0.5).astype(np.int32)
    return logistic_index(grid, units, UNIT_LOG2, FRACTIONS)


def _drawn(predicted: Predicted, generator: torch.Generator | None) -> Tensor:
    """Latents of the prior, or its means."""
    if generator is None:
        return predicted.mean
    share = torch.rand(predicted.mean.shape, generator=generator)
    return predicted.mean + torch.exp(predicted.log_scale) * torch.logit(share, 1e-6)


def _integers(z: Tensor) -> NDArray[np.int32]:
    """Latents (C, h, w) in STEPs, (C, n)."""
    return torch.round(z / STEP).flatten(1).numpy().astype(np.int32)


def _latents(planes: list[NDArray[np.int32]], shape: tuple[int, ...]) -> Tensor:
    """Latents (1, C, h, w) of their integers."""
    return torch.from_numpy(np.stack(planes).astype(np.float32)).reshape(1, *shape) * STEP


@torch.inference_mode()
def _picture(model: Flow, lefts: list[Tensor]) -> NDArray[np.float32]:
    """(H, W, 3), in [0, 1) if the latents are those of a picture."""
    return model.inverse(lefts)[0].permute(1, 2, 0).numpy()


def _pixels(model: Flow, lefts: list[Tensor]) -> NDArray[np.uint8] | None:
    """Pixels, if these are latents of a picture."""
    found = _picture(model, lefts)
    inside = bool(np.isfinite(found).all()) and found.min() >= 0 and found.max() < 1
    return np.round(found * LEVELS).astype(np.uint8) if inside else None
