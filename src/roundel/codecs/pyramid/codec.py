"""The lossless codec model: tiles of pixels, or batches of small pictures, to passes of bytes and back, to the bit."""

import zlib
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roundel.codecs.protocol import Batch, Decoded, Encoded, Window
from roundel.codecs.pyramid.symbols import Drawn, Expected, Reading, Writing
from roundel.codecs.pyramid.walk import PASSES, Samples, walk
from roundel.codecs.zoo import weights_hash
from roundel.coding import Tables
from roundel.container import Kind
from roundel.errors import FormatError
from roundel.image.picture import ycocg_r, ycocg_r_inverse
from roundel.training.pyramid import stored as lossless_weights
from roundel.training.pyramid.net import Pyramid

LUMA_CENTRE = 128


class Mode(IntEnum):
    """How a tile is coded: the first byte of its first pass."""

    COLOUR = 0
    GREY = 1
    """R = G = B everywhere: no chroma is coded."""
    CONSTANT = 2
    """One colour, three bytes."""
    RAW = 3
    """Interleaved RGB as it is: no tile grows by more than a byte."""
    DEFLATED = 4
    """Interleaved RGB through zlib: for graphics that repeat exactly."""
    RAW_GREY = 5
    """As RAW, one byte a pixel."""


class LosslessModel:
    """A pyramid flow in integers. `latents` of its tiles are their pixels, (3, h, w) uint8."""

    kind = Kind.LOSSLESS
    passes = PASSES
    align_px = latent_px = 1
    halo_px = 0

    def __init__(
        self,
        net: Pyramid,
        tables: Tables,
        *,
        name: str,
        model_id: int,
        weights_hash: bytes,
        seed: int | None = None,
    ) -> None:
        self.net, self.tables, self.seed = net, tables, seed
        self.name, self.id, self.weights_hash = name, model_id, weights_hash

    @classmethod
    def load(cls, path: Path, *, name: str, model_id: int, device: str) -> "LosslessModel":
        """A model from its weights file. Raises: ModelError, see `lossless_weights.load`."""
        net, tables = lossless_weights.load(path, device)
        return cls(net, tables, name=name, model_id=model_id, weights_hash=weights_hash(path))

    def sampling(self, seed: int) -> "LosslessModel":
        """The same model, whose previews draw missing samples at random instead of expecting their mean."""
        return LosslessModel(
            self.net, self.tables, name=self.name, model_id=self.id, weights_hash=self.weights_hash, seed=seed
        )

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """See `Model.encode`."""
        tile = pixels[window.top : window.top + window.height, window.left : window.left + window.width]
        return self.encode_batch(np.ascontiguousarray(tile)[None])

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Model.decode`."""
        found = self.decode_batch(passes, 1, height, width)
        return Decoded(found.pixels[0].transpose(2, 0, 1), found.crc)

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Model.render`."""
        part = latents[:, window.top : window.top + window.height, window.left : window.left + window.width]
        return np.ascontiguousarray(part.transpose(1, 2, 0))

    def encode_batch(self, pixels: NDArray[np.uint8]) -> Encoded:
        """Code pictures of one size together, uint8 (B, H, W, 3); never more than a byte longer than the pixels are."""
        crc = zlib.crc32(pixels.tobytes())
        grey = bool((pixels[..., :1] == pixels[..., 1:]).all())
        if (pixels == pixels[:1, :1, :1]).all():
            return _stored(Mode.CONSTANT, pixels[0, 0, 0].tobytes(), crc)
        writing = Writing(to_ycocg(pixels), self.tables)
        walk(self.net, writing, *pixels.shape[:3], colour=not grey)
        passes = writing.passes()
        raw = np.ascontiguousarray(pixels[..., 0]) if grey else pixels
        deflated = zlib.compress(pixels.tobytes(), 9)
        length = sum(map(len, passes))
        if len(deflated) < min(length, raw.size):
            return _stored(Mode.DEFLATED, deflated, crc)
        if raw.size <= length:
            return _stored(Mode.RAW_GREY if grey else Mode.RAW, raw.tobytes(), crc)
        passes[0] = bytes([Mode.GREY if grey else Mode.COLOUR]) + passes[0]
        return Encoded(passes, crc)

    def decode_batch(self, passes: Sequence[bytes], count: int, height: int, width: int) -> Batch:
        """Pictures from a prefix of their passes.

        Raises:
            FormatError: the passes are damaged.
        """
        mode = passes[0][0] if passes and passes[0] else Mode.COLOUR
        if mode in (Mode.COLOUR, Mode.GREY):
            streams = [passes[0][1:], *passes[1:]] if passes else []
            reading = Reading(streams, self.tables, self._beyond())
            pixels = from_ycocg(walk(self.net, reading, count, height, width, colour=mode == Mode.COLOUR))
        else:
            pixels = _unstored(mode, passes[0][1:], (count, height, width, 3))
        return Batch(pixels, zlib.crc32(pixels.tobytes()) if len(passes) == PASSES else None)

    def _beyond(self) -> Samples:
        return Expected() if self.seed is None else Drawn(self.tables, np.random.default_rng(self.seed))


def to_ycocg(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(B, H, W, 3) RGB to (B, 3, H, W) YCoCg-R with luma centred at 0."""
    x = np.moveaxis(ycocg_r(rgb), -1, 1).copy()
    x[:, 0] -= LUMA_CENTRE
    return x


def from_ycocg(x: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The inverse of `to_ycocg`; a preview's colours may lie outside RGB and are clipped."""
    ycocg = np.moveaxis(x, 1, -1).copy()
    ycocg[..., 0] += LUMA_CENTRE
    return np.clip(ycocg_r_inverse(ycocg), 0, 255).astype(np.uint8)


def _stored(mode: Mode, payload: bytes, crc: int) -> Encoded:
    return Encoded([bytes([mode]) + payload] + [b""] * (PASSES - 1), crc)


def _unstored(mode: int, payload: bytes, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Pixels of a tile that no net is needed for. Raises: FormatError."""
    size = int(np.prod(shape))
    if mode == Mode.DEFLATED:
        try:
            payload = zlib.decompressobj().decompress(payload, size + 1)
        except zlib.error as error:
            raise FormatError(f"a deflated tile is damaged: {error}") from None
    lengths = {Mode.CONSTANT: 3, Mode.RAW: size, Mode.DEFLATED: size, Mode.RAW_GREY: size // 3}
    if len(payload) != lengths.get(mode):  # type: ignore[call-overload]
        raise FormatError(f"a tile of mode {mode} holds {len(payload)} bytes: no encoder writes that; it is damaged")
    values = np.frombuffer(payload, np.uint8)
    stored = {Mode.CONSTANT: (1, 1, 1, 3), Mode.RAW_GREY: (*shape[:3], 1)}.get(mode, shape)  # type: ignore[call-overload]
    return np.ascontiguousarray(np.broadcast_to(values.reshape(stored), shape))
