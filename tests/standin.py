"""A tiny model for tests of codec and command line: means of 16 × 16 blocks, smoothed, in three passes."""

import zlib
from collections.abc import Sequence

import numpy as np

from roundel.codecs import zoo
from roundel.codecs.protocol import Batch, Decoded, Encoded, Window
from roundel.container import Kind
from roundel.errors import FormatError, ModelError

BLOCK = 16


class BlockMeans:
    """Codes each block's mean colour, one plane a pass, green first; renders planes smoothed over 3 × 3 blocks."""

    name = "block-means"
    id = 60000
    kind = Kind.LOSSY
    weights_hash = b"standin0"
    passes = 3
    align_px = 64
    latent_px = BLOCK
    halo_px = 2 * BLOCK

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        top, left, height, width = window
        assert min(top, left) >= 0
        assert top + height <= pixels.shape[0]
        assert left + width <= pixels.shape[1]
        step = _step(quality)
        rows, columns = _shape(height, width)
        padded = np.pad(
            pixels[top : top + height, left : left + width].astype(np.float64),
            ((0, rows * BLOCK - height), (0, columns * BLOCK - width), (0, 0)),
            mode="edge",
        )
        means = padded.reshape(rows, BLOCK, columns, BLOCK, 3).mean(axis=(1, 3))
        symbols = np.rint(means / step).astype(np.uint8).transpose(2, 0, 1)[[1, 0, 2]]
        return Encoded([zlib.compress(plane.tobytes()) for plane in symbols], zlib.crc32(symbols.tobytes()))

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        rows, columns = _shape(height, width)
        symbols = np.zeros((3, rows, columns), np.uint8)
        for plane, data in zip(symbols, passes, strict=False):
            try:
                values = np.frombuffer(zlib.decompress(data), np.uint8)
            except zlib.error as error:
                raise FormatError(f"a pass is damaged: {error}") from error
            if values.size != plane.size:
                raise FormatError(f"{values.size} symbols, expected {plane.size}")
            plane[:] = values.reshape(rows, columns)
        latents = symbols.astype(np.float32) * _step(quality)
        latents[len(passes) :] = 128
        return Decoded(latents, zlib.crc32(symbols.tobytes()) if len(passes) == self.passes else None)

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        top, left, height, width = window
        wide = np.pad(latents, ((0, 0), (1, 1), (1, 1)), mode="edge")
        rows, columns = latents.shape[1:]
        smooth = sum(wide[:, dy : dy + rows, dx : dx + columns] for dy in range(3) for dx in range(3)) / 9
        full = smooth[[1, 0, 2]].repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)
        cut = full[:, top : top + height, left : left + width].transpose(1, 2, 0)
        return np.clip(np.rint(cut), 0, 255).astype(np.uint8)


class Exact:
    """A lossless stand-in: the pixels themselves, deflated."""

    name = "exact"
    id = 60001
    kind = Kind.LOSSLESS
    weights_hash = b"standin1"
    passes = 1
    align_px = 1
    latent_px = 1
    halo_px = 0

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        top, left, height, width = window
        cut = pixels[top : top + height, left : left + width].tobytes()
        return Encoded([zlib.compress(cut, 1)], zlib.crc32(cut))

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        if not passes:
            return Decoded(np.full((3, height, width), 128, np.uint8), None)
        try:
            data = zlib.decompress(passes[0])
            pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        except (zlib.error, ValueError) as error:
            raise FormatError(f"a pass is damaged: {error}") from error
        return Decoded(pixels.transpose(2, 0, 1), zlib.crc32(data))

    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        top, left, height, width = window
        return latents[:, top : top + height, left : left + width].transpose(1, 2, 0)

    def encode_batch(self, pixels: np.ndarray) -> Encoded:
        return Encoded([zlib.compress(pixels.tobytes(), 1)], zlib.crc32(pixels.tobytes()))

    def decode_batch(self, passes: Sequence[bytes], count: int, height: int, width: int) -> Batch:
        try:
            data = zlib.decompress(passes[0])
            pixels = np.frombuffer(data, np.uint8).reshape(count, height, width, 3)
        except (zlib.error, ValueError) as error:
            raise FormatError(f"a pass is damaged: {error}") from error
        return Batch(pixels, zlib.crc32(data))


def install() -> None:
    """Put the stand-ins in the place of the models that ship, for this process."""
    zoo.get = _get  # type: ignore[assignment]
    zoo.default = lambda kind: {Kind.LOSSY: BlockMeans.name, Kind.LOSSLESS: Exact.name}[kind]
    zoo.entries = lambda: tuple(zoo.Entry(m.id, m.name, m.kind, "") for m in (BlockMeans, Exact))


def _get(model: int | str) -> BlockMeans | Exact:
    for found in (BlockMeans, Exact):
        if model in (found.id, found.name):
            return found()
    raise ModelError(f"model {model!r} is unknown")


def _step(quality: int) -> int:
    return 1 + (100 - quality) // 4


def _shape(height: int, width: int) -> tuple[int, int]:
    return -(-height // BLOCK), -(-width // BLOCK)
