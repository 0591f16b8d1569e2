"""The wavelet codec model: a tile of pixels to passes of bytes with the trained network, and back."""

import copy
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.drawn import is_drawn
from roundel.codecs.protocol import Decoded, Encoded, Window
from roundel.codecs.wavelet import analysis, harm, stored, synthesis
from roundel.codecs.wavelet.detail import cut
from roundel.codecs.wavelet.feedback import Feedback
from roundel.codecs.wavelet.folding import LATENTS, fold, planar, unfold
from roundel.codecs.wavelet.masking import price_maps
from roundel.codecs.wavelet.places import LEVELS
from roundel.codecs.wavelet.reduced import REACH, ReducedWavelet
from roundel.codecs.wavelet.refining import Shown, refined
from roundel.codecs.wavelet.symbols import Reading, Writing
from roundel.codecs.wavelet.tile import CELL_PX, Chosen, Tile, W
from roundel.codecs.wavelet.trial import helps
from roundel.codecs.wavelet.walk import walk
from roundel.codecs.weights import Weights
from roundel.container import Kind
from roundel.errors import FormatError, ModelError

USUAL_EFFORT = 1
"""Effort 0 looks for the nearest values, from 1 on for the best by rate and distortion."""
ROUNDS = 2
"""For each effort above, see `refining`."""
FILTER_PX = 8
"""Sides of what the filter sees are multiples of this."""
FILTERED = 16
"""Of a tile's settings byte: its filter is on; the tuning's number is below."""
PREPARED_PX = 32
"""How far around a tile the pre-filter is in what its coefficients see."""
ALLOWED_FOR_THE_EYE = 1.3
"""Times the squared error without it."""
UNITS = float(synthesis.UNIT << synthesis.MULTIPLIER_SHIFT)
"""Of a multiplier, to a pixel value."""


