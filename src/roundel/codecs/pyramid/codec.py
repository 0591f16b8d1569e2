"""The lossless codec model: tiles of pixels, or batches of small pictures, to passes of bytes and back, to the bit."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.drawn import is_drawn
from roundel.codecs.protocol import Batch, Decoded, Encoded, Window
from roundel.codecs.pyramid import stored
from roundel.codecs.pyramid.modes import (
    IN_COLOUR,
    LEARNED,
    PLAIN,
    WALKED,
    Mode,
    flags_of,
    repeating,
    repeats,
    rgb,
    unstored,
)
from roundel.codecs.pyramid.nets import Nets
from roundel.codecs.pyramid.plain_cell import NEIGHBOURS
from roundel.codecs.pyramid.symbols import Drawn, Expected, InStep, Reading, Recording, SideBySide
from roundel.codecs.pyramid.walk import PASSES, Samples, Space, pass_of, walk
from roundel.codecs.pyramid.ycocg import LUMA_CENTRE, from_ycocg, to_ycocg
from roundel.codecs.weights import Weights
from roundel.coding import Tables
from roundel.container import Kind

EVEN, UNEVEN = 5, 10
"""Luma is uneven where counts of its values are off the means of so many by more than a tenth."""


@dataclass(frozen=True, eq=False)
class PyramidModel:
    """A pyramid flow in integers. `latents` of its tiles are their pixels, (3, h, w) uint8."""

    nets: Nets
    tables: Tables
    name: str
    id: int
    weights_hash: bytes
    seed: int | None = None
    """Previews draw missing samples at random, from this seed, instead of expecting their mean."""
    learns: bool = True
    """Tiles learn from themselves, seen colours and neighbours, where that is shorter."""

    kind = Kind.LOSSLESS
    passes = PASSES
    align_px = latent_px = 1
    halo_px = 0
    levels = 9
    """A tile of 512 pixels has so many."""

    @classmethod
    def load(cls, weights: Weights, *, name: str, model_id: int) -> "PyramidModel":
        """A model from its weights file. Raises: ModelError, see `stored.load`."""
        nets, tables = stored.load(weights)
        return cls(nets, tables, name, model_id, weights.hash)

    def sampling(self, seed: int) -> "PyramidModel":
        """The same model, whose previews draw missing samples at random instead of expecting their mean."""
        return replace(self, seed=seed)

    def at_effort(self, effort: int) -> "PyramidModel":
        """See `Refining.at_effort`: at 0 nothing is learned from the tile."""
        return replace(self, learns=effort > 0)

    def reduced(self, level: int) -> "ReducedPyramid":
        """See `Reducing.reduced`."""
        return ReducedPyramid(self, level)

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """See `Model.encode`; grey pictures may have one channel."""
        tile = pixels[window.top : window.top + window.height, window.left : window.left + window.width]
        return self.encode_batch(tile[None])

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Model.decode`."""
        pixels, crc = self.decode_batch(passes, 1, height, width)  # of grey tiles, one plane seen three times
        return Decoded(pixels[0].transpose(2, 0, 1), crc)

    def decode_together(self, tiles: Sequence[Sequence[bytes]], height: int, width: int, quality: int) -> list[Decoded]:
        """See `Together.decode_together`."""
        return [
            Decoded(_planes(pixels), zlib.crc32(np.ascontiguousarray(pixels).data) if len(passes) == PASSES else None)
            for passes, pixels in zip(tiles, self.pixels_together(tiles, height, width, 0), strict=True)
        ]

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Model.render`."""
        part = latents[:, window.top : window.top + window.height, window.left : window.left + window.width]
        return part.transpose(1, 2, 0)

    def encode_batch(self, pixels: NDArray[np.uint8]) -> Encoded:
        """Code pictures of one size together, uint8 (B, H, W, 1 or 3); at most a byte longer than the pixels are."""
        grey = pixels.shape[3] == 1 or bool(
            (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all()
        )
        held = np.ascontiguousarray(pixels[..., :1] if grey else pixels)
        if (held == held[:1, :1, :1]).all():
            return _stored(Mode.CONSTANT, rgb(held[:1, :1, :1]).tobytes(), zlib.crc32(rgb(held).data))
        packed = repeating(rgb(held)) if is_drawn(held.reshape(-1, *held.shape[2:])) else None
        if packed and 8 * len(packed[1]) < PLAIN * held[..., 0].size:
            return _stored(*packed, zlib.crc32(rgb(held).data))
        recording = Recording(to_ycocg(held))
        walk(self.nets, recording, *held.shape[:3], colour=not grey)
        luma = self.learns and (len(held) > 1 or is_uneven(recording.luma))
        head, passes = shortest(recording, self.tables, colours=1 if grey else 3, learns=self.learns, luma=luma)
        length = sum(map(len, passes))
        if packed is None and repeats(rgb(held), min(length, held.size)):
            packed = repeating(rgb(held))
        if packed and len(packed[1]) < min(length, held.size):
            return _stored(*packed, zlib.crc32(rgb(held).data))
        if held.size <= length:
            return _stored(Mode.RAW_GREY if grey else Mode.RAW, held.tobytes(), zlib.crc32(held.data))
        passes[0] = head + passes[0]
        return Encoded(passes, zlib.crc32(held.data))

    def decode_batch(self, passes: Sequence[bytes], count: int, height: int, width: int) -> Batch:
        """Pictures from a prefix of their passes; grey ones are views with a stride of 0 between channels.

        Raises:
            FormatError: the passes are damaged.
        """
        pixels = self.pixels_of(passes, count, height, width)
        crc = zlib.crc32(pixels.data) if len(passes) == PASSES else None
        return Batch(np.broadcast_to(pixels, (*pixels.shape[:3], 3)), crc)

    def pixels_of(
        self, passes: Sequence[bytes], count: int, height: int, width: int, halvings: int = 0
    ) -> NDArray[np.uint8]:
        """uint8 (B, ⌈H / 2^halvings⌉, ⌈W / 2^halvings⌉, 1 or 3). Raises: FormatError."""
        mode = passes[0][0] if passes and passes[0] else Mode.COLOUR
        if mode not in WALKED:
            whole = unstored(mode, passes[0][1:], (count, height, width, 3))
            return np.ascontiguousarray(whole[:, :: 1 << halvings, :: 1 << halvings])
        reading = self._reading(passes, (count, height, width), halvings)
        return self._walked(reading, count, height, width, halvings, colour=mode in IN_COLOUR)

    def pixels_together(
        self, tiles: Sequence[Sequence[bytes]], height: int, width: int, halvings: int
    ) -> list[NDArray[np.uint8]]:
        """The pixels of tiles of one size, as `pixels_of` with one picture; those that suit are walked together.

        Args:
            tiles: of each all passes that are needed for so many halvings; others are done by themselves.
        """
        needed = pass_of(halvings, 2) + 1
        suit: dict[tuple[bool, bool], list[int]] = {}
        for n, passes in enumerate(tiles):
            mode = passes[0][0] if len(passes) >= needed and passes[0] else Mode.CONSTANT
            if mode in WALKED:
                suit.setdefault((mode in IN_COLOUR, mode in LEARNED), []).append(n)
        found: dict[int, NDArray[np.uint8]] = {}
        for (colour, learned), alike in suit.items():
            if len(alike) == 1:
                continue
            samples: Samples
            if learned:
                samples = SideBySide([self._reading(tiles[n], (1, height, width), halvings) for n in alike])
            else:
                samples = InStep([[tiles[n][0][1:], *tiles[n][1:needed]] for n in alike], self.tables)
            pixels = self._walked(samples, len(alike), height, width, halvings, colour=colour)
            found |= dict(zip(alike, pixels, strict=True))
        return [
            found[n] if n in found else self.pixels_of(passes, 1, height, width, halvings)[0]
            for n, passes in enumerate(tiles)
        ]

    def _walked(
        self, samples: Samples, count: int, height: int, width: int, halvings: int, *, colour: bool
    ) -> NDArray[np.uint8]:
        """As `pixels_of`."""
        x = walk(self.nets, samples, count, height, width, colour=colour, halvings=halvings)
        return from_ycocg(x) if colour else (x[:, 0, :, :, None] + LUMA_CENTRE).astype(np.uint8)

    def _reading(self, passes: Sequence[bytes], shape: tuple[int, int, int], halvings: int) -> Reading:
        """What reads walked tiles or groups. Args: shape: pictures, height, width. Raises: FormatError."""
        mode = passes[0][0] if passes and passes[0] else Mode.COLOUR
        flags = flags_of(passes[0]) if mode in LEARNED else 0
        streams = [passes[0][2 if flags else 1 :], *passes[1:]] if passes else []
        space = Space(*shape, halvings, 3 if mode in IN_COLOUR else 1)
        return Reading(streams, self.tables, self._beyond(), flags=flags, space=space)

    def _beyond(self) -> Samples:
        return Expected() if self.seed is None else Drawn(self.tables, np.random.default_rng(self.seed))


@dataclass(frozen=True, eq=False)
class ReducedPyramid:
    """A pyramid model that stops early: see `Reduced`."""

    model: PyramidModel
    level: int

    latent_px = 1
    halo_px = 0

    @property
    def passes(self) -> int:
        """So many passes hold all levels that are needed."""
        return pass_of(self.level, 0) + 1

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Reduced.decode`."""
        pixels = self.model.pixels_of(passes[: self.passes], 1, height, width, self.level)[0]
        return Decoded(_planes(pixels), None)

    def decode_together(self, tiles: Sequence[Sequence[bytes]], height: int, width: int, quality: int) -> list[Decoded]:
        """See `Together.decode_together`."""
        return [
            Decoded(_planes(pixels), None)
            for pixels in self.model.pixels_together(
                [passes[: self.passes] for passes in tiles], height, width, self.level
            )
        ]

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Reduced.render`."""
        return self.model.render(latents, window, quality)


