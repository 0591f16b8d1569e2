"""Codes to bytes and back: one coder for each prior of `models.autoencoder`, exact on every machine."""

import zlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from roundel import coding
from roundel.coding import Reader, Tables, Writer, put, take
from roundel.errors import FormatError
from roundel.training.entropy.bounded import MEANS, SCALE_START, SCALES, first_tables
from roundel.training.tokens.chain import ChainNet
from roundel.training.tokens.coset import PHASES, CosetNet

Array = NDArray[np.int32]


class TokenCoder(Protocol):
    """Codes one array of codes (B, K, h, w) as passes."""

    levels: tuple[int, ...]
    passes: int

    def encode(self, codes: Array) -> list[bytes]:
        """Passes of codes within their levels."""
        ...

    def decode(self, passes: Sequence[bytes], shape: tuple[int, int, int, int]) -> Array:
        """Codes from a prefix of the passes; channels that are not there are ⌊L/2⌋. Raises: FormatError."""
        ...


class FactorizedCoder:
    """Every channel under one table of its own, all in one pass. Args: levels: (K,). tables: K."""

    passes = 1

    def __init__(self, levels: tuple[int, ...], tables: Tables) -> None:
        self.levels, self.tables = levels, tables

    def encode(self, codes: Array) -> list[bytes]:
        """See `TokenCoder.encode`."""
        return [coding.encode(codes.ravel(), self._index(codes.shape), self.tables)]

    def decode(self, passes: Sequence[bytes], shape: tuple[int, int, int, int]) -> Array:
        """See `TokenCoder.decode`."""
        if not passes:
            return middles(self.levels, shape)
        codes = coding.decode(passes[0], self._index(shape), self.tables).reshape(shape)
        return check_range(codes, self.levels)

    def _index(self, shape: Sequence[int]) -> Array:
        channels = np.arange(len(self.levels), dtype=np.int32)
        return np.broadcast_to(channels[None, :, None, None], shape).ravel()


class CosetCoder:
    """A pass for each channel; tables from what was decoded before it.

    Args:
        net: frozen. tables: those of `entropy.bounded.tables_for`.
    """

    def __init__(self, net: CosetNet, tables: Tables) -> None:
        self.net, self.levels, self.tables = net, net.levels, tables
        self.passes = len(net.levels)
        self._first = first_tables(net.levels)

    def encode(self, codes: Array) -> list[bytes]:
        """See `TokenCoder.encode`."""
        known = torch.from_numpy(codes.astype(np.float32)).to(self.net.centre.device)
        passes = []
        for channel in range(self.passes):
            writer = Writer()
            for phase, (row, column) in enumerate(PHASES):
                part = codes[:, channel, row::2, column::2]
                if part.size:
                    put(writer, part.ravel(), self._index(known, channel, phase), self.tables)
            passes.append(writer.close())
        return passes

    def decode(self, passes: Sequence[bytes], shape: tuple[int, int, int, int]) -> Array:
        """See `TokenCoder.decode`."""
        codes = middles(self.levels, shape)
        known = torch.from_numpy(codes.astype(np.float32)).to(self.net.centre.device)
        for channel, data in enumerate(passes):
            reader = Reader(data)
            for phase, (row, column) in enumerate(PHASES):
                part = codes[:, channel, row::2, column::2]
                if part.size:
                    found = take(reader, self._index(known, channel, phase), self.tables).reshape(part.shape)
                    part[:] = check_range(found[:, None], self.levels[channel : channel + 1])[:, 0]
                    known[:, channel, row::2, column::2] = torch.from_numpy(part.astype(np.float32))
        return codes

    @torch.inference_mode()
    def _index(self, known: torch.Tensor, channel: int, phase: int) -> Array:
        """Tables of the codes of one channel and phase, in raster order."""
        levels = self.levels[channel]
        return self._first[levels] + bounded_index(self.net.guess(known, channel, phase), levels)


class ChainCoder:
    """One pass, channel after channel of all tokens; tables from the channels before.

    Args:
        net: frozen. tables: those of `entropy.bounded.tables_for`.
    """

    passes = 1

    def __init__(self, net: ChainNet, tables: Tables) -> None:
        self.net, self.levels, self.tables = net, net.levels, tables
        self._first = first_tables(net.levels)

    def encode(self, codes: Array) -> list[bytes]:
        """See `TokenCoder.encode`."""
        known, writer = _columns(codes).to(self.net.centre.device), Writer()
        for channel in range(len(self.levels)):
            put(writer, codes[:, channel].ravel(), self._index(known, channel), self.tables)
        return [writer.close()]

    def decode(self, passes: Sequence[bytes], shape: tuple[int, int, int, int]) -> Array:
        """See `TokenCoder.decode`."""
        codes = middles(self.levels, shape)
        if not passes:
            return codes
        known, reader = _columns(codes).to(self.net.centre.device), Reader(passes[0])
        for channel in range(len(self.levels)):
            found = take(reader, self._index(known, channel), self.tables)
            codes[:, channel] = found.reshape(codes[:, channel].shape)
            check_range(codes[:, channel : channel + 1], self.levels[channel : channel + 1])
            known[0, channel, :, 0] = torch.from_numpy(found.astype(np.float32))
        return codes

    @torch.inference_mode()
    def _index(self, known: torch.Tensor, channel: int) -> Array:
        """Tables of the codes of one channel, in order."""
        levels = self.levels[channel]
        return self._first[levels] + bounded_index(self.net.guess(known, channel), levels)


def _columns(codes: Array) -> torch.Tensor:
    """Codes (B, K, h, w) as float32 (1, K, B·h·w, 1)."""
    return torch.from_numpy(codes.astype(np.float32)).transpose(0, 1).flatten(1)[None, ..., None]


def bounded_index(guess: torch.Tensor, levels: int) -> Array:
    """Index (N,) among `entropy.bounded.bounded_tables` of means and scales (B, 2, h, w) that a net guessed."""
    mean, scale = guess.cpu().numpy().astype(np.int32).swapaxes(0, 1)
    mean = np.clip(mean + MEANS * (levels // 2), 0, MEANS * (levels - 1))
    scale = np.clip(scale + SCALE_START, 0, SCALES - 1)
    return (mean * SCALES + scale).ravel()


def middles(levels: Sequence[int], shape: tuple[int, int, int, int]) -> Array:
    """The middle code of each channel everywhere."""
    middle = np.array(levels, np.int32) // 2
    return np.broadcast_to(middle[None, :, None, None], shape).copy()


def check_range(codes: Array, levels: Sequence[int]) -> Array:
    """The codes. Raises: FormatError, one is out of its range."""
    top = np.array(levels, np.int32)[None, :, None, None]
    if codes.size and ((codes < 0) | (codes >= top)).any():
        raise FormatError("a token is out of its range: the file is damaged")
    return codes


def crc(codes: Array) -> int:
    """CRC-32 of codes in order, as little-endian int32."""
    return zlib.crc32(np.ascontiguousarray(codes, "<i4").tobytes())