class WaveletModel:
    """Wavelet coefficients, coded coarse to fine; the finest that a prefix of the passes lacks are zero.

    `latents` of a tile are its dequantised coefficients, int16 (C, h, w), those of the finer levels folded into
    channels; the last channel is the tile's settings byte.
    """

    kind = Kind.LOSSY
    effort = USUAL_EFFORT
    passes = levels = LEVELS
    latent_px = align_px = CELL_PX

    def __init__(self, model: stored.Stored, *, name: str, model_id: int) -> None:
        self.stored, self.name, self.id = model, name, model_id
        self.weights_hash = model.weights.hash
        self.tuning = 0
        self.filter_reach_px = int(model.weights.shape["filter_reach_px"])
        reach = REACH * (self.latent_px - 1) + self.filter_reach_px
        self.halo_px = -(-reach // self.latent_px) * self.latent_px

    @classmethod
    def load(cls, weights: Weights, *, name: str, model_id: int) -> "WaveletModel":
        """A model from its weights. Raises: ModelError, see `stored.read`."""
        return cls(stored.read(weights), name=name, model_id=model_id)

    def at_effort(self, effort: int) -> "WaveletModel":
        """See `Refining.at_effort`."""
        other = copy.copy(self)
        other.effort = effort
        return other

    def reduced(self, level: int) -> ReducedWavelet:
        """See `Reducing.reduced`."""
        return ReducedWavelet(self, level)

    def tuned(self, tuning: str) -> "WaveletModel":
        """The same model, encoding for a tuning; files of all tunings decode alike.

        Raises:
            ModelError: it is unknown.
        """
        if tuning not in self.stored.tunings:
            raise ModelError(f"{self.name} has no tuning {tuning!r}; known: {', '.join(self.stored.tunings)}")
        other = copy.copy(self)
        other.tuning = self.stored.tunings.index(tuning)
        return other

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """See `Model.encode`."""
        pixels, window = self._near(pixels, window)
        tile = self.tile(pixels, window, quality)
        chosen = self.choose(tile, Writing)
        settings = self.tuning | (FILTERED if self._filter_helps(chosen, tile) else 0)
        rounds = ROUNDS * (self.effort - USUAL_EFFORT)
        if rounds > 0 and not tile.drawn:
            chosen = refined(tile, chosen, self.choose, self._showing(tile, settings), rounds, eye=self._for_the_eye)
        return Encoded([bytes([settings]) + chosen.passes[0], *chosen.passes[1:]], _crc(settings, chosen.parts))

    def tile(self, pixels: np.ndarray, window: Window, quality: int) -> Tile:
        """A tile of pixels (H, W, 3), prepared for what the tuning wants."""
        # What is drawn is to come back as it is; what the eye forgives was learned from photographs.
        drawn = is_drawn(pixels[window.top :, window.left :][: window.height, : window.width]) or self._harms(pixels)
        padded = self._padded(pixels)
        x, maps = padded.astype(np.float32), None
        if not drawn:
            maps = self.price_maps(pixels, window)
            prefilter = self.stored.prefilter(self.tuning, quality)
            if prefilter:
                near = tuple(
                    slice(max(start - PREPARED_PX, 0), start + length + PREPARED_PX)
                    for start, length in ((window.top, window.height), (window.left, window.width))
                )
                x[near] += prefilter.change(padded[near])
        return Tile(padded, x, window, quality, maps, drawn)

    def choose(self, tile: Tile, writing: type[W]) -> Chosen[W]:
        """The values of a tile, decided and written. Args: writing: by what."""
        tuning, stored, y = self.tuning, self.stored, self.coefficients(tile)
        price, feedback = stored.bit_price(tuning), None
        if self.effort:
            feedback = Feedback(y, [np.float32(1) / per_step for per_step in self._per_step(tile.quality)])
        else:
            price = 0.0
        own = writing(y, stored.limits(tuning, tile.quality), stored.tables, price, tile.maps, feedback)
        height, width = y[0].shape[:2]
        parts = walk(stored.contexts(tuning, tile.quality), own, height, width, self.passes)
        return Chosen(own, parts, own.passes())

    def coefficients(self, tile: Tile) -> list[NDArray[np.float32]]:
        """Of a tile, in rounding steps, (h, w, C) for each part."""
        parts = []
        for part in analysis.analysis(tile.x, self._per_step(tile.quality)):
            top, left, height, width = (n * part.shape[0] // tile.x.shape[0] for n in tile.place)
            parts.append(np.ascontiguousarray(part[top : top + height, left : left + width]))
        return parts

    def _showing(self, tile: Tile, settings: int) -> Callable[[Chosen[Writing]], Shown]:
        """Shows what a tile is decoded to, if those around it are coded without loss."""
        around = analysis.analysis(
            tile.x, [np.full(part.size, synthesis.UNIT, np.float32) for part in self._per_step(0)]
        )
        planes = [np.rint(part).astype(np.int16).transpose(2, 0, 1) for part in around]
        multipliers, place = self.stored.multipliers(self.tuning, tile.quality), tile.place
        rows, columns = slice(place.top, place.top + place.height), slice(place.left, place.left + place.width)

        def show(chosen: Chosen[Writing]) -> Shown:
            for plane, own in zip(planes, planar(chosen.parts, multipliers), strict=True):
                top, left, height, width = (n * plane.shape[1] // tile.x.shape[0] for n in place)
                plane[:, top : top + height, left : left + width] = own
            drawn = synthesis.draw(synthesis.synthesis(planes))
            plain = drawn.samples[rows, columns].astype(np.float32) * np.float32(1 / synthesis.UNIT) + analysis.GREY
            return Shown(plain, self._finished(drawn, place, settings, tile.quality))

        return show

    @property
    def _for_the_eye(self) -> bool:
        return bool(self.stored.masking(self.tuning))

    def _near(self, pixels: np.ndarray, window: Window) -> tuple[np.ndarray, Window]:
        """The pixels that a tile's coefficients depend on, and the tile in them."""
        reach = -(-REACH * (self.latent_px - 1) // self.latent_px) * self.latent_px
        top, left = max(window.top - reach, 0), max(window.left - reach, 0)
        rows, columns = window.top + window.height + reach, window.left + window.width + reach
        return pixels[top:rows, left:columns], window._replace(top=window.top - top, left=window.left - left)

    def _harms(self, pixels: np.ndarray) -> bool:
        """Whether the tuning's pre-filter, if there is one, is better left out."""
        prefilter = self.stored.prefilter(self.tuning, harm.LOOK_QUALITY)
        if prefilter is None:
            return False
        return harm.harms(self._padded(pixels), prefilter, self._per_step(harm.LOOK_QUALITY))

    def _per_step(self, quality: int) -> list[NDArray[np.float32]]:
        """(C,) of every part: rounding steps to a pixel value."""
        return [np.float32(UNITS) / m.astype(np.float32) for m in self.stored.multipliers(self.tuning, quality)]

    def unfiltered(self, parts: Sequence[NDArray[np.int16]], quality: int) -> synthesis.Drawn:
        """What a tile's symbols alone decode to, before the filter."""
        planes = planar(parts, self.stored.multipliers(self.tuning, quality))
        return synthesis.draw(synthesis.synthesis(planes))

    def price_maps(self, pixels: np.ndarray, window: Window) -> list[NDArray[np.float32]] | None:
        """Factors of a bit's price in a tile for the details of every level, see `masking`; None for 1 everywhere."""
        power = self.stored.masking(self.tuning)
        if not power:
            return None
        maps, own = price_maps(self._padded(pixels), power), []
        rows, columns = -(-window.height // self.latent_px), -(-window.width // self.latent_px)
        for level, found in enumerate(maps):
            scale = 2**level
            top, left = (start // self.latent_px * scale for start in (window.top, window.left))
            own.append(found[top : top + rows * scale, left : left + columns * scale])
        return own

    def _padded(self, pixels: np.ndarray) -> NDArray[np.uint8]:
        """Pixels up to whole cells, the last ones repeated."""
        cell, (height, width) = self.latent_px, pixels.shape[:2]
        if height % cell == width % cell == 0:
            return pixels
        return np.pad(pixels, ((0, -height % cell), (0, -width % cell), (0, 0)), mode="edge")

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Model.decode`."""
        height, width = -(-height // self.latent_px), -(-width // self.latent_px)
        if not passes:
            return Decoded(np.zeros((LATENTS, height, width), np.int16), None)
        settings, data = self._settings(passes[0]), [passes[0][1:], *passes[1:]]
        tuning = settings & (FILTERED - 1)
        reading = Reading(data, self.stored.limits(tuning, quality), self.stored.tables)
        parts = walk(self.stored.contexts(tuning, quality), reading, height, width, len(passes))
        crc = _crc(settings, parts) if len(passes) == self.passes else None
        return Decoded(fold(parts, self.stored.multipliers(tuning, quality), settings), crc)

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Model.render`."""
        drawn = synthesis.draw(synthesis.synthesis(unfold(latents)))
        parts = list(_alike(latents[-1], window, self.latent_px))
        if len(parts) == 1:
            return self._finished(drawn, window, parts[0][1], quality)
        pixels = np.empty((window.height, window.width, 3), np.uint8)
        for part, settings in parts:
            top, left = part.top - window.top, part.left - window.left
            own = self._finished(drawn, part, settings, quality)
            pixels[top : top + part.height, left : left + part.width] = own
        return pixels

    def _finished(self, drawn: synthesis.Drawn, window: Window, settings: int, quality: int) -> NDArray[np.uint8]:
        """A window of a synthesised picture, filtered if the tile's settings say so."""
        rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
        if not settings & FILTERED:
            return np.ascontiguousarray(drawn.pixels[rows, columns])
        top, bottom = self._around(window.top, window.height, drawn.pixels.shape[0])
        left, right = self._around(window.left, window.width, drawn.pixels.shape[1])
        repair = self.stored.filter(settings & (FILTERED - 1), quality)
        changes = repair.corrections(drawn.pixels[top:bottom, left:right])
        own = changes[window.top - top :, window.left - left :][: window.height, : window.width]
        return synthesis.repaired(drawn.samples[rows, columns], own, repair.gain)

    def _around(self, start: int, length: int, size: int) -> tuple[int, int]:
        """What the filter sees along an axis: the window and its reach, in whole cells of the filter."""
        first = max(start - self.filter_reach_px, 0) // FILTER_PX * FILTER_PX
        last = -(-(start + length + self.filter_reach_px) // FILTER_PX) * FILTER_PX
        return first, min(last, size)

    def _settings(self, data: bytes) -> int:
        """The first byte of a tile. Raises: FormatError."""
        if not data:
            raise FormatError("a tile's first pass is empty; the file is damaged")
        if data[0] >= 2 * FILTERED or data[0] & (FILTERED - 1) >= len(self.stored.tunings):
            raise FormatError(f"a tile's settings are {data[0]}, which names no tuning; the file is damaged")
        return data[0]

    def _filter_helps(self, chosen: Chosen[Writing], tile: Tile) -> bool:
        """Whether the filter is worth it; one for the eye may draw texture that squared error does not like."""
        decoded, wanted = self.unfiltered(chosen.parts, tile.quality), cut(tile.pixels, tile.window).astype(np.float32)
        allowed = ALLOWED_FOR_THE_EYE if self._for_the_eye and not tile.drawn else 1.0
        return helps(self.stored.filter(self.tuning, tile.quality), decoded, wanted, allowed, drawn=tile.drawn)


def _alike(settings: np.ndarray, window: Window, cell_px: int) -> Iterator[tuple[Window, int]]:
    """Parts of a window within which settings are the same, and these: one, or those between the borders of its tiles.

    Args:
        settings: of every cell.
    """
    top, left = window.top // cell_px, window.left // cell_px
    bottom, right = -(-(window.top + window.height) // cell_px), -(-(window.left + window.width) // cell_px)
    own = settings[top:bottom, left:right]
    rows, columns = (np.flatnonzero((np.diff(own, axis=axis) != 0).any(1 - axis)) + 1 for axis in (0, 1))
    for first, last in pairwise([0, *rows.tolist(), own.shape[0]]):
        for start, end in pairwise([0, *columns.tolist(), own.shape[1]]):
            above, before = max((top + first) * cell_px, window.top), max((left + start) * cell_px, window.left)
            height = min((top + last) * cell_px, window.top + window.height) - above
            width = min((left + end) * cell_px, window.left + window.width) - before
            yield Window(above, before, height, width), int(own[first, start])


def _crc(settings: int, parts: Sequence[NDArray[np.int16]]) -> int:
    """CRC-32 of a tile's settings byte and symbols, part after part, each in order as little-endian int16."""
    crc = zlib.crc32(bytes([settings]))
    for part in parts:
        crc = zlib.crc32(part.astype("<i2", copy=False).data, crc)
    return crc
