"""The wavelet codec model: a tile of pixels to passes of bytes with the trained network, and back."""

import copy
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from roundel.codecs.protocol import Decoded, Encoded, Window
from roundel.codecs.wavelet.refine import refine
from roundel.codecs.wavelet.symbols import Reading, Writing, prices
from roundel.codecs.wavelet.walk import DETAILS, Integers, walk
from roundel.codecs.zoo import weights_hash
from roundel.container import Kind
from roundel.training.wavelet import stored as wavelet_weights
from roundel.training.wavelet import transform as wavelet
from roundel.training.wavelet.net import COLOURS, WaveletNet
from roundel.training.wavelet.stored import QUALITIES

ROUNDS = (0, 0, 4, 8, 16, 24, 40, 64, 100, 160)
"""Of refinement, by effort. Effort 0 rounds to the nearest, 1 looks at what a symbol costs, the others refine that."""
USUAL_EFFORT = 1


class WaveletModel:
    """Wavelet coefficients, coded coarse to fine; the finest that a prefix of the passes lacks are zero.

    `latents` of a tile are its symbols, int16 (C, h, w), those of the finer levels folded into channels.
    """

    kind = Kind.LOSSY
    effort = USUAL_EFFORT

    def __init__(self, net: WaveletNet, stored: Integers, *, name: str, model_id: int, weights_hash: bytes) -> None:
        self.net, self.stored = net, stored
        self.name, self.id, self.weights_hash = name, model_id, weights_hash
        self.passes = net.levels
        self.latent_px = self.align_px = 2**net.levels
        reach = wavelet.REACH * (self.latent_px - 1) + net.filter.reach_px
        self.halo_px = -(-reach // self.latent_px) * self.latent_px
        self.device = net.table.device

    @classmethod
    def load(cls, path: Path, *, name: str, model_id: int, device: str) -> "WaveletModel":
        """A model from its weights file. Raises: ModelError, see `wavelet_weights.load`."""
        net, stored = wavelet_weights.load(path, device)
        return cls(net, stored, name=name, model_id=model_id, weights_hash=weights_hash(path))

    def at_effort(self, effort: int) -> "WaveletModel":
        """See `Refining.at_effort`."""
        other = copy.copy(self)
        other.effort = effort
        return other

    def encode(self, pixels: np.ndarray, window: Window, quality: int) -> Encoded:
        """See `Model.encode`."""
        y = self.coefficients(pixels, window, quality)
        prices = self.prices if self.effort == USUAL_EFFORT else np.zeros_like(self.prices)
        writing = Writing(y, self.stored.tables, prices)
        _, height, width = y[0].shape
        parts = walk(self.net, self.stored, writing, height, width, quality, self.passes)
        return Encoded(writing.passes(), _crc(parts))

    @torch.inference_mode()
    def coefficients(self, pixels: np.ndarray, window: Window, quality: int) -> list[NDArray[np.float32]]:
        """Of a tile, in rounding steps, (C, h, w) for each part; arguments as `encode`. Refined ones are integers."""
        cell = self.latent_px
        x = torch.from_numpy(np.array(pixels)).to(self.device).permute(2, 0, 1)[None].float().div_(255)
        x = F.pad(x, (0, -x.shape[3] % cell, 0, -x.shape[2] % cell), mode="replicate")
        top, left = window.top // cell, window.left // cell
        height, width = -(-window.height // cell), -(-window.width // cell)
        found, rounds = self.net.coefficients(x, self._t(quality)), ROUNDS[self.effort]
        if rounds:
            found = refine(self.net, self.stored, self.prices, x, found, quality, rounds)
        parts = []
        for part in found:
            scale = part.shape[2] * cell // x.shape[2]
            rows, columns = slice(top * scale, (top + height) * scale), slice(left * scale, (left + width) * scale)
            parts.append(part[0, :, rows, columns].cpu().numpy())
        return parts

    def decode(self, passes: Sequence[bytes], height: int, width: int, quality: int) -> Decoded:
        """See `Model.decode`."""
        height, width = -(-height // self.latent_px), -(-width // self.latent_px)
        parts = [np.zeros((COLOURS, height, width), np.int32)]
        if passes:
            reading = Reading(passes, self.stored.tables)
            parts = walk(self.net, self.stored, reading, height, width, quality, len(passes))
        return Decoded(fold(parts, self.passes), _crc(parts) if len(passes) == self.passes else None)

    @torch.inference_mode()
    def render(self, latents: np.ndarray, window: Window, quality: int) -> np.ndarray:
        """See `Model.render`."""
        symbols = [torch.from_numpy(p)[None].to(self.device).float() for p in unfold(latents, self.passes)]
        t = self._t(quality)
        x = self.net.picture(symbols, t).contiguous(memory_format=torch.channels_last)
        x = self.net.filter(x, t)[0]
        x = x[:, window.top : window.top + window.height, window.left : window.left + window.width]
        return x.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()

    @cached_property
    def prices(self) -> NDArray[np.float32]:
        """Bits of magnitudes, see `wavelet_symbols.prices`."""
        return prices(self.stored.tables)

    def _t(self, quality: int) -> Tensor:
        return torch.tensor([quality / (QUALITIES - 1)], device=self.device)


def fold(parts: Sequence[NDArray[np.int32]], levels: int) -> NDArray[np.int16]:
    """The low band and the details of some levels to (3 + 9·(1 + 4 + 16 + …), h, w); absent levels are 0."""
    height, width = parts[0].shape[1:]
    out = np.zeros((COLOURS + DETAILS * ((4**levels - 1) // 3), height, width), np.int16)
    out[:COLOURS] = parts[0]
    start = COLOURS
    for number, part in enumerate(parts[1:]):
        side = 2**number
        cells = part.reshape(DETAILS, height, side, width, side).transpose(0, 2, 4, 1, 3)
        end = start + DETAILS * side**2
        out[start:end] = cells.reshape(-1, height, width)
        start = end
    return out


def unfold(latents: NDArray[np.int16], levels: int) -> list[NDArray[np.int16]]:
    """The inverse of `fold`."""
    height, width = latents.shape[1:]
    parts, start = [latents[:COLOURS]], COLOURS
    for number in range(levels):
        side = 2**number
        end = start + DETAILS * side**2
        cells = latents[start:end].reshape(DETAILS, side, side, height, width).transpose(0, 3, 1, 4, 2)
        parts.append(cells.reshape(DETAILS, height * side, width * side))
        start = end
    return parts


def _crc(parts: Sequence[NDArray[np.int32]]) -> int:
    """CRC-32 of a tile's symbols, part after part, each (channel, row, column) as little-endian int32."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part.astype("<i4").tobytes(), crc)
    return crc