def shortest(
    recording: Recording, tables: Tables, *, colours: int, learns: bool, luma: bool
) -> tuple[bytes, list[bytes]]:
    """The first bytes of a walked tile, which say how it is coded, and its passes.

    Args:
        learns: from the tile. luma: try whether seen colours help luma, too.
    """
    grey = colours == 1
    placed, saved = recording.corrected(tables, colours) if learns else ([], 0.0)
    learned, flags = (1 << colours) - (1 if luma else 2) if learns else 0, NEIGHBOURS
    if saved <= 0:
        placed, flags = recording.placed(), 0
    best: tuple[bytes, list[bytes]] | None = None
    while True:
        passes, gains = recording.written(placed, tables, colours, flags | learned)
        mode = bytes([Mode.GREY if grey else Mode.COLOUR])
        if flags | learned:
            mode = bytes([Mode.GREY_LEARNED if grey else Mode.COLOUR_LEARNED, flags | learned])
        if best is None or len(mode) + sum(map(len, passes)) < len(best[0]) + sum(map(len, best[1])):
            best = mode, passes
        useful = sum(1 << c for c in range(colours) if learned >> c & 1 and gains[c] > 0)
        if useful == learned:
            return best
        learned = useful


def is_uneven(luma: NDArray[np.int16]) -> bool:
    """Whether some values of luma are much rarer than those beside them, as after a stretch or of a palette.

    Elsewhere seen colours save less than 0.1 % of a tile by luma, and would take 6 % of its decoder's time.
    """
    counts = np.bincount((luma + LUMA_CENTRE).ravel(), minlength=2 * LUMA_CENTRE)
    around = np.convolve(counts, np.ones(EVEN, np.int64), "same")
    return bool(UNEVEN * np.abs(EVEN * counts - around).sum() > around.sum())


def _planes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 1 or 3) as (3, H, W), a view."""
    planes = pixels.transpose(2, 0, 1)
    return planes if len(planes) == 3 else np.broadcast_to(planes, (3, *planes.shape[1:]))


def _stored(mode: Mode, payload: bytes, crc: int) -> Encoded:
    return Encoded([bytes([mode]) + payload] + [b""] * (PASSES - 1), crc)
