"""Codes to bytes and back: one coder for each prior."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from roundel import coding
from roundel.codecs.tokens.walk import PHASES, Codes, Forerunners, Neighbours, Shape, middles
from roundel.coding import Reader, Tables, Writer, put, take
from roundel.errors import FormatError

Guess = Callable[[int, NDArray[np.float32]], NDArray[np.int32]]
"""Number of a net of the prior and its inputs (n, N), to table indices (N,)."""

Told = tuple[int, NDArray[np.int32], NDArray[np.int32]]


class TokenCoder(Protocol):
    """Codes one array of codes (B, K, h, w) as passes."""

    levels: tuple[int, ...]
    passes: int

    def encode(self, codes: Codes) -> list[bytes]:
        """Passes of codes within their levels."""
        ...

    def decode(self, passes: Sequence[bytes], shape: Shape) -> Codes:
        """Codes from a prefix of the passes; channels that are not there are ⌊L/2⌋. Raises: FormatError."""
        ...


class FactorizedCoder:
    """Every channel under one table of its own, all in one pass. Args: levels: (K,). tables: K."""

    passes = 1

    def __init__(self, levels: tuple[int, ...], tables: Tables) -> None:
        self.levels, self.tables = levels, tables

    def encode(self, codes: Codes) -> list[bytes]:
        """See `TokenCoder.encode`."""
        return [coding.encode(codes.ravel(), self._index(codes.shape), self.tables)]

    def decode(self, passes: Sequence[bytes], shape: Shape) -> Codes:
        """See `TokenCoder.decode`."""
        if not passes:
            return middles(self.levels, shape)
        codes = coding.decode(passes[0], self._index(shape), self.tables).reshape(shape)
        return check_range(codes, self.levels)

    def _index(self, shape: Sequence[int]) -> NDArray[np.int32]:
        channels = np.arange(len(self.levels), dtype=np.int32)
        return np.broadcast_to(channels[None, :, None, None], shape).ravel()


class CosetCoder:
    """A pass for each channel; tables from what was decoded before it, and from its neighbours.

    Args:
        levels: (K,). guess: the nets, numbered 4 · channel + phase. tables: that they choose from.
    """

    def __init__(self, levels: tuple[int, ...], guess: Guess, tables: Tables) -> None:
        self.levels, self.guess, self.tables = levels, guess, tables
        self.passes = len(levels)

    def encode(self, codes: Codes) -> list[bytes]:
        """See `TokenCoder.encode`."""
        writers = [Writer() for _ in range(self.passes)]
        for channel, values, index in self.told(codes):
            put(writers[channel], values, index, self.tables)
        return [writer.close() for writer in writers]

    def told(self, codes: Codes) -> Iterator[Told]:
        """Channel, codes and table indices of one group after the other."""
        around = Neighbours(_shape(codes), self.levels)
        for channel in range(self.passes):
            for phase, (row, column) in enumerate(PHASES):
                part = codes[:, channel, row::2, column::2]
                if part.size:
                    yield channel, part.ravel(), self.guess(channel * len(PHASES) + phase, around.of(channel, phase))
                    around.learn(channel, phase, part)

    def decode(self, passes: Sequence[bytes], shape: Shape) -> Codes:
        """See `TokenCoder.decode`."""
        codes = middles(self.levels, shape)
        around = Neighbours(shape, self.levels)
        for channel, data in enumerate(passes):
            reader = Reader(data)
            for phase, (row, column) in enumerate(PHASES):
                part = codes[:, channel, row::2, column::2]
                if part.size:
                    index = self.guess(channel * len(PHASES) + phase, around.of(channel, phase))
                    found = take(reader, index, self.tables).reshape(part.shape)
                    part[:] = check_range(found[:, None], self.levels[channel : channel + 1])[:, 0]
                    around.learn(channel, phase, part)
        return codes


class ChainCoder:
    """One pass, channel after channel of all tokens; tables from the channels before.

    Args:
        levels: (K,). guess: the nets, one for each channel. tables: that they choose from.
    """

    passes = 1

    def __init__(self, levels: tuple[int, ...], guess: Guess, tables: Tables) -> None:
        self.levels, self.guess, self.tables = levels, guess, tables

    def encode(self, codes: Codes) -> list[bytes]:
        """See `TokenCoder.encode`."""
        writer = Writer()
        for _, values, index in self.told(codes):
            put(writer, values, index, self.tables)
        return [writer.close()]

    def told(self, codes: Codes) -> Iterator[Told]:
        """Channel, codes and table indices of one channel after the other."""
        before = Forerunners(codes[:, 0].size, self.levels)
        for channel in range(len(self.levels)):
            flat = codes[:, channel].ravel()
            yield channel, flat, self.guess(channel, before.of(channel))
            before.learn(channel, flat)

    def decode(self, passes: Sequence[bytes], shape: Shape) -> Codes:
        """See `TokenCoder.decode`."""
        codes = middles(self.levels, shape)
        if not passes:
            return codes
        before, reader = Forerunners(codes[:, 0].size, self.levels), Reader(passes[0])
        for channel in range(len(self.levels)):
            found = take(reader, self.guess(channel, before.of(channel)), self.tables)
            codes[:, channel] = found.reshape(codes[:, channel].shape)
            check_range(codes[:, channel : channel + 1], self.levels[channel : channel + 1])
            before.learn(channel, found)
        return codes


def check_range(codes: Codes, levels: Sequence[int]) -> Codes:
    """The codes. Raises: FormatError, one is out of its range."""
    top = np.array(levels, np.int32)[None, :, None, None]
    if codes.size and ((codes < 0) | (codes >= top)).any():
        raise FormatError("a token is out of its range: the file is damaged")
    return codes


def crc(codes: Codes) -> int:
    """CRC-32 of codes in order, as little-endian int32."""
    return zlib.crc32(np.ascontiguousarray(codes, "<i4").tobytes())


def _shape(codes: Codes) -> Shape:
    count, channels, height, width = codes.shape
    return count, channels, height, width
